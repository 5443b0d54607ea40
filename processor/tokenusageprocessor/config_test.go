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
	no := false
	tests := map[string]struct {
		want *Config
		err  string
	}{
		"": {want: &Config{DropContent: true, RedactSecrets: true}},
		"all": {want: &Config{
			DropAttributes: []string{"customer.name", "internal.*"}, EmitLegacyCacheCreation: true,
		}},
		"taught": {want: &Config{DropContent: true, RedactSecrets: true, Dialects: []Dialect{{
			Name: "my-gateway", Scope: "my.gateway", Events: []string{"gateway.call"}, Input: []string{"tokens_in", "usage#prompt.count"},
			Output: []string{"tokens_out"}, CacheRead: []string{"tokens_cached"}, InputIncludesCache: &no, Model: []string{"model_used"},
			Provider: "openai", User: []string{"caller"}, CostUSD: []string{"price"},
		}}}},
		"nameless":   {err: "each needs a name"},
		"empty":      {err: "name the attributes"},
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
