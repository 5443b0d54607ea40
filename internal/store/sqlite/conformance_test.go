package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(ctx context.Context, dir string) (store.Engine, store.Directory, error) {
		e, err := Open(ctx, Options{Path: filepath.Join(dir, "t.db")})
		if err != nil {
			return nil, nil, err
		}
		return e, e.Directory(), nil
	})
}

// TestModel runs the model of the suite on few numbers for texts, which are used again at once, on blocks that are made
// of few records, and with commits whose answer the driver loses.
func TestModel(t *testing.T) {
	storetest.Model(t, func(t *rapid.T) storetest.Open {
		texts := rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "texts")
		return func(_ context.Context, dir string) (store.Engine, store.Directory, error) {
			e := openLossy(t, Options{Path: filepath.Join(dir, "t.db"), MaxTexts: texts})
			if texts > 0 {
				e.table.Dictionary().ReuseFrom(0)
			}
			return &eager{e, t}, e.Directory(), nil
		}
	})
}

// eager is an engine that does all deferred work when it is called for it, and loses answers.
type eager struct {
	*Engine
	t *rapid.T
}

// lossily runs what writes, mostly as it is, else with a COMMIT that reports an error.
func (e *eager) lossily(write func() error) error {
	nextCommit.Store(rapid.SampledFrom([]int32{goes, goes, goes, unheard, undone, unhandled}).Draw(e.t, "commit"))
	err := write()
	nextCommit.Store(goes) // there may have been nothing to commit
	return err
}

// again is lossily for what the suite does not repeat.
func (e *eager) again(write func() error) error {
	err := e.lossily(write)
	if errors.Is(err, errAnswer) {
		return write()
	}
	return err
}

func (e *eager) Commit(ctx context.Context, w store.Write) error {
	return e.lossily(func() error { return e.Engine.Commit(ctx, w) })
}

func (e *eager) Retire(ctx context.Context, r store.Retirement) error {
	return e.lossily(func() error { return e.Engine.Retire(ctx, r) })
}

func (e *eager) Compact(ctx context.Context) error {
	return e.again(func() error {
		e.writing.Lock()
		defer e.writing.Unlock()
		return e.compact(ctx)
	})
}

func (e *eager) Vacuum(ctx context.Context) error {
	e.removed = 1 << 40
	err := e.again(func() error { return e.Engine.Vacuum(ctx) })
	requireTexts(e.t, e.Engine)
	return err
}

// requireTexts checks that no more texts have numbers than can have, and, of those that do, that the database
// has them too.
func requireTexts(t require.TestingT, e *Engine) {
	known := map[string]int{}
	for _, k := range e.table.Dictionary().Use() {
		require.LessOrEqual(t, k.Count, k.Max)
		known[k.Kind] = k.Count
	}
	rows, err := e.readDB.QueryContext(ctx, "SELECT kind, count(*) FROM dims GROUP BY kind")
	require.NoError(t, err)
	defer rows.Close()
	stored := map[string]int{}
	for rows.Next() {
		var k, n int
		require.NoError(t, rows.Scan(&k, &n))
		stored[dictionary.Kind(k).String()] = n
	}
	require.NoError(t, rows.Err())
	for k, n := range known {
		require.Equal(t, stored[k], n, k)
	}
}
