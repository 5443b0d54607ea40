package rollup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var ctx = context.Background()

var testStart = time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)

func randomCall(t *rapid.T) usage.Call {
	c := usage.Call{
		Start:          testStart.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "at")) * 7 * time.Minute),
		Model:          rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "model"),
		Provider:       rapid.SampledFrom([]string{"p", "q"}).Draw(t, "provider"),
		KeyFingerprint: rapid.SampledFrom([]string{"", "k1", "k2"}).Draw(t, "key"),
		User:           fmt.Sprint("u", rapid.IntRange(0, 9).Draw(t, "user")),
		Failed:         rapid.Bool().Draw(t, "failed"),
		Status:         rapid.SampledFrom([]int{0, 200, 429}).Draw(t, "status"),
		Duration:       time.Duration(rapid.IntRange(0, 3000).Draw(t, "lasts")) * time.Millisecond,
		TTFT:           time.Duration(rapid.IntRange(0, 300).Draw(t, "ttft")) * time.Millisecond,
		Cost:           usage.NanoUSD(rapid.Int64Range(0, 1<<40).Draw(t, "cost")),
		Quality:        rapid.SampledFrom([]usage.Quality{0, usage.Unpriced, usage.Inconsistent | usage.Estimated}).Draw(t, "quality"),
	}
	if rapid.Bool().Draw(t, "usage") {
		c.Tokens = usage.Tokens{
			Fields: usage.HasInput | usage.HasOutput, InputUncached: rapid.Int64Range(0, usage.MaxTokens).Draw(t, "input"), CacheRead: 3,
			CacheWrite: 2, CacheWrite1h: 1, OutputText: rapid.Int64Range(0, 1000).Draw(t, "output"), Reasoning: 5,
		}
	}
	return c
}

// plain is the sums in the plainest form.
type plain map[Dimension]map[int64]map[Value]*Sums

func (p plain) add(c *usage.Call, n int64) {
	for a := range DimensionCount {
		b, m := BucketOf(c.Start), ValueOf(a, c)
		if p[a] == nil {
			p[a] = map[int64]map[Value]*Sums{}
		}
		if p[a][b] == nil {
			p[a][b] = map[Value]*Sums{}
		}
		if p[a][b][m] == nil {
			p[a][b][m] = &Sums{}
		}
		p[a][b][m].Add(c, n)
	}
}

func (p plain) sum(q Query, points func(Value) []Sums) {
	for b, members := range p[q.Dimension] {
		for m, s := range members {
			for i := range len(q.Edges) - 1 {
				if q.Edges[i] <= b && b < q.Edges[i+1] && !q.Skip[b] {
					points(m)[i].Merge(s)
				}
			}
		}
	}
}

// collector returns the points of a query's values.
func collector(n int) (map[Value][]Sums, func(Value) []Sums) {
	all := map[Value][]Sums{}
	return all, func(m Value) []Sums {
		if all[m] == nil {
			all[m] = make([]Sums, n)
		}
		return all[m]
	}
}

// filled leaves out values without calls and makes empty histograms alike.
func filled(all map[Value][]Sums) map[Value][]Sums {
	out := map[Value][]Sums{}
	for m, points := range all {
		some := false
		for i := range points {
			some = some || !points[i].IsZero()
			for _, h := range []*Histogram{&points[i].Duration, &points[i].TTFT} {
				if h.IsEmpty() {
					*h = Histogram{}
				}
			}
		}
		if some {
			out[m] = points
		}
	}
	return out
}

