package cliproxyreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
)

// Config is the configuration of the receiver.
type Config struct {
	// Proxies are the CLIProxyAPI instances to take usage from.
	Proxies []ProxyConfig `mapstructure:"proxies"`
	// Storage is the id of the storage extension that keeps what was taken and is not accepted yet.
	Storage *component.ID `mapstructure:"storage"`
	// AllowLoss permits to run without a storage: events that were taken are lost when the process ends.
	AllowLoss bool `mapstructure:"allow_loss"`
	// MaxBacklog is the number of events of one proxy that are kept while the pipeline does not accept
	// them; above it nothing more is taken.
	MaxBacklog int `mapstructure:"max_backlog"`
	// Quality is the id of a tokenstore extension: the console over it shows how each proxy fares.
	Quality *component.ID `mapstructure:"quality"`
	// Retry says when the pipeline is asked again after it failed. It is never given up.
	Retry RetryConfig `mapstructure:"retry"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// RetryConfig is an exponential backoff without an end.
type RetryConfig struct {
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// The modes of taking events.
const (
	modeAuto      = "auto"
	modePull      = "pull"
	modeSubscribe = "subscribe"
)

// ProxyConfig is one CLIProxyAPI.
type ProxyConfig struct {
	// HTTP is the client; its endpoint is the address of the proxy's API, such as http://127.0.0.1:8317.
	// It is not embedded, because its Unmarshal method would become ours.
	HTTP confighttp.ClientConfig `mapstructure:",squash"`

	// Name distinguishes the proxy from others; the endpoint's host and port where empty. It is part of the
	// identity of each call.
	Name string `mapstructure:"name"`
	// ManagementKey is the proxy's remote-management::secret-key.
	ManagementKey configopaque.String `mapstructure:"management_key"`
	// Mode is pull (HTTP), subscribe (Redis protocol), or auto: pull where the proxy has the route.
	Mode string `mapstructure:"mode"`
	// API is the generation of the management API: v0, v8, or auto.
	API string `mapstructure:"api"`
	// EnableUsageStatistics turns usage-statistics-enabled on in the proxy, which is off by default.
	EnableUsageStatistics bool `mapstructure:"enable_usage_statistics"`
	// ServiceName is the service.name of the spans.
	ServiceName string `mapstructure:"service_name"`
	// Retention is the proxy's redis-usage-queue-retention-seconds.
	Retention time.Duration `mapstructure:"retention"`
	// MinInterval and MaxInterval bound the time between two pulls: the first while events come, the
	// second while none do.
	MinInterval time.Duration `mapstructure:"min_interval"`
	MaxInterval time.Duration `mapstructure:"max_interval"`
	// MaxEvents is how many events one pull takes.
	MaxEvents int `mapstructure:"max_events"`
	// CheckInterval is how often it is checked that the proxy records usage and that nobody else takes
	// it; 0 checks only at start.
	CheckInterval time.Duration `mapstructure:"check_interval"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	defaultRetention     = time.Minute
	maxRetention         = time.Hour // the proxy keeps no longer
	defaultMinInterval   = 3 * time.Second
	defaultMaxInterval   = 15 * time.Second
	defaultMaxEvents     = 1000
	defaultCheckInterval = 5 * time.Minute
	defaultMaxBacklog    = 200_000
	defaultTimeout       = 30 * time.Second
)

func createDefaultConfig() component.Config {
	return &Config{MaxBacklog: defaultMaxBacklog, Retry: RetryConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second}}
}

func defaultProxy() ProxyConfig {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = defaultTimeout
	return ProxyConfig{
		HTTP: client, Mode: modeAuto, API: string(cliproxy.Auto), ServiceName: "cliproxyapi", Retention: defaultRetention,
		MinInterval: defaultMinInterval, MaxInterval: defaultMaxInterval, MaxEvents: defaultMaxEvents, CheckInterval: defaultCheckInterval,
	}
}

// Unmarshal fills in the defaults of each proxy before what is configured. Unknown settings are looked
// for here, because confmap lets them pass in a struct into which a client is squashed.
func (p *ProxyConfig) Unmarshal(conf *confmap.Conf) error {
	*p = defaultProxy()
	known := settings(reflect.TypeFor[ProxyConfig]())
	for name := range conf.ToStringMap() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("proxies: there is no setting %q; the README of the receiver lists them", name)
		}
	}
	return conf.Unmarshal(p)
}

// settings lists the names of a struct's settings.
func settings(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("mapstructure"), ",")
		if options == "squash" {
			names = append(names, settings(t.Field(i).Type)...)
		} else if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// name returns the proxy's name.
func (p *ProxyConfig) name() string {
	if p.Name != "" {
		return p.Name
	}
	if u, err := url.Parse(p.HTTP.Endpoint); err == nil {
		return u.Host
	}
	return p.HTTP.Endpoint
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Proxies) == 0 {
		errs = append(errs, errors.New("proxies: name at least one, with endpoint and management_key"))
	}
	names := map[string]bool{}
	for i := range c.Proxies {
		p := &c.Proxies[i]
		if names[p.name()] {
			errs = append(errs, fmt.Errorf("proxies: two are called %q; give each a name of its own", p.name()))
		}
		names[p.name()] = true
		if err := p.validate(); err != nil {
			errs = append(errs, fmt.Errorf("proxies: %s: %w", p.name(), err))
		}
	}
	if c.Storage == nil && !c.AllowLoss {
		errs = append(errs, errors.New("storage: name a storage extension (file_storage), which keeps what the proxy has handed out "+
			"until it is accepted; or set allow_loss: true to lose it whenever the collector ends"))
	}
	if c.MaxBacklog < 1 {
		errs = append(errs, errors.New("max_backlog must be at least 1"))
	}
	if c.Retry.InitialInterval <= 0 || c.Retry.MaxInterval < c.Retry.InitialInterval {
		errs = append(errs, errors.New("retry: initial_interval must be positive, and max_interval not below it"))
	}
	return errors.Join(errs...)
}

func (p *ProxyConfig) validate() error {
	var errs []error
	if _, err := cliproxy.New(p.options(nil, nil)); err != nil {
		errs = append(errs, err)
	}
	switch p.Mode {
	case modeAuto, modePull, modeSubscribe:
	default:
		errs = append(errs, fmt.Errorf("mode %q is not known; use auto, pull or subscribe", p.Mode))
	}
	switch cliproxy.API(p.API) {
	case cliproxy.Auto, cliproxy.V0, cliproxy.V8:
	default:
		errs = append(errs, fmt.Errorf("api %q is not known; use auto, v0 or v8", p.API))
	}
	if p.Retention <= 0 || p.Retention > maxRetention {
		errs = append(errs, errors.New("retention must be the proxy's redis-usage-queue-retention-seconds, at most 1h"))
	}
	if p.MinInterval <= 0 || p.MaxInterval < p.MinInterval {
		errs = append(errs, errors.New("min_interval must be positive, and max_interval not below it"))
	}
	if p.MaxInterval > p.Retention/2 {
		errs = append(errs, fmt.Errorf("max_interval %s must be at most half of retention %s, after which the proxy forgets events", p.MaxInterval, p.Retention))
	}
	if p.MaxEvents < 1 || p.MaxEvents > 100_000 {
		errs = append(errs, errors.New("max_events must be 1 to 100000"))
	}
	if p.CheckInterval < 0 {
		errs = append(errs, errors.New("check_interval must not be negative"))
	}
	return errors.Join(errs...)
}
