package quality_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/sources"
)

func TestSources(t *testing.T) {
	require.Empty(t, consoletest.Data[quality.Quality](consoletest.NewBench(t, nil), "GET", "/quality", "", 200).Sources)
	board := &sources.Board{}
	b := consoletest.NewBench(t, func(o *console.Options) { o.Sources = board })
	board.Add(func() sources.State {
		return sources.State{Kind: "cliproxy", Name: "main", Up: true, LastEvent: consoletest.TestNow, Events: 7, Waiting: 2, Gaps: map[string]int64{"late": 1}, OtherConsumer: true}
	})
	board.Add(func() sources.State {
		return sources.State{Kind: "cliproxy", Name: "other", Trouble: "the proxy does not answer"}
	})
	got := consoletest.Data[quality.Quality](b, "GET", "/quality", "", 200).Sources
	require.Equal(t, []quality.Source{
		{Kind: "cliproxy", Name: "main", Up: true, LastEvent: &consoletest.TestNow, Events: 7, Waiting: 2, Gaps: map[string]int64{"late": 1}, OtherConsumer: true},
		{Kind: "cliproxy", Name: "other", Trouble: "the proxy does not answer", Gaps: map[string]int64{}},
	}, got)
}
