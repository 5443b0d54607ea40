package server_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/server"
)

func TestDashboards(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.GrafanaURL = "https://grafana.example/sub/" })
	list := consoletest.Data[[]server.Dashboard](b, "GET", "/dashboards", "", 200)
	require.Equal(t, "overview", list[0].Name)
	require.Len(t, list, 6)
	for _, d := range list {
		w := b.Do("GET", d.JSON, "", nil)
		require.Equal(t, 200, w.Code)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var body struct{ UID, Title string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		require.Equal(t, d.UID, body.UID)
		require.Equal(t, "https://grafana.example/sub/d/"+d.UID, *d.GrafanaURL)
	}
	require.Nil(t, consoletest.Data[[]server.Dashboard](consoletest.NewBench(t, nil), "GET", "/dashboards", "", 200)[0].GrafanaURL)
	for _, name := range []string{"none.json", "overview", "overview.yaml", "..%2foverview.json"} {
		consoletest.RequireProblem(t, b.Do("GET", api.Base+"/dashboards/"+name, "", nil), 404)
	}
	consoletest.RequireProblem(t, b.As(access.Principal{}).Do("GET", api.Base+"/dashboards/overview.json", "", nil), 401)
}

func TestFromGrafana(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for name, tc := range map[string]struct{ in, want string }{
		"filters and time": {"from=2026-11-01T00:00:00.000Z&to=2026-11-02T00:00:00.000Z&var-model=a&var-model=b%26c&var-key=k",
			"from=2026-11-01T00%3A00%3A00.000Z&key=k&model=a&model=b%26c&to=2026-11-02T00%3A00%3A00.000Z"},
		"all":                {"var-model=%24__all&var-key=All&var-service=.%2A", ""},
		"no filters of ours": {"var-datasource=x&var-instance=h:1&orgId=1&next=//evil.example", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := b.Do("GET", "/console/from-grafana?"+tc.in, "", nil)
			require.Equal(t, 302, w.Code)
			require.Equal(t, "/console/logs?"+tc.want, w.Header().Get("Location"))
		})
	}
}
