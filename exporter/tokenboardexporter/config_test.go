package tokenboardexporter

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter/internal/metadata"
)

func TestConfig(t *testing.T) {
	tests := map[string]struct {
		want *Config
		err  string
	}{
		"": {want: &Config{
			TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: 30 * time.Second},
			Storage:       component.MustNewID("tokenstore"),
		}},
		"timeout": {want: &Config{
			TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: 5 * time.Second},
			Storage:       component.MustNewIDWithName("tokenstore", "second"),
		}},
		"nostorage": {err: "storage must be set"},
	}
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			part, err := all.Sub(component.NewIDWithName(metadata.Type, name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig()
			require.NoError(t, part.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, cfg)
		})
	}
}
