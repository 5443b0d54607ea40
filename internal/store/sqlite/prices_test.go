package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestCosts: a write of costs changes these and nothing else, and leaves out what is not stored.
func TestCosts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	want := record(1, start)
	want.Session, want.Cost, want.PriceVersion, want.Quality = "s", 5, "book 1", usage.Estimated
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{want}, Seen: start}))
	gone := record(2, start)
	for _, to := range []store.Cost{
		{Cost: 7, PriceVersion: "book 2", Quality: usage.Estimated},
		{Quality: usage.Estimated | usage.Unpriced},
	} {
		to.ID, to.Start = want.ID, want.Start
		none := to
		none.ID = gone.ID
		require.NoError(t, e.Commit(ctx, store.Write{Costs: []store.Cost{none, to}, Seen: start}))
		want.Cost, want.PriceVersion, want.Quality = to.Cost, to.PriceVersion, to.Quality
		require.Equal(t, []store.Record{want}, scan(t, e, store.Filter{}))
		require.NoError(t, e.Close())
		e = open(t, path)
		require.Equal(t, []store.Record{want}, scan(t, e, store.Filter{}))
	}
}