// TestSums: whatever is added, taken back, folded, saved and loaded, in any order, the sums are those
// of the plain form.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, want, disk := New(Options{MaxChanges: 20}), plain{}, map[string]Page{}
		var made []usage.Call
		lastUsed := map[string]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				if len(made) > 0 {
					i := rapid.IntRange(0, len(made)-1).Draw(t, "takes back")
					r.Add(&made[i], -1)
					want.add(&made[i], -1)
					made = slices.Delete(made, i, i+1)
				}
			case 1:
				pages := r.Dirty()
				for i := range pages {
					require.NoError(t, r.MergeChanges(ctx, pages[i]))
					r.Encode(&pages[i])
					disk[fmt.Sprint(pages[i].Day, pages[i].Dimension)] = pages[i]
				}
				r.Saved(pages)
				require.Empty(t, r.Dirty())
			case 2:
				if len(r.Dirty()) == 0 { // start again from the disk
					r = New(Options{MaxChanges: 20})
					for _, p := range disk {
						if p.Data != nil {
							require.NoError(t, r.Load(p))
						}
					}
				}
			default:
				c := randomCall(t)
				made = append(made, c)
				r.Add(&c, 1)
				want.add(&c, 1)
				for _, p := range r.Crowded() {
					require.NoError(t, r.MergeChanges(ctx, p))
				}
				if k := c.KeyFingerprint; c.Start.After(lastUsed[k]) {
					lastUsed[k] = c.Start
				}
			}
		}
		for _, k := range []string{"k1", "k2"} {
			require.LessOrEqual(t, r.LastUsed(k).Sub(lastUsed[k]), time.Duration(0))
		}
		q := Query{Dimension: Dimension(rapid.IntRange(0, int(DimensionCount)-1).Draw(t, "axis")), Edges: Open, Skip: map[int64]bool{}}
		if rapid.Bool().Draw(t, "edges") {
			first := BucketOf(testStart)
			q.Edges = rapid.SliceOfNDistinct(rapid.Int64Range(first-3, first+30), 2, 6, rapid.ID[int64]).Draw(t, "edges at")
			slices.Sort(q.Edges)
			q.Skip[first+2] = rapid.Bool().Draw(t, "skip")
		}
		got, points := collector(len(q.Edges) - 1)
		q.Points = points
		require.NoError(t, r.Sum(ctx, q))
		expected, points := collector(len(q.Edges) - 1)
		want.sum(q, points)
		require.Equal(t, filled(expected), filled(got))

		// the histograms of all together are those of the points added up
		overall, added := make([]Sums, len(q.Edges)-1), make([]Sums, len(q.Edges)-1)
		q.Histograms, q.Overall = OfAll, overall
		_, q.Points = collector(len(q.Edges) - 1)
		require.NoError(t, r.Sum(ctx, q))
		for _, points := range expected {
			for i := range points {
				added[i].Duration.Merge(&points[i].Duration)
				added[i].TTFT.Merge(&points[i].TTFT)
			}
		}
		for i := range added {
			for _, q := range []float64{0.1, 0.5, 0.9} {
				a, _ := added[i].Duration.Quantile(q)
				b, _ := overall[i].Duration.Quantile(q)
				require.Equal(t, a, b)
			}
			require.Equal(t, added[i].TTFT.Count(), overall[i].TTFT.Count())
		}

		from := BucketOf(testStart) + 5
		each, wantEach := map[string]int64{}, map[string]int64{}
		var of map[Value]bool
		if rapid.Bool().Draw(t, "of some members") {
			of = map[Value]bool{{Value: "nobody"}: true}
			for _, members := range want[q.Dimension] {
				for m := range members {
					of[m] = len(of)%3 == 1
				}
			}
		}
		require.NoError(t, r.Each(ctx, q.Dimension, from, of, func(m Value, b int64, s *Sums) { each[fmt.Sprint(m, b)] += s.Calls }))
		for b, members := range want[q.Dimension] {
			for m, s := range members {
				if b >= from && (of == nil || of[m]) {
					wantEach[fmt.Sprint(m, b)] += s.Calls
				}
			}
		}
		for _, sums := range []map[string]int64{each, wantEach} {
			for k, n := range sums {
				if n == 0 {
					delete(sums, k)
				}
			}
		}
		require.Equal(t, wantEach, each)

		// dropping buckets
		to := BucketOf(testStart) + int64(rapid.IntRange(0, 30).Draw(t, "drop to"))
		require.NoError(t, r.Drop(ctx, 0, to))
		for a := range want {
			for b := range want[a] {
				if b < to {
					delete(want[a], b)
				}
			}
		}
		q = Query{Dimension: q.Dimension, Edges: Open}
		got, q.Points = collector(1)
		require.NoError(t, r.Sum(ctx, q))
		expected, points = collector(1)
		want.sum(q, points)
		require.Equal(t, filled(expected), filled(got))
	})
}

