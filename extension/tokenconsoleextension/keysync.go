package tokenconsoleextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// KeySync is a CLIProxyAPI whose client keys follow the console's.
type KeySync struct {
	// Name distinguishes it from others; the endpoint's host and port where empty.
	Name string `mapstructure:"name"`
	// Endpoint is the address of its API, such as http://127.0.0.1:8317.
	Endpoint string `mapstructure:"endpoint"`
	// ManagementKey is its remote-management::secret-key.
	ManagementKey configopaque.String `mapstructure:"management_key"`
	// TLS is for an https endpoint.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func (k *KeySync) name() string {
	if k.Name != "" {
		return k.Name
	}
	if u, err := url.Parse(k.Endpoint); err == nil {
		return u.Host
	}
	return k.Endpoint
}

func (c *Config) validateKeySync() error {
	var errs []error
	names := map[string]bool{}
	for i := range c.KeySync {
		k := &c.KeySync[i]
		if names[k.name()] {
			errs = append(errs, fmt.Errorf("key_sync: two proxies are called %q; give each a name of its own", k.name()))
		}
		names[k.name()] = true
		if _, err := cliproxy.New(cliproxy.Options{Endpoint: k.Endpoint, Key: string(k.ManagementKey)}); err != nil {
			errs = append(errs, fmt.Errorf("key_sync: %s: %w", k.name(), err))
		}
	}
	return errors.Join(errs...)
}

// Of the lease to change the keys of a proxy: how long it lasts after its process was killed, and how long another one waits.
const syncLease, syncWait = 10 * time.Second, 30 * time.Second

// keySync makes what keeps the proxies' keys; nil where none is configured. Its client is not one of
// confighttp's, which would write the address of each request, and with it a key that is to be
// removed, into the collector's own traces.
func (s *server) keySync(ctx context.Context, l *ledger.Ledger, d store.Directory) (*keysync.Sync, error) {
	if len(s.config.KeySync) == 0 {
		return nil, nil
	}
	o := keysync.Options{Keys: d.Keys, Identity: l.KeyedFingerprint, Logger: s.set.Logger.With(zap.String("part", "key_sync"))}
	if l.Role().Shared {
		o.Alone = func(ctx context.Context, proxy string, f func(context.Context) error) error {
			return lease.During(ctx, l.Leases(), lease.Options{Task: "keysync/" + proxy, Holder: l.Holder(), TTL: syncLease, Wait: syncWait}, f)
		}
	}
	for i := range s.config.KeySync {
		k := &s.config.KeySync[i]
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true // requests are seldom, and none is sent twice over a dead connection
		transport.ResponseHeaderTimeout = 10 * time.Second
		if strings.HasPrefix(k.Endpoint, "https://") {
			config, err := k.TLS.LoadTLSConfig(ctx)
			if err != nil {
				return nil, fmt.Errorf("key_sync: %s: tls: %w", k.name(), err)
			}
			transport.TLSClientConfig = config
		}
		client, err := cliproxy.New(cliproxy.Options{Endpoint: k.Endpoint, Key: string(k.ManagementKey), HTTP: &http.Client{Transport: transport}})
		if err != nil {
			return nil, fmt.Errorf("key_sync: %s: %w", k.name(), err)
		}
		o.Proxies = append(o.Proxies, keysync.Proxy{Name: k.name(), Endpoint: k.Endpoint, Client: client})
	}
	return keysync.New(o), nil
}
