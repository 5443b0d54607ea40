package alerting

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestQueueOfNobody: without a rule commits are numbered and not kept; from the moment that one is there they are.
func TestQueueOfNobody(t *testing.T) {
	var q queue
	commit := func(number int64) {
		q.add(ledger.Commit{Number: number, Changes: []ledger.Change{{Call: &usage.Call{Model: "m"}, N: 1}}})
	}
	commit(1)
	q.collect(false)
	commit(2)
	facts, lost := q.take()
	require.Empty(t, facts)
	require.False(t, lost)
	require.EqualValues(t, 2, q.number(), "what a meter is filled with ends here")
	q.collect(true)
	commit(3)
	facts, lost = q.take()
	require.Len(t, facts, 1)
	require.EqualValues(t, 3, facts[0].commit)
	require.False(t, lost)
	require.EqualValues(t, 3, q.number())
}
