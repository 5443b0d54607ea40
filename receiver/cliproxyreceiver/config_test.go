package cliproxyreceiver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

func load(t *testing.T, id string) (*Config, error) {
	t.Helper()
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := all.Sub(id)
	require.NoError(t, err)
	c := createDefaultConfig().(*Config)
	if err := sub.Unmarshal(c); err != nil {
		return nil, err
	}
	return c, confmap.Validate(c)
}

func TestConfig(t *testing.T) {
	c, err := load(t, "cliproxy")
	require.NoError(t, err)
	require.Len(t, c.Proxies, 1)
	p := c.Proxies[0]
	want := defaultProxy()
	want.HTTP.Endpoint, want.ManagementKey = "http://127.0.0.1:8317", "a-key-of-the-tests"
	require.Equal(t, want, p)
	require.Equal(t, "127.0.0.1:8317", p.name())
	require.Equal(t, "file_storage", c.Storage.String())

	c, err = load(t, "cliproxy/all")
	require.NoError(t, err)
	require.Len(t, c.Proxies, 2)
	p = c.Proxies[0]
	require.Equal(t, "https://proxy.example.com/cpa/", p.HTTP.Endpoint)
	require.Equal(t, "ca.pem", p.HTTP.TLS.CAFile)
	require.Equal(t, 10*time.Second, p.HTTP.Timeout)
	require.Equal(t, "main", p.name())
	require.Equal(t, []any{"subscribe", "v0", true, "gateway", 10 * time.Minute, time.Second, time.Minute, 5000, time.Duration(0)},
		[]any{p.Mode, p.API, p.EnableUsageStatistics, p.ServiceName, p.Retention, p.MinInterval, p.MaxInterval, p.MaxEvents, p.CheckInterval})
	require.Equal(t, defaultMaxInterval, c.Proxies[1].MaxInterval, "each proxy has its own defaults")
	require.Equal(t, RetryConfig{InitialInterval: 100 * time.Millisecond, MaxInterval: time.Second}, c.Retry)

	_, err = load(t, "cliproxy/allow_loss")
	require.NoError(t, err)
}

func TestWrongConfig(t *testing.T) {
	for id, says := range map[string][]string{
		"nothing":       {"proxies: name at least one", "storage: name a storage extension"},
		"no_storage":    {"allow_loss"},
		"no_key":        {"management_key must be set"},
		"key_in_url":    {"endpoint must hold no user"},
		"no_address":    {"is no http or https address"},
		"same_name":     {`two are called "127.0.0.1:8317"`},
		"wrong_words":   {`mode "push" is not known`, `api "v9" is not known`},
		"too_seldom":    {"max_interval 45s must be at most half of retention 1m0s"},
		"limits":        {"retention must be", "min_interval must be positive", "max_events must be", "check_interval", "max_backlog", "retry:"},
		"unknown_field": {"manager_key"},
	} {
		t.Run(id, func(t *testing.T) {
			_, err := load(t, "cliproxy/"+id)
			require.Error(t, err)
			for _, s := range says {
				require.ErrorContains(t, err, s)
			}
			require.NotContains(t, err.Error(), "a-key-of-the-tests")
			require.NotContains(t, err.Error(), "secret@")
		})
	}
}

func TestManagementKeyIsHidden(t *testing.T) {
	c, err := load(t, "cliproxy")
	require.NoError(t, err)
	shown := confmap.New()
	require.NoError(t, shown.Marshal(c))
	require.NotContains(t, shown.ToStringMap(), "a-key-of-the-tests")
	text, err := c.Proxies[0].ManagementKey.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "[REDACTED]", string(text))
}
