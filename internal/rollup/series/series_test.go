package series

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var everyLabel = []Label{LabelProvider, LabelModel, LabelService, LabelKey, LabelStatus, LabelAccount}

// randomCall draws a call of few values, so that calls share series.
func randomCall(t *rapid.T) usage.Call {
	c := usage.Call{
		Start:          time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "at")) * 7 * time.Minute),
		Model:          rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "model"),
		Provider:       rapid.SampledFrom([]string{"p", "q"}).Draw(t, "provider"),
		KeyFingerprint: rapid.SampledFrom([]string{"", "k1", "k2"}).Draw(t, "key"),
		Account:        rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "account"),
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

// TestSeries: whatever comes and goes, with restarts from a snapshot and the journals after it, what is
// shown is what counts, but never less than was shown before.
func TestSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Labels: everyLabel[:rapid.IntRange(0, 5).Draw(t, "labels")], Max: rapid.IntRange(1, 20).Draw(t, "max")}
		s := New(o)
		var disk [][]byte
		var counted []usage.Call
		shown := map[Labels]cell.Sums{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0: // a scrape
				all, _ := s.Expose()
				for l, was := range shown {
					now := all[l]
					require.False(t, atLeast(&now, &was), "%v shows less than it did", l)
				}
				shown = all
			case 1:
				disk = [][]byte{s.Snapshot()}
			case 2: // a start, orderly or not
				s = New(o)
				for _, b := range disk {
					require.NoError(t, s.Apply(b))
				}
				s.FinishLoad()
			default:
				var changes []usage.Change
				for range rapid.IntRange(1, 4).Draw(t, "changes") {
					if len(counted) > 0 && rapid.IntRange(0, 3).Draw(t, "supersedes") == 0 {
						i := rapid.IntRange(0, len(counted)-1).Draw(t, "which")
						gone := counted[i]
						changes = append(changes, usage.Change{Call: &gone, N: -1})
						counted = slices.Delete(counted, i, i+1)
						continue
					}
					c := randomCall(t)
					c.Tokens.InputUncached %= 1 << 40 // sums of more would not fit
					counted = append(counted, c)
					changes = append(changes, usage.Change{Call: &c, N: 1})
				}
				j := s.Journal(changes)
				disk = append(disk, j)
				if rapid.Bool().Draw(t, "from the disk") {
					require.NoError(t, s.Apply(j))
				} else {
					read := New(o)
					for _, b := range disk[:len(disk)-1] {
						require.NoError(t, read.Apply(b))
					}
					require.NoError(t, read.Apply(j))
					s.Commit()
					require.Equal(t, s.sums, read.sums)
					require.Equal(t, s.timings, read.timings)
				}
				require.LessOrEqual(t, len(s.sums), o.Max+1)
			}
		}
		var want cell.Sums
		for i := range counted {
			want.Add(&counted[i], 1)
		}
		got := s.Total()
		want.Duration, want.TTFT = cell.Histogram{}, cell.Histogram{}
		want.Tokens.Fields, got.Tokens.Fields = 0, 0
		require.Equal(t, want, got)
	})
}

func TestSeriesOfOtherLabels(t *testing.T) {
	s := New(Options{Labels: everyLabel, Max: 10})
	c := usage.Call{Model: "m", Status: 200, KeyFingerprint: "k"}
	j := s.Journal([]usage.Change{{Call: &c, N: 1}})
	require.NoError(t, s.Apply(j))
	all, _ := s.Expose()
	require.Contains(t, all, Labels{"", "m", "", "k", "2xx"})
	for _, journal := range [][]byte{j, s.Snapshot()} {
		other := New(Options{Labels: []Label{LabelModel}, Max: 10})
		require.ErrorIs(t, other.Apply(journal), ErrOtherSeries)
		for i := range journal {
			_ = New(Options{Labels: everyLabel, Max: 10}).Apply(journal[:i]) // never panics
		}
	}
}

func TestStatusClass(t *testing.T) {
	for want, c := range map[string]usage.Call{"2xx": {Status: 204}, "5xx": {Status: 503, Failed: true}, "ok": {}, "error": {Failed: true}} {
		require.Equal(t, want, statusClass(&c))
	}
}

// TestTimings: the buckets are those of Prometheus, a more complete delivery is not measured again, and a
// further model beyond the limit is another.
func TestTimings(t *testing.T) {
	s := New(Options{Labels: everyLabel, Max: 2})
	commit := func(changes ...usage.Change) { require.NoError(t, s.Apply(s.Journal(changes))) }
	c := usage.Call{Model: "m", Provider: "p", Duration: 2 * time.Second, TTFT: time.Second, Tokens: usage.Tokens{OutputText: 100}}
	commit(usage.Change{Call: &c, N: 1})
	larger := c
	larger.Tokens.OutputText = 200
	commit(usage.Change{Call: &c, N: -1}, usage.Change{Call: &larger, N: 1})
	for i := range 3 {
		commit(usage.Change{Call: &usage.Call{Model: fmt.Sprint(i), Duration: time.Second / 2}, N: 1})
	}
	all := []*Set{s}
	for range 20 { // a snapshot is in no order
		restarted := New(Options{Labels: everyLabel, Max: 2})
		require.NoError(t, restarted.Apply(s.Snapshot()))
		all = append(all, restarted)
	}
	for _, s := range all {
		_, timings := s.Expose()
		require.Len(t, timings, 3)
		m := timings[Model{Model: "m", Provider: "p"}]
		require.Equal(t, Native{Buckets: map[int16]int64{8: 1}, Count: 1, Sum: 2}, m.Duration, "2 s is in the bucket that ends there")
		require.Equal(t, Native{Buckets: map[int16]int64{0: 1}, Count: 1, Sum: 1}, m.TTFT)
		require.EqualValues(t, 1, m.Speed.Count)
		require.InDelta(t, 100, m.Speed.Sum, 1e-9)
		require.EqualValues(t, 2, timings[Model{Model: "other", Provider: "other"}].Duration.Count)
		require.EqualValues(t, 0, m.Duration.AtMost(0))
		require.EqualValues(t, 1, m.Duration.AtMost(1))
	}
}
