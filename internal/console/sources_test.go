package console

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/sources"
)

func TestSources(t *testing.T) {
	require.Empty(t, data[Quality](newBench(t, nil), "GET", "/quality", "", 200).Sources)
	board := &sources.Board{}
	b := newBench(t, func(o *Options) { o.Sources = board })
	board.Add(func() sources.State {
		return sources.State{Kind: "cliproxy", Name: "main", Up: true, LastEvent: testNow, Events: 7, Waiting: 2, Gaps: map[string]int64{"late": 1}, OtherConsumer: true}
	})
	board.Add(func() sources.State {
		return sources.State{Kind: "cliproxy", Name: "other", Trouble: "the proxy does not answer"}
	})
	got := data[Quality](b, "GET", "/quality", "", 200).Sources
	require.Equal(t, []Source{
		{Kind: "cliproxy", Name: "main", Up: true, LastEvent: &testNow, Events: 7, Waiting: 2, Gaps: map[string]int64{"late": 1}, OtherConsumer: true},
		{Kind: "cliproxy", Name: "other", Trouble: "the proxy does not answer", Gaps: map[string]int64{}},
	}, got)
}
