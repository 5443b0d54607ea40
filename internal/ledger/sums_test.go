package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scans counts the records that a start reads.
type scans struct {
	fullEngine
	records int
}

func (s *scans) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return s.fullEngine.Scan(ctx, f, func(r *store.Record) error {
		s.records++
		return visit(r)
	})
}

func (s *scans) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return s.fullEngine.Figures(ctx, f, func(r *store.Record) error {
		s.records++
		return visit(r)
	})
}

// byHour sends calls of many hours and keys.
func byHour(t *testing.T, l *Ledger, hours int) {
	t.Helper()
	var b usage.Batch
	for i := range hours {
		c := testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: int64(i + 1), at: -time.Duration(i) * time.Hour, attribution: usage.Attribution{User: fmt.Sprint(i % 3), KeyFingerprint: "k"}}.call()
		b.Calls = append(b.Calls, c)
	}
	require.NoError(t, l.Commit(context.Background(), b))
}

// TestStartReadsSums: after an orderly end a start reads no record; after a crash only those of the
// hours that changed since the sums were stored. Either way all sums are as they were.
func TestStartReadsSums(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	byHour(t, l, 100)
	want := total(t, l)
	used := l.LastUsed("k")
	require.NoError(t, l.Close())

	reopen := func() (*Ledger, *scans, *failing) {
		s := &scans{}
		l, f := openWith(t, dir, Options{}, func(e fullEngine) fullEngine {
			s.fullEngine = e
			return s
		})
		return l, s, f
	}
	l, s, f := reopen()
	require.Zero(t, s.records)
	got := total(t, l)
	requireSums(t, &want, &got)
	require.Equal(t, used, l.LastUsed("k"))
	requireConsistent(t, l)

	commit(t, l, testRecord{name: "new", trace: "new", out: 9}, testRecord{name: "late", trace: "late", out: 7, at: -50 * time.Hour})
	f.failSums.Store(true)
	want = total(t, l)
	require.NoError(t, l.Close())
	l, s, _ = reopen()
	require.Equal(t, 4, s.records, "of two hours two records each")
	got = total(t, l)
	requireSums(t, &want, &got)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

// TestSumsAreStoredMeanwhile: not only at the end.
func TestSumsAreStoredMeanwhile(t *testing.T) {
	l, f := open(t, t.TempDir(), Options{SaveInterval: 5 * time.Millisecond})
	byHour(t, l, 10)
	require.Eventually(t, func() bool {
		hours, err := f.Hours(context.Background())
		require.NoError(t, err)
		dirty := 0
		for _, h := range hours {
			if h.Dirty {
				dirty++
			}
		}
		return len(hours) == 10 && dirty == 0
	}, 2*time.Minute, 5*time.Millisecond)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

// TestValuesAreBounded: beyond the limit the values of a dimension are summed as one, which is
// told; what is asked of a single one is answered from the records.
func TestValuesAreBounded(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxValues: 2})
	for i := range 5 {
		commit(t, l, testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 1, attribution: usage.Attribution{User: fmt.Sprint("u", i)}})
	}
	groups := func(f store.Filter) map[string]int64 {
		a, err := l.Query(context.Background(), Query{By: ByUser, Filter: f})
		require.NoError(t, err)
		out := map[string]int64{}
		for _, g := range a.Groups {
			out[g.Value] = g.Points[0].Calls
		}
		return out
	}
	require.Equal(t, map[string]int64{"u0": 1, "u1": 1, "(other)": 3}, groups(store.Filter{}))
	require.Equal(t, map[string]int64{"u3": 1}, groups(store.Filter{Users: []string{"u3"}}))
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 3, status.Overflowed)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}
