package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// TestSweep: texts beyond the bound are kept with their records and found there; those that no record has any
// more are removed, on disk and in memory, and make room; a reader that began before sees what it began with.
func TestSweep(t *testing.T) {
	const limit = 8
	o := Options{Path: filepath.Join(t.TempDir(), "t.db"), MaxTexts: limit}
	e, err := Open(ctx, o)
	require.NoError(t, err)
	e.table.Dictionary().ReuseFrom(0)
	put := func(first, n int, user string) {
		t.Helper()
		var w store.Write
		for i := first; i < first+n; i++ {
			r := record(i, start.Add(time.Duration(i)*time.Minute))
			r.User, r.Path, r.Counted = fmt.Sprintf("%s%03d", user, i), fmt.Sprintf("/%s%03d", user, i), true
			w.Put = append(w.Put, r)
		}
		w.At = start
		require.NoError(t, e.Commit(ctx, w))
		e.writing.Lock()
		defer e.writing.Unlock()
		require.NoError(t, e.compact(ctx))
	}
	count := func(of dictionary.Kind) (inMemory, stored int) {
		t.Helper()
		require.NoError(t, e.readDB.QueryRowContext(ctx, "SELECT count(*) FROM dims WHERE kind = ?", of).Scan(&stored))
		return e.table.Dictionary().Use()[of].Count, stored
	}
	found := func(user string) int {
		t.Helper()
		n := 0
		for _, f := range []store.Filter{
			{Users: []string{user}}, {Text: []store.Term{{Field: "user", Value: user}}}, {Text: []store.Term{{Field: "path", Value: "/" + user}}},
		} {
			n = len(scan(t, e, f))
			totals, err := e.Totals(ctx, f, []store.Field{store.FieldUser}, 100)
			require.NoError(t, err)
			require.Len(t, totals, n)
			if n > 0 {
				require.Equal(t, []string{user}, totals[0].Values)
			}
		}
		return n
	}
	put(0, 100, "old-")
	for _, k := range []dictionary.Kind{dictionary.KindUser, dictionary.KindRequest} {
		inMemory, stored := count(k)
		require.Equal(t, limit, inMemory)
		require.Equal(t, limit, stored)
	}
	require.Equal(t, 1, found("old-003"))
	require.Equal(t, 1, found("old-073"), "it has no number")
	require.Equal(t, 0, found("old-100"))

	require.NoError(t, e.reading(ctx, func(s *columnar.Reader, _ *blockReader) error { // a reader that began before all of it
		_, err := retire(e, start.Add(50*time.Minute), start, 1_000)
		require.NoError(t, err)
		require.NoError(t, e.Vacuum(ctx))
		inMemory, stored := count(dictionary.KindUser)
		require.Zero(t, inMemory)
		require.Zero(t, stored)
		put(200, 20, "new-")
		var users []string
		err = s.Figures(ctx, store.Filter{}, func(r *store.Record) error {
			users = append(users, r.User)
			return nil
		})
		require.Len(t, users, 100)
		slices.Sort(users)
		for i, u := range users {
			require.Equal(t, fmt.Sprintf("old-%03d", i), u)
		}
		return err
	}))
	check := func() {
		t.Helper()
		inMemory, stored := count(dictionary.KindUser)
		require.Equal(t, limit, inMemory)
		require.Equal(t, limit, stored)
		require.LessOrEqual(t, len(e.table.Dictionary().Values()), 1+3*limit, "numbers are used again")
		require.Equal(t, []int{0, 1, 1, 1}, []int{found("old-003"), found("old-073"), found("new-201"), found("new-219")})
	}
	check()
	require.NoError(t, e.Close())
	e, err = Open(ctx, o)
	require.NoError(t, err)
	check()
	require.NoError(t, e.Close())
}

// TestTextsOfEarlierForms: what a start reads of a write that others overwrote before blocks changed names its
// texts still.
func TestTextsOfEarlierForms(t *testing.T) {
	o := Options{Path: filepath.Join(t.TempDir(), "t.db"), MaxTexts: 1}
	e := openLossy(t, o)
	r := record(1, start)
	r.User = "first"
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{r}, At: start}))
	require.NoError(t, e.Commit(ctx, store.Write{Remove: []store.Ref{{ID: r.ID, Start: r.Start}}, At: start}))
	e.removed = 1 << 40
	require.NoError(t, e.Vacuum(ctx))
	require.NoError(t, e.Close())
	e = openLossy(t, o)
	require.Empty(t, scan(t, e, store.Filter{Superseded: true}))
	require.NoError(t, e.Close())
}
