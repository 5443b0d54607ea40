package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// variedCalls makes calls over three days that differ in every dimension.
func variedCalls(n int) usage.Batch {
	var b usage.Batch
	for i := range n {
		c := testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: int64(i%7 + 1)}.call()
		c.Start = testStart.Add(-time.Duration(i) * 71 * time.Minute / 3)
		c.Model, c.Provider = fmt.Sprint("m", i%3), fmt.Sprint("p", i%2)
		c.KeyFingerprint, c.User = fmt.Sprint("k", i%4), fmt.Sprint("u", i%5)
		c.Service, c.Project = fmt.Sprint("s", i%2), fmt.Sprint("j", i%3)
		c.Duration, c.TTFT = time.Duration(i)*time.Millisecond, time.Duration(i)*time.Microsecond
		if c.Status = 200; i%6 == 0 {
			c.Status, c.Failed = 429, true
		}
		b.Calls = append(b.Calls, c)
	}
	return b
}

// TestQueryEqualsRecords: whatever is asked, by whatever way it is answered (memory, records, or
// both), the answer is that of a plain loop over the stored records.
func TestQueryEqualsRecords(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	records := stored(t, l)
	some := func(t *rapid.T, name string, values ...string) []string {
		if rapid.IntRange(0, 3).Draw(t, "filter "+name) > 0 {
			return nil
		}
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 2, rapid.ID).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := func(name string) time.Time {
			d := time.Duration(rapid.Int64Range(0, 80*60).Draw(t, name)) * time.Minute
			if rapid.Bool().Draw(t, name+" aligned") {
				d = d.Truncate(Bucket)
			}
			return testStart.Add(-d)
		}
		q := Query{By: GroupBy(rapid.IntRange(0, int(ByStatus)).Draw(t, "by")), Filter: store.Filter{
			Models: some(t, "models", "m0", "m1", "nope"), Providers: some(t, "providers", "p0", "p1"),
			Keys: some(t, "keys", "k0", "k1", ""), Users: some(t, "users", "u1", "u2"),
			Services: some(t, "services", "s0"), Projects: some(t, "projects", "j1", "j2"),
			Statuses: some(t, "statuses", "ok", "error", "429", "500", "4xx"),
		}}
		switch rapid.IntRange(0, 2).Draw(t, "range") {
		case 0:
			q.Filter.From = at("from")
		case 1:
			for edge := at("edge"); edge.Before(testStart.Add(time.Hour)) && len(q.Edges) < 50; {
				q.Edges = append(q.Edges, edge)
				edge = edge.Add(time.Duration(rapid.Int64Range(1, 600).Draw(t, "step")) * time.Minute)
			}
			q.Edges = append(q.Edges, testStart.Add(2*time.Hour))
			if len(q.Edges) < 2 {
				q.Edges = nil
			}
		}
		answer, err := l.Query(context.Background(), q)
		require.NoError(t, err)

		want := map[rollup.Value][]Sums{}
		for i := range records {
			c := &records[i].Call
			f := q.Filter
			if (!f.From.IsZero() && c.Start.Before(f.From)) || (len(q.Edges) > 0 && c.Start.Before(q.Edges[0])) ||
				!in(f.Models, c.Model) || !in(f.Providers, c.Provider) || !in(f.Keys, c.KeyFingerprint) ||
				!in(f.Users, c.User) || !in(f.Services, c.Service) || !in(f.Projects, c.Project) ||
				!statusIn(f.Statuses, c) {
				continue
			}
			group := rollup.Value{}
			if q.By != ByNothing {
				group.Value = valueOf(q.By, c)
			}
			if q.By == ByModel {
				group.Provider = c.Provider
			}
			if want[group] == nil {
				want[group] = make([]Sums, max(len(q.Edges)-1, 1))
			}
			point := 0
			for point < len(q.Edges)-2 && !c.Start.Before(q.Edges[point+1]) {
				point++
			}
			want[group][point].Add(c, 1)
		}
		got := map[rollup.Value][]Sums{}
		for _, g := range answer.Groups {
			got[rollup.Value{Value: g.Value, Provider: g.Provider}] = g.Points
		}
		require.Len(t, got, len(want))
		for m, points := range want {
			require.Len(t, got[m], len(points), "group %v", m)
			for i := range points {
				requireSums(t, &points[i], &got[m][i])
			}
		}

		q.Overall = true
		answer, err = l.Query(context.Background(), q)
		require.NoError(t, err)
		overall := make([]Sums, max(len(q.Edges)-1, 1))
		for _, points := range want {
			for i := range points {
				overall[i].Duration.Merge(&points[i].Duration)
				overall[i].TTFT.Merge(&points[i].TTFT)
			}
		}
		require.Len(t, answer.Overall, len(overall))
		for i := range overall {
			requireSums(t, &overall[i], &answer.Overall[i])
			a, _ := overall[i].Duration.Quantile(0.9)
			b, _ := answer.Overall[i].Duration.Quantile(0.9)
			require.Equal(t, a, b)
		}
		for _, g := range answer.Groups {
			for i := range g.Points {
				require.Zero(t, g.Points[i].Duration.Count())
			}
		}
	})
	require.NoError(t, l.Close())
}

func TestQueryRefuses(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	for name, q := range map[string]Query{
		"text":       {Filter: store.Filter{Text: []store.Term{{Value: "x"}}}},
		"superseded": {Filter: store.Filter{Superseded: true}},
		"one edge":   {Edges: []time.Time{testStart}},
		"descending": {Edges: []time.Time{testStart, testStart}},
	} {
		_, err := l.Query(context.Background(), q)
		require.ErrorIs(t, err, ErrQuery, name)
	}
	require.NoError(t, l.Close())
}
