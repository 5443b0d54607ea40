package rules

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/expr"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/stretchr/testify/require"
)

// TestFilesAreCommitted: what is committed is what the source returns, each time. e2e runs the rules in a
// real Prometheus, and promtool tests them.
func TestFilesAreCommitted(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	again, err := Files()
	require.NoError(t, err)
	require.Equal(t, files, again)
	require.Len(t, files, 2)
	for name, text := range files {
		committed, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, string(committed), string(text), "%s is stale: make dashboards", name)
	}
}

// TestModels: the SDK's strict decoders accept the queries of Grafana's rules. The rules around them have
// the names of file provisioning, which the SDK does not know.
func TestModels(t *testing.T) {
	uids := map[string]bool{}
	file, err := grafanaFile()
	require.NoError(t, err)
	for _, r := range file.Groups[0].Rules {
		require.NotZero(t, r.PanelID, r.Title)
		require.False(t, uids[r.UID], r.UID)
		require.LessOrEqual(t, len(r.UID), 40, "Grafana takes no longer uid")
		uids[r.UID] = true
		value, err := json.Marshal(r.Data[0].Model)
		require.NoError(t, err)
		requireStrict(t, new(prometheus.Dataquery).UnmarshalJSONStrict(value))
		above, err := json.Marshal(r.Data[1].Model)
		require.NoError(t, err)
		requireStrict(t, new(expr.TypeThreshold).UnmarshalJSONStrict(above))
	}
	require.Len(t, uids, len(Alerts()))
	wrong := new(prometheus.Dataquery).UnmarshalJSONStrict([]byte(`{"expression":"1"}`))
	require.NotEmpty(t, wrong.Error())
}

// requireStrict: the SDK returns an empty list of errors as an error.
func requireStrict(t *testing.T, err error) {
	t.Helper()
	var all cog.BuildErrors
	require.True(t, err == nil || errors.As(err, &all), "%v", err)
	require.Empty(t, all)
}
