package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// topOf puts the groups of one name together and those beyond the top ones, worked out apart from the ledger.
func topOf(q *Query, groups []Group) []Group {
	byName := map[string]Group{}
	add := func(to, from []Sums) []Sums {
		if to == nil {
			to = make([]Sums, len(from))
		}
		for i := range from {
			to[i].MergeCounts(&from[i])
		}
		return to
	}
	for _, g := range groups {
		name := g.Value
		if q.As != nil {
			name = q.As(name)
		}
		byName[name] = Group{Value: name, Points: add(byName[name].Points, g.Points)}
	}
	figure := func(g *Group, of func(*Sums) int64) (n int64) {
		for i := range g.Points {
			n += of(&g.Points[i])
		}
		return n
	}
	tokens, calls := func(s *Sums) int64 { return s.Tokens.Total() }, func(s *Sums) int64 { return s.Calls }
	all := slices.SortedFunc(maps.Values(byName), func(a, b Group) int {
		return cmp.Or(cmp.Compare(figure(&b, tokens), figure(&a, tokens)), cmp.Compare(figure(&b, calls), figure(&a, calls)), cmp.Compare(a.Value, b.Value))
	})
	if len(all) <= q.Top {
		return all
	}
	rest := Group{Rest: true}
	for _, g := range all[q.Top:] {
		rest.Points = add(rest.Points, g.Points)
	}
	return append(all[:q.Top], rest)
}

// TestTopGroups: the top groups and the rest are those of the whole answer.
func TestTopGroups(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	rapid.Check(t, func(t *rapid.T) {
		q := Query{By: GroupBy(rapid.IntRange(0, int(ByStatus)).Draw(t, "by")), Overall: rapid.Bool().Draw(t, "overall")}
		q.CountsOnly = !q.Overall
		step := rapid.SampledFrom([]time.Duration{time.Hour, 24 * time.Hour, 7 * time.Minute}).Draw(t, "step")
		offset := rapid.SampledFrom([]time.Duration{0, 45 * time.Minute, time.Minute}).Draw(t, "offset")
		for edge := testStart.Truncate(24 * time.Hour).Add(-72*time.Hour + offset); len(q.Edges) < rapid.IntRange(2, 90).Draw(t, "edges"); edge = edge.Add(step) {
			q.Edges = append(q.Edges, edge)
		}
		if rapid.IntRange(0, 4).Draw(t, "filter") == 0 {
			q.Filter.Users = []string{"u1", "u2"}
		}
		if len(q.Edges) < 2 {
			q.Edges = nil
		}
		whole, err := l.Query(context.Background(), q)
		require.NoError(t, err)
		if rapid.Bool().Draw(t, "as") {
			q.As = func(v string) string {
				if v == "u1" || v == "m2" || v == "k3" {
					return "together"
				}
				return v
			}
		}
		q.Top = rapid.IntRange(1, 6).Draw(t, "top")
		want := whole.Groups
		if q.By != ByNothing {
			want = topOf(&q, whole.Groups)
		}
		got, err := l.Query(context.Background(), q)
		require.NoError(t, err)
		require.Len(t, got.Groups, len(want))
		for i := range want {
			require.Equal(t, want[i].Value, got.Groups[i].Value)
			require.Equal(t, want[i].Rest, got.Groups[i].Rest)
			for k := range want[i].Points {
				requireSums(t, &want[i].Points[k], &got.Groups[i].Points[k])
			}
		}
		require.Len(t, got.Overall, len(whole.Overall))
		for i := range whole.Overall {
			requireSums(t, &whole.Overall[i], &got.Overall[i])
		}
	})
	require.NoError(t, l.Close())
}

// TestQueryWhileWriting: a query whose edges cut base buckets reads sums and records one after the
// other while calls are committed into these buckets and taken out of them; each answer is that of one
// moment: what comes as one batch is in it whole or not at all, and what is there already is there.
func TestQueryWhileWriting(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	edge := testStart.Truncate(Bucket).Add(7 * time.Minute)
	pair := func(i int) usage.Batch { // one on either side of the edge, and one in another bucket
		var b usage.Batch
		for side, at := range []time.Duration{-time.Minute, time.Minute, -time.Hour} {
			name := fmt.Sprint(i, "/", side)
			c := testRecord{name: name, trace: name, out: 1}.call()
			c.Start = edge.Add(at)
			b.Calls = append(b.Calls, c)
		}
		return b
	}
	var work sync.WaitGroup
	work.Add(1)
	go func() {
		defer work.Done()
		for i := 0; ctx.Err() == nil; i++ {
			if err := l.Commit(context.Background(), pair(i)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	last := int64(0)
	for last < 60 {
		a, err := l.Query(ctx, Query{Edges: []time.Time{edge.Add(-2 * time.Hour), edge, edge.Add(2 * time.Hour)}})
		require.NoError(t, err)
		if len(a.Groups) == 0 {
			continue
		}
		p := a.Groups[0].Points
		require.Equal(t, 2*p[1].Calls, p[0].Calls)
		require.GreaterOrEqual(t, p[1].Calls, last)
		require.Equal(t, a.Commit, p[1].Calls, "each commit is one batch")
		last = p[1].Calls
	}
	cancel()
	work.Wait()
	a, err := l.Query(context.Background(), Query{Filter: store.Filter{From: edge}})
	require.NoError(t, err)
	require.GreaterOrEqual(t, a.Groups[0].Points[0].Calls, last)
	require.NoError(t, l.Close())
}
