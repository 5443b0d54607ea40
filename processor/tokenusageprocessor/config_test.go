package tokenusageprocessor

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

func TestConfig(t *testing.T) {
	tests := map[string]struct {
		want *Config
		err  string
	}{
		"": {want: &Config{DropContent: true}},
		"all": {want: &Config{
			DropAttributes: []string{"customer.name", "internal.*"}, EmitLegacyCacheCreation: true,
		}},
		"everything": {err: `"*" alone would remove everything`},
	}
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			part, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, part.Unmarshal(cfg))
			if err = confmap.Validate(cfg); tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, cfg)
		})
	}
}
