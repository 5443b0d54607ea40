package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/store/storetest/checks"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestModel runs the model of the suite on two processes that write and read in turns, on few numbers for texts, which
// are used again at once, and on blocks that are made of few records.
func TestModel(t *testing.T) {
	checks.Fewer(t, "25")
	s := newSchemas(t)
	storetest.Model(t, func(t *rapid.T) storetest.Open {
		texts := rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "texts")
		return func(ctx context.Context, dir string) (store.Engine, store.Directory, error) {
			p := &processes{t: t}
			for i := range p.engines {
				o := options(s.of(dir))
				o.MaxTexts = texts
				e, err := Open(ctx, o)
				if err != nil {
					return nil, nil, err
				}
				p.engines[i] = e
			}
			if texts > 0 {
				for _, e := range p.engines {
					e.state.Load().table.Dictionary().ReuseFrom(0)
				}
			}
			return p, p.engines[0].Directory(), nil
		}
	})
}

// processes are engines of one database, one of which does what is asked for. Nothing is deferred.
type processes struct {
	t       *rapid.T
	engines [2]*Engine
}

func (p *processes) one() *Engine {
	return p.engines[rapid.IntRange(0, len(p.engines)-1).Draw(p.t, "process")]
}

func (p *processes) Commit(ctx context.Context, w store.Write) error { return p.one().Commit(ctx, w) }
func (p *processes) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	return p.one().Committed(ctx, id)
}
func (p *processes) Changes(ctx context.Context, after int64, visit func(store.Change) error) error {
	return p.one().Changes(ctx, after, visit)
}
func (p *processes) Lookup(ctx context.Context, q store.Lookup) ([]store.Record, error) {
	return p.one().Lookup(ctx, q)
}
func (p *processes) Links(ctx context.Context, since time.Time, visit func(usage.SpanParent) error) error {
	return p.one().Links(ctx, since, visit)
}
func (p *processes) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return p.one().Scan(ctx, f, visit)
}
func (p *processes) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return p.one().Figures(ctx, f, visit)
}
func (p *processes) Totals(ctx context.Context, f store.Filter, by []store.Field, max int) ([]store.Total, error) {
	return p.one().Totals(ctx, f, by, max)
}
func (p *processes) List(ctx context.Context, page store.Page) ([]store.Record, string, error) {
	return p.one().List(ctx, page)
}
func (p *processes) Nth(ctx context.Context, n int64) (time.Time, bool, error) {
	return p.one().Nth(ctx, n)
}
func (p *processes) Info(ctx context.Context) (store.Info, error) { return p.one().Info(ctx) }
func (p *processes) Retire(ctx context.Context, r store.Retirement) error {
	return p.one().Retire(ctx, r)
}
func (p *processes) Retired(ctx context.Context, before time.Time, sum func(store.Spent) error, record func(*store.Record) error) error {
	return p.one().Retired(ctx, before, sum, record)
}
func (p *processes) Acquire(ctx context.Context, task, holder string, ttl time.Duration) (store.Lease, error) {
	return p.one().Acquire(ctx, task, holder, ttl)
}
func (p *processes) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	return p.one().Renew(ctx, l, ttl)
}
func (p *processes) Release(ctx context.Context, l store.Lease) error { return p.one().Release(ctx, l) }

func (p *processes) Close() error { return errors.Join(p.engines[0].Close(), p.engines[1].Close()) }

func (p *processes) Compact(ctx context.Context) error { return p.one().compact(ctx) }

func (p *processes) Vacuum(ctx context.Context) error {
	e := p.one()
	e.removed = 1 << 40
	err := e.Vacuum(ctx)
	for _, e := range p.engines {
		requireTexts(p.t, e)
	}
	return err
}

// requireTexts checks that no more texts have numbers than can have, and that the database has those that do.
func requireTexts(t require.TestingT, e *Engine) {
	ctx := context.Background()
	info, err := e.Info(ctx)
	require.NoError(t, err)
	known, stored := 0, 0
	for _, k := range info.Dictionaries {
		require.LessOrEqual(t, k.Count, k.Max)
		known += k.Count
	}
	require.NoError(t, e.db.QueryRow(ctx, "SELECT count(*) FROM dims").Scan(&stored))
	require.Equal(t, stored, known)
}
