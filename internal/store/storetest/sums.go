package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// sums returns the store's ability to keep sums; the test ends where it has none.
func (s *opened) sums(t *testing.T) store.Sums {
	sums, can := s.Engine.(store.Sums)
	if !can {
		t.Skip("the engine keeps no sums")
	}
	return sums
}

func page(part, axis uint8, day int64, data string) store.SumPage {
	return store.SumPage{SumKey: store.SumKey{Part: part, Axis: axis, Day: day}, Data: []byte(data)}
}

func (s *opened) pages(t *testing.T, part uint8) (out []store.SumPage) {
	require.NoError(t, s.sums(t).SumPages(ctx, part, func(p store.SumPage) error {
		out = append(out, p)
		return nil
	}))
	return out
}

// testSums: pages, hours and series come back as they were stored; hours are dirty from the write that says so until
// sums are stored; the series hold the changes until then, which are not asked for any more.
func testSums(t *testing.T, open Open) {
	s := fresh(t, open)
	hour := start.Unix() / 3600
	w := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(1, start)}, At: start, DirtyHours: []int64{hour, hour + 1}, Change: []byte("one")}
	require.NoError(t, s.Commit(ctx, w))
	_, before := s.changesAfter(0)
	saved := store.SumsWrite{ID: store.NewWriteID(), Series: []byte("all"), At: start.Add(time.Minute), Pages: []store.SumPage{
		page(0, 2, 20780, "b"), page(0, 0, 20780, "a"), page(1, 0, 20780, "c"), page(2, 15, 1<<31, "d"), page(0, 0, 0, "e"),
	}}
	require.NoError(t, s.sums(t).SaveSums(ctx, saved))
	require.True(t, s.committed(saved.ID))
	require.NoError(t, s.Commit(ctx, store.Write{At: start.Add(time.Hour), DirtyHours: []int64{hour}, Change: []byte("two")}))
	saved.Pages, saved.Series = nil, []byte("never")
	for range 2 {
		require.NoError(t, s.sums(t).SaveSums(ctx, saved), "it is not stored twice")
		require.Equal(t, []store.SumPage{page(0, 0, 0, "e"), page(0, 0, 20780, "a"), page(0, 2, 20780, "b")}, s.pages(t, 0))
		require.Equal(t, []store.SumPage{page(1, 0, 20780, "c")}, s.pages(t, 1))
		data, err := s.sums(t).SumPage(ctx, store.SumKey{Part: 2, Axis: 15, Day: 1 << 31})
		require.NoError(t, err)
		require.Equal(t, "d", string(data))
		data, err = s.sums(t).SumPage(ctx, store.SumKey{Part: 2, Axis: 14, Day: 1 << 31})
		require.NoError(t, err)
		require.Empty(t, data)
		series, through, err := s.sums(t).Series(ctx)
		require.NoError(t, err)
		require.Equal(t, "all", string(series))
		require.Equal(t, before, through)
		changes, _ := s.changesAfter(through)
		require.Equal(t, []string{"two"}, changes)
		hours, err := s.sums(t).Hours(ctx)
		require.NoError(t, err)
		seen := start.Truncate(time.Second)
		require.Equal(t, []store.Hour{{Number: hour, Dirty: true, LastStored: seen.Add(time.Hour)}, {Number: hour + 1, LastStored: seen.Add(time.Minute)}}, hours)
		s.restart()
	}
	require.NoError(t, s.sums(t).SaveSums(ctx, store.SumsWrite{Pages: []store.SumPage{page(0, 0, 20780, "")}, At: start}))
	require.Len(t, s.pages(t, 0), 2, "an empty page is removed")
	series, _, err := s.sums(t).Series(ctx)
	require.NoError(t, err)
	require.Empty(t, series)
	err = s.Changes(ctx, 0, func(c store.Change) error { return nil })
	if err != nil {
		require.ErrorIs(t, err, store.ErrBehind)
	}
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), LinksBefore: start.Add(2 * time.Hour)}))
	hours, err := s.sums(t).Hours(ctx)
	require.NoError(t, err)
	require.Empty(t, hours, "hours of which nothing changed recently are removed")
	require.Error(t, s.sums(t).SaveSums(ctx, store.SumsWrite{Pages: []store.SumPage{page(0, 16, 1, "x"), page(0, 1, 1, "x")}, At: start}))
	require.Len(t, s.pages(t, 0), 2, "nothing of it stays")
}
