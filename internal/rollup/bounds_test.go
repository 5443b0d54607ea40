package rollup

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestBounds: with more names than there is room for, in any order of adding, taking back, folding, beginning
// again and dropping, no sum is lost or taken from the wrong place, and the names stay bounded.
func TestBounds(t *testing.T) {
	const most = 4
	rapid.Check(t, func(t *rapid.T) {
		o := Options{MaxValues: most, MaxChanges: 30}
		if rapid.Bool().Draw(t, "narrow") {
			o.MaxBytes = int64(rapid.IntRange(1, 300).Draw(t, "bytes"))
		}
		r, want, disk := New(o), plain{}, map[string]Page{}
		var made []usage.Call
		save := func() {
			pages := r.Dirty()
			for i := range pages {
				require.NoError(t, r.MergeChanges(ctx, pages[i]))
				r.Encode(&pages[i])
				disk[fmt.Sprint(pages[i].Day, pages[i].Dimension)] = pages[i]
			}
			r.Saved(pages)
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0, 1:
				if len(made) > 0 {
					i := rapid.IntRange(0, len(made)-1).Draw(t, "takes back")
					r.Add(&made[i], -1)
					want.add(&made[i], -1)
					made = slices.Delete(made, i, i+1)
				}
			case 2:
				save()
			case 3:
				save()
				r = New(o)
				for _, p := range disk {
					if p.Data != nil {
						require.NoError(t, r.Load(p))
					}
				}
			case 4:
				to := BucketOf(testStart) + int64(rapid.IntRange(0, 700).Draw(t, "drop to"))
				require.NoError(t, r.Drop(ctx, 0, to))
				made = slices.DeleteFunc(made, func(c usage.Call) bool { return BucketOf(c.Start) < to })
				for a := range want {
					for b := range want[a] {
						if b < to {
							delete(want[a], b)
						}
					}
				}
			default:
				c := usage.Call{
					Start: testStart.Add(time.Duration(rapid.IntRange(0, 7*24).Draw(t, "at")) * time.Hour), Duration: time.Second,
					User: fmt.Sprint("u", rapid.IntRange(0, 12).Draw(t, "user")), KeyFingerprint: "k", Model: "m",
				}
				r.Add(&c, 1)
				want.add(&c, 1)
				made = append(made, c)
				for _, p := range r.Crowded() {
					require.NoError(t, r.MergeChanges(ctx, p))
				}
			}
			q := Query{Dimension: Users, Edges: Open}
			got, points := collector(1)
			q.Points = points
			require.NoError(t, r.Sum(ctx, q))
			expected, points := collector(1)
			want.sum(q, points)
			var all, allWanted Sums
			for m, p := range got {
				require.GreaterOrEqual(t, p[0].Calls, int64(0), m)
				all.Merge(&p[0])
				if m == Overflow {
					continue
				}
				exact := int64(0)
				if w := expected[m]; w != nil {
					exact = w[0].Calls
				}
				require.LessOrEqual(t, p[0].Calls, exact, m)
				if r.IsComplete(Users, map[Value]bool{m: true}) {
					require.Equal(t, exact, p[0].Calls, m)
				}
			}
			for _, p := range expected {
				allWanted.Merge(&p[0])
			}
			require.True(t, allWanted.SameCounts(&all))
			require.Equal(t, allWanted.Duration.Count(), all.Duration.Count())
			require.LessOrEqual(t, len(r.dimensions[Users].ids), most+1, "and those in the overflow")
			var bytes int64
			for _, d := range r.days {
				bytes += d[Users].size()
			}
			require.Equal(t, bytes, r.dimensions[Users].bytes)
		}
	})
}

// TestOldNamesStay: who had sums before a flood of names keeps sums on every day of it; new names have sums
// again when the days of the flood are gone.
func TestOldNamesStay(t *testing.T) {
	r := New(Options{MaxValues: 10})
	add := func(day int, user string) {
		r.Add(&usage.Call{Start: testStart.AddDate(0, 0, day), User: user}, 1)
	}
	calls := func(user string) int64 {
		all, points := collector(1)
		require.NoError(t, r.Sum(ctx, Query{Dimension: Users, Edges: Open, Points: points}))
		if p := all[Value{Value: user}]; p != nil {
			return p[0].Calls
		}
		return 0
	}
	add(0, "alice")
	for day := 1; day < 5; day++ {
		for i := range 50 {
			add(day, fmt.Sprint("flood ", day, " ", i))
		}
		add(day, "alice")
		add(day, "new")
	}
	require.EqualValues(t, 5, calls("alice"))
	require.EqualValues(t, 0, calls("new"))
	require.EqualValues(t, 4*51-9, calls(Overflow.Value))
	require.True(t, r.IsComplete(Users, map[Value]bool{{Value: "alice"}: true}))
	require.False(t, r.IsComplete(Users, map[Value]bool{{Value: "new"}: true}))
	room := r.Cardinality(Users)
	require.True(t, room.HasOverflow)
	require.Equal(t, 11, room.Values)
	require.NoError(t, r.Drop(ctx, 0, (DayOf(testStart)+2)*bucketsPerDay)) // the names of the first day of the flood
	add(5, "new")
	require.EqualValues(t, 1, calls("new"))
}
