package stats_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestEmptyFilter: a filter whose value is empty has the calls that name none, alone and with other values, in every dimension
// that breakdowns show a row of such calls of.
func TestEmptyFilter(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Commit(consoletest.CallOf(1, func(c *usage.Call) {
		c.Model, c.Provider, c.User, c.Service, c.Project, c.Account, c.Operation, c.Environment, c.Session, c.Scope = "m", "p", "u", "s", "j", "a", "chat", "e", "c", "scope"
		c.KeyFingerprint, c.Failed, c.ErrorType, c.Quality = usage.Fingerprint("k"), true, "timeout", usage.Estimated
	}))
	b.Commit(consoletest.CallOf(2, func(c *usage.Call) {
		c.Model, c.User = "", ""
		c.ReportedCost, c.HasReportedCost = 1, true
	}))
	for _, name := range []string{"model", "provider", "key", "user", "service", "project", "account", "operation", "environment", "session", "error_type", "emitter"} {
		rows := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by="+name, "", 200).Rows
		require.Len(t, rows, 2, name)
		require.EqualValues(t, 1, consoletest.Data[stats.Stats](b, "GET", "/stats?"+name+"=", "", 200).Calls, name)
		require.EqualValues(t, 4, consoletest.Data[stats.Stats](b, "GET", "/stats?"+name+"=", "", 200).Used, "%s: the call that names none", name)
	}
	require.EqualValues(t, 2, consoletest.Data[stats.Stats](b, "GET", "/stats?user=&user=u", "", 200).Calls)
	many := "user=" + strings.Repeat("&user="+url.QueryEscape("x"), 100)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/stats?"+many, "", nil), 400)
}
