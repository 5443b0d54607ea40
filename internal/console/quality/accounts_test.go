package quality_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/sources"
)

func TestAccounts(t *testing.T) {
	require.Empty(t, consoletest.Data[quality.Accounts](consoletest.NewBench(t, nil), "GET", "/accounts", "", 200).Accounts)
	var q sources.Quotas
	at, reset := consoletest.TestNow.Add(-time.Hour), consoletest.TestNow.Add(time.Hour)
	for i := range 3 {
		q.Note("a…@e….com (01ab)", "openai", at.Add(time.Duration(i)*10*time.Minute), sources.Quota{Status: "allowed", Windows: []sources.Window{
			{Length: 7 * 24 * time.Hour, UsedPercent: float64(10 * i), ResetsAt: reset, At: at.Add(time.Duration(i) * 10 * time.Minute)},
			{Length: 5 * time.Hour, UsedPercent: 99, ResetsAt: at.Add(time.Minute), At: at.Add(time.Duration(i) * 10 * time.Minute)},
		}})
	}
	q.Note("…", "anthropic", at, sources.Quota{Status: "rejected"})
	board := &sources.Board{}
	b := consoletest.NewBench(t, func(o *console.Options) { o.Sources = board })
	board.Add(func() sources.State { return sources.State{Kind: "cliproxy", Name: "main", Accounts: q.All()} })
	all := consoletest.Data[quality.Accounts](b, "GET", "/accounts?points=2", "", 200).Accounts
	require.Len(t, all, 2)
	got := consoletest.Data[quality.Accounts](b, "GET", "/accounts?account=a…@e….com+(01ab)&points=2", "", 200).Accounts
	require.Len(t, got, 1)
	a := got[0]
	require.Equal(t, []string{"a…@e….com (01ab)", "openai", "main", "allowed"}, []string{a.Account, a.Provider, a.Source, a.Status})
	require.Len(t, a.Windows, 2)
	require.Equal(t, []any{"5h", int64(300), 0.0}, []any{a.Windows[0].Name, a.Windows[0].Minutes, a.Windows[0].Used}, "it was renewed")
	require.Nil(t, a.Windows[0].ResetsAt)
	require.Equal(t, []any{"7d", 20.0, reset}, []any{a.Windows[1].Name, a.Windows[1].Used, *a.Windows[1].ResetsAt})
	require.Equal(t, []float64{10, 20}, []float64{a.Windows[1].Points[0].Used, a.Windows[1].Points[1].Used})
	require.Equal(t, 400, b.Do("GET", "/api/console/accounts?points=289", "", nil).Code)
}
