package tokenconsoleextension

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension/internal/metadata"
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
	require.Equal(t, "https://tempo.example/trace/{trace_id}", c.Links.TraceURL)

	_, err = load(t, "wrong")
	for _, want := range []string{"storage must name", "Mars/Olympus", "everybody", "can be reached from outside", "max must be at least 1", "links: trace_url must be an http or https address"} {
		require.ErrorContains(t, err, want)
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