// TestFullPage: beyond the limit values are summed as one, and everything that is taken back is
// taken from where it went.
func TestFullPage(t *testing.T) {
	r := New(Options{MaxValues: 3})
	var calls []usage.Call
	for i := range 10 {
		c := usage.Call{Start: testStart, User: fmt.Sprint("u", i), Model: "m", Cost: 1}
		calls = append(calls, c)
		r.Add(&c, 1)
		if i == 5 {
			for _, p := range r.Dirty() {
				require.NoError(t, r.MergeChanges(ctx, p))
			}
		}
	}
	require.True(t, !r.IsComplete(Users, nil))
	require.False(t, !r.IsComplete(Models, nil))
	require.EqualValues(t, 7, r.Overflowed)
	sums := func() map[string]int64 {
		out := map[string]int64{}
		all, points := collector(1)
		require.NoError(t, r.Sum(ctx, Query{Dimension: Users, Edges: Open, Points: points}))
		for m, p := range filled(all) {
			out[m.Value] = p[0].Calls
		}
		return out
	}
	require.Equal(t, map[string]int64{"u0": 1, "u1": 1, "u2": 1, "(other)": 7}, sums())
	r.Add(&calls[0], -1)
	r.Add(&calls[9], -1)
	for _, p := range r.Dirty() {
		require.NoError(t, r.MergeChanges(ctx, p))
	}
	require.Equal(t, map[string]int64{"u1": 1, "u2": 1, "(other)": 6}, sums())
	r.Add(&calls[0], 1)
	require.Equal(t, map[string]int64{"u1": 1, "u2": 1, "(other)": 7}, sums(), "a full page takes nobody in, so that nothing is taken from the wrong place")
}

func TestDamagedPages(t *testing.T) {
	r := New(Options{})
	c := usage.Call{Start: testStart, User: "u", Model: "m", Duration: time.Second}
	r.Add(&c, 1)
	p := Page{Day: DayOf(testStart), Dimension: Users}
	require.NoError(t, r.MergeChanges(ctx, p))
	r.Encode(&p)
	require.NoError(t, New(Options{}).Load(p))
	for i := range p.Data {
		damaged := p
		damaged.Data = slices.Clone(p.Data)
		damaged.Data[i] ^= 1
		require.ErrorIs(t, New(Options{}).Load(damaged), cell.ErrDamaged)
		damaged.Data = p.Data[:i]
		require.ErrorIs(t, New(Options{}).Load(damaged), cell.ErrDamaged)
	}
	p.Dimension = DimensionCount
	require.ErrorIs(t, New(Options{}).Load(p), cell.ErrDamaged)
}

func FuzzLoad(f *testing.F) {
	r := New(Options{})
	for i := range 3 {
		r.Add(&usage.Call{Start: testStart.Add(time.Duration(i) * time.Hour), User: fmt.Sprint(i % 2), Duration: time.Second}, 1)
	}
	p := Page{Day: DayOf(testStart), Dimension: Users}
	require.NoError(f, r.MergeChanges(ctx, p))
	r.Encode(&p)
	f.Add(p.Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		r := New(Options{})
		if r.Load(Page{Dimension: Users, Data: data}) == nil {
			_, points := collector(1)
			_ = r.Sum(ctx, Query{Dimension: Users, Edges: Open, Points: points}) // it may lack parts
		}
	})
}

func TestBuckets(t *testing.T) {
	for _, at := range []time.Time{testStart, time.Unix(-1, 0), time.Unix(0, 0)} {
		b := BucketOf(at)
		require.False(t, BucketStart(b).After(at))
		require.True(t, BucketStart(b+1).After(at))
	}
	require.True(t, Aligned(testStart))
	require.False(t, Aligned(testStart.Add(1)))
	require.EqualValues(t, 0, DayOf(time.Unix(0, 0)))
	require.EqualValues(t, -1, DayOf(time.Unix(-1, 0)))
	from, to := DayBuckets(DayOf(testStart))
	require.Equal(t, 24*time.Hour, BucketStart(to).Sub(BucketStart(from)))
	require.Zero(t, cmp.Compare(to-from, bucketsPerDay))
}

// BenchmarkEach reads the sums of one key, and of all, among 20,000 keys of 10 days.
func BenchmarkEach(b *testing.B) {
	r := New(Options{})
	const days, keys = 10, 20_000
	for day := range days {
		for k := range keys {
			for hour := range 3 {
				c := usage.Call{KeyFingerprint: fmt.Sprint("key ", k), Start: testStart.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour), Duration: time.Second}
				r.Add(&c, 1)
			}
		}
		require.NoError(b, r.MergeChanges(ctx, Page{Day: DayOf(testStart.AddDate(0, 0, day)), Dimension: Keys}))
	}
	for name, of := range map[string]map[Value]bool{"one": {{Value: "key 77"}: true}, "all": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				require.NoError(b, r.Each(ctx, Keys, Open[0], of, func(Value, int64, *Sums) { n++ }))
				if n < days {
					b.Fatal(n)
				}
			}
		})
	}
}
