package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

func pages(t *testing.T, e *Engine) (out []store.SumPage) {
	t.Helper()
	require.NoError(t, e.SumPages(ctx, 0, func(p store.SumPage) error {
		out = append(out, p)
		return nil
	}))
	return out
}

func page(axis uint8, data string) store.SumPage {
	return store.SumPage{SumKey: store.SumKey{Day: 20780, Axis: axis}, Data: []byte(data)}
}

// TestSums: pages come back as they were stored, hours are dirty from the write that says so until
// sums are stored, and the number of records follows every change.
func TestSums(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	hour := start.Unix() / 3600
	require.NoError(t, e.Commit(ctx, store.Write{
		Put: []store.Record{record(1, start), record(2, start.Add(time.Hour))}, Seen: start, Dirty: []int64{hour, hour + 1}, Change: []byte("one"),
	}))
	seen := start.Truncate(time.Second)
	require.NoError(t, e.SaveSums(ctx, store.SumsWrite{
		Pages: []store.SumPage{page(2, "b"), page(0, "a")}, Series: []byte("all"), At: start.Add(time.Minute),
	}))
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(3, start)}, Seen: start.Add(time.Hour), Dirty: []int64{hour}, Change: []byte("two")}))
	for range 2 {
		require.Equal(t, []store.SumPage{page(0, "a"), page(2, "b")}, pages(t, e))
		hours, err := e.Hours(ctx)
		require.NoError(t, err)
		require.Equal(t, []store.Hour{{Number: hour, Dirty: true, Seen: seen.Add(time.Hour)}, {Number: hour + 1, Seen: seen.Add(time.Minute)}}, hours)
		require.Equal(t, []string{"all", "two"}, changes(t, e))
		info, err := e.Info(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 3, info.Records)
		require.Equal(t, seen.Add(time.Hour), info.Seen)
		require.NoError(t, e.Close())
		e = open(t, path)
	}
	require.NoError(t, e.SaveSums(ctx, store.SumsWrite{Pages: []store.SumPage{page(0, "")}, At: start}), "an empty page is removed")
	require.Len(t, pages(t, e), 1)
	n, err := retire(e, start.Add(time.Minute), start.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	hours, err := e.Hours(ctx)
	require.NoError(t, err)
	require.Empty(t, hours, "hours of which nothing changed lately are forgotten")
	require.NoError(t, e.Close())
	e = open(t, path)
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, info.Records)
}

// TestSeenSince lets through what was put lately.
func TestSeenSince(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	old, lately := record(1, start), record(2, start)
	lately.Seen = old.Seen.Add(time.Hour)
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{old, lately}, Seen: start}))
	require.Equal(t, []store.Record{lately}, scan(t, e, store.Filter{SeenSince: lately.Seen}))
}
