package otlpguardextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tokenboard/tokenboard/extension/otlpguardextension/internal/metadata"
)

func TestConfig(t *testing.T) {
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		want *Config
		errs []string
	}{
		"": {want: &Config{
			MaxDepth: 64, MaxRequestMemoryMiB: 48, MaxMemoryMiB: 128, MaxReceivingMiB: 64, MaxReceivingCalls: 16, Wait: 5 * time.Second,
		}},
		"all": {want: &Config{
			MaxDepth: 100, MaxRequestMemoryMiB: 100, MaxMemoryMiB: 200, MaxReceivingMiB: 50, MaxReceivingCalls: 20, Wait: 2 * time.Second,
		}},
		"wrong": {errs: []string{"max_depth", "max_request_memory_mib", "max_receiving_mib", "max_receiving_calls", "wait must"}},
		"less":  {errs: []string{"max_memory_mib must be at least max_request_memory_mib"}},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			cfg := NewFactory().CreateDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if c.want != nil {
				require.NoError(t, err)
				require.Equal(t, c.want, cfg)
			}
			for _, e := range c.errs {
				require.ErrorContains(t, err, e)
			}
		})
	}
}
