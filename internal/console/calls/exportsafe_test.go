package calls_test

import (
	"context"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestExportIsSafe(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	c := usage.Call{
		ID: usage.ID{1}, Role: usage.RoleCall, Signal: usage.SignalLog, Start: consoletest.TestNow.Add(-time.Hour),
		Model: "=HYPERLINK(\"http://evil\")", User: "+1", Service: "@x", Provider: "-y", Project: "plain, \"quoted\"\nline",
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	w := b.Do("GET", api.Base+"/export?format=csv", "", nil)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Disposition"), `filename="tokenboard-calls-until-2026-11-03.csv"`)
	text, marked := strings.CutPrefix(w.Body.String(), "\uFEFF")
	require.True(t, marked)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for i, name := range rows[0] {
		v := rows[1][i]
		require.NotContains(t, "=+-@", string(append([]byte(v), ' ')[:1]), name)
		if name == "project" {
			require.Equal(t, c.Project, v)
		}
	}
	empty := consoletest.NewBench(t, nil).Do("GET", api.Base+"/export", "", nil).Body.String()
	require.Contains(t, empty, `"logs":[`)
	require.JSONEq(t, empty, empty)
}
