package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAlerts: a rule is made of a template, listed, tried, switched off and removed; what is wrong is said.
func TestAlerts(t *testing.T) {
	serve(t)
	alerts := func(args string) string {
		t.Helper()
		out, _, err := run(context.Background(), append([]string{"alerts"}, strings.Fields(args)...)...)
		require.NoError(t, err)
		return out
	}
	require.Contains(t, alerts("templates"), "errors ")
	require.Contains(t, alerts("add errors --name failing --limit 5"), "failing")
	rules := alerts("rules")
	require.Regexp(t, `rul_\S+ +failing +error_share +yes +critical +5% +15m`, rules)
	id := "rul_" + strings.Fields(strings.SplitN(rules, "rul_", 2)[1])[0]
	require.Contains(t, alerts("dry-run "+id), "times since")
	require.Regexp(t, `failing +error_share +no`, alerts("disable "+id))
	require.Regexp(t, `failing +error_share +yes`, alerts("enable "+id))
	require.Contains(t, alerts("rules --json"), `"min_calls": 20`)
	alerts("delete " + id)
	require.NotContains(t, alerts("rules"), id)
	require.Contains(t, alerts(""), "STATE")
	require.Contains(t, alerts("history --severity critical"), "STATE")
	for args, code := range map[string]int{"add none": exitWrong, "enable": exitWrong, "dry-run rul_none": exitNotThere, "history extra": exitWrong} {
		_, _, err := run(context.Background(), append([]string{"alerts"}, strings.Fields(args)...)...)
		require.Equal(t, code, ExitCode(err), args)
	}
}
