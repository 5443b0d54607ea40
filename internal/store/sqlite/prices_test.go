package sqlite

import (
	"database/sql"
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
	require.NoError(t, e.Apply(ctx, store.Write{Put: []store.Record{want}, Seen: start}))
	gone := record(2, start)
	for _, to := range []store.Cost{
		{Cost: 7, PriceVersion: "book 2", Quality: usage.Estimated},
		{Quality: usage.Estimated | usage.Unpriced},
	} {
		to.ID, to.Start = want.ID, want.Start
		none := to
		none.ID = gone.ID
		require.NoError(t, e.Apply(ctx, store.Write{Costs: []store.Cost{none, to}, Seen: start}))
		want.Cost, want.PriceVersion, want.Quality = to.Cost, to.PriceVersion, to.Quality
		require.Equal(t, []store.Record{want}, scan(t, e, store.Filter{}))
		require.NoError(t, e.Close())
		e = open(t, path)
		require.Equal(t, []store.Record{want}, scan(t, e, store.Filter{}))
	}
}

// TestMigratePrices: calls of the first schema have no price version and no such parts.
func TestMigratePrices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := sql.Open("sqlite", dsn(path, "rwc"))
	require.NoError(t, err)
	require.NoError(t, step(ctx, db, migrations()[0]))
	want := record(7, start)
	key := start.UnixMicro() << 12
	_, err = db.ExecContext(ctx, "INSERT INTO dims (id, kind, value) VALUES (1, 0, 'm'), (2, 1, 'p'), (3, 3, ''), (8, 5, ''), (9, 8, '')")
	require.NoError(t, err)
	for id, k := range map[int]kind{4: kindKey, 5: kindService, 6: kindEmitter, 7: kindRequest} {
		_, err = db.ExecContext(ctx, "INSERT INTO dims (id, kind, value) VALUES (?, ?, ?)", id, int(k), textOf(&want.Call, k))
		require.NoError(t, err)
	}
	_, err = db.ExecContext(ctx, `INSERT INTO calls (key, id, start_offset, state, seen, model, provider, api_key, user, service, project,
emitter, request, error_type, status, input_uncached, cache_read, cache_write, output_text, reasoning, fields, cost, quality, duration, ttft)
VALUES (?, ?, 789, 1, ?, 1, 2, 4, 3, 5, 8, 6, 7, 9, 0, 7, 0, 0, 0, 0, 1, 12, 0, 0, 0)`, key, want.ID[:], want.Seen.Unix())
	require.NoError(t, err)
	require.NoError(t, db.Close())
	want.Cost = 12
	require.Equal(t, []store.Record{want}, scan(t, open(t, path), store.Filter{}))
}

// textOf is a text as the table dims has it.
func textOf(c *usage.Call, k kind) string {
	keys := dimKeys(c)
	return keys[k].text()
}
