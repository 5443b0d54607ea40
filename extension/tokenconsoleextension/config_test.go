package tokenconsoleextension

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension/internal/metadata"
	"github.com/tokenboard/tokenboard/internal/console/stats"
)

func load(t *testing.T, name string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	part, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, part.Unmarshal(cfg))
	return cfg, confmap.Validate(cfg)
}

func TestConfig(t *testing.T) {
	c, err := load(t, "")
	require.NoError(t, err)
	require.Equal(t, "localhost:8317", c.HTTP.NetAddr.Endpoint)
	require.Equal(t, "tokenstore", c.Storage.String())
	require.Equal(t, 100_000, c.Keys.Max)

	c, err = load(t, "all")
	require.NoError(t, err)
	require.Equal(t, "Asia/Shanghai", c.Timezone)
	require.Equal(t, 500, c.Keys.Max)
	quota, err := c.Quota.read()
	require.NoError(t, err)
	require.Equal(t, stats.Quota{Tokens: 100_000_000, Cost: 250_500_000_000, Period: 1}, quota) // a week
	require.Equal(t, Verify{Anonymous: true, Reservation: 2 * time.Minute, Estimate: 4_000, FailuresPerMinute: 5}, c.Verify)
	require.Equal(t, "https://tempo.example/trace/{trace_id}", c.Links.TraceURL)

	require.Equal(t, "viewer", c.Access.authRole(), "least power")

	c, err = load(t, "local")
	require.NoError(t, err)
	require.Equal(t, time.Hour, c.Access.Session.IdleTimeout)
	proxies, err := c.Access.proxies()
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}, proxies)
	require.NotContains(t, fmt.Sprintf("%+v", c), "a password of the tests")

	c, err = load(t, "oidc")
	require.NoError(t, err)
	require.Equal(t, []string{"staff", "guests"}, c.Access.OIDC.Roles["viewer"])
	require.NotContains(t, fmt.Sprintf("%+v", c), "a secret of the tests")

	c, err = load(t, "authenticator")
	require.NoError(t, err)
	require.Equal(t, "none", c.Access.authRole())

	c, err = load(t, "key_sync")
	require.NoError(t, err)
	require.Len(t, c.KeySync, 2)
	require.Equal(t, []string{"127.0.0.1:8317", "second", "ca.pem"}, []string{c.KeySync[0].name(), c.KeySync[1].name(), c.KeySync[1].TLS.CAFile})
	require.NotContains(t, fmt.Sprintf("%+v", c), "a key of the tests")

	for name, wants := range map[string][]string{
		"bad_quota": {"quota", "year"}, "bad_verify": {"verify", "reservation"},
		"key_sync_wrong": {"management_key must be set", `two proxies are called "127.0.0.1:8317"`},
		"wrong": {
			"storage must name", "Mars/Olympus", "everybody", "max must be at least 1", "no host name", "proxy.example.com", "lifetime must be above 0",
			"username and password go together", "name one in auth", "max_entries must be above 0",
			"links: trace_url must be an http or https address", "links: grafana_url must be an http or https address",
		},
		"wrongoidc": {"at least 12", "issuer must be an https URL", "client_id must be set", "client_secret must be set", "must end in /api", `"root" is no role`},
		"both":      {"exclude each other", "auth_role_attribute and auth_roles go together"},
		"outside":   {"can be reached from outside"},
	} {
		_, err = load(t, name)
		for _, want := range wants {
			require.ErrorContains(t, err, want, name)
		}
		require.NotContains(t, err.Error(), "short")
	}
}

func TestLoopback(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"localhost:1": true, "127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true,
		"0.0.0.0:1": false, "[::]:1": false, ":1": false, "192.168.0.2:1": false, "example.com:1": false, "127.0.0.1": false,
	} {
		require.Equal(t, want, loopback(endpoint), endpoint)
	}
}

// TestDocumentedConfigurations validates every configuration of the document on access and of the README.
func TestDocumentedConfigurations(t *testing.T) {
	for _, path := range []string{filepath.Join("..", "..", "docs", "access.md"), "README.md"} {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		blocks := strings.Split(string(raw), "```yaml\n")[1:]
		require.NotEmpty(t, blocks)
		for _, block := range blocks {
			text, _, ok := strings.Cut(block, "```")
			require.True(t, ok)
			retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
			require.NoError(t, err, text)
			conf, err := retrieved.AsConf()
			require.NoError(t, err, text)
			part, err := conf.Sub("extensions::tokenconsole")
			require.NoError(t, err)
			require.NotEmpty(t, part.AllKeys(), text)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, part.Unmarshal(cfg), text)
			require.NoError(t, confmap.Validate(cfg), text)
		}
	}
}

// TestNotifications: which addresses are allowed, and what is refused.
func TestNotifications(t *testing.T) {
	n := Notifications{Allow: []string{"10.0.0.0/8", "127.0.0.1", "fd00::/8"}, PageURL: "https://tokens.example.com/console", Timeout: time.Second}
	require.NoError(t, n.validate())
	policy, err := n.policy()
	require.NoError(t, err)
	for address, allowed := range map[string]bool{"10.1.2.3": true, "127.0.0.1": true, "127.0.0.2": false, "fd00::1": true, "192.168.0.1": false} {
		require.Equal(t, allowed, policy.Check(netip.MustParseAddr(address)) == nil, address)
	}
	for want, bad := range map[string]Notifications{
		"notifications: allow":           {Allow: []string{"mail.example.com"}, Timeout: time.Second},
		"notifications: timeout must be": {},
		"notifications: page_url":        {PageURL: "https://u:p@tokens.example.com", Timeout: time.Second},
	} {
		require.ErrorContains(t, bad.validate(), want)
	}
	require.NoError(t, createDefaultConfig().(*Config).Notifications.validate())
}
