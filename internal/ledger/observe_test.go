package ledger

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// copied makes a copy of what an observer receives, which is valid only meanwhile.
func copied(c Commit) Commit {
	c.Changes = slices.Clone(c.Changes)
	for i := range c.Changes {
		call := *c.Changes[i].Call
		c.Changes[i].Call = &call
	}
	return c
}

func TestObserverKeepsTheSums(t *testing.T) {
	l, f := open(t, t.TempDir(), Options{})
	defer func() { require.NoError(t, l.Close()) }()
	commit(t, l, testRecord{name: "before", trace: "b", out: 5})

	var mu sync.Mutex
	var commits []Commit
	stop := l.Observe(func(c Commit) {
		mu.Lock()
		defer mu.Unlock()
		commits = append(commits, copied(c))
	})
	start, err := l.Query(context.Background(), Query{})
	require.NoError(t, err)
	sums := start.Groups[0].Points[0]

	commit(t, l, testRecord{name: "agent", role: usage.RoleAggregate, out: 7})
	commit(t, l, testRecord{name: "agent", role: usage.RoleAggregate, out: 7}) // changes nothing
	f.fail.Store(true)
	require.Error(t, l.Commit(context.Background(), batchOf([]testRecord{{name: "lost", trace: "x", out: 1}})))
	f.fail.Store(false)
	commit(t, l, testRecord{name: "chat", parent: "agent", out: 7})                                             // supersedes the agent
	commit(t, l, testRecord{name: "chat", parent: "agent", out: 9}, testRecord{name: "c2", trace: "c", out: 1}) // a more complete delivery
	stop()
	commit(t, l, testRecord{name: "unseen", trace: "u", out: 100})

	mu.Lock()
	defer mu.Unlock()
	var numbers []int64
	for _, c := range commits {
		numbers = append(numbers, c.Number-start.Commit)
		require.Equal(t, now(), c.At)
		for i := range c.Changes {
			sums.Add(c.Changes[i].Call, c.Changes[i].N)
		}
	}
	require.Equal(t, []int64{1, 2, 3}, numbers)
	require.EqualValues(t, 3, sums.Calls)
	require.EqualValues(t, 15, sums.Tokens.Total())
	last := commits[2].Changes
	require.True(t, slices.ContainsFunc(last, func(c Change) bool { return c.N == -1 && c.Call.Tokens.Total() == 7 }), "the old delivery goes")
}
