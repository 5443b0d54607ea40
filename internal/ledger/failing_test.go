package ledger

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
)

// fullEngine is an engine with all abilities.
type fullEngine interface {
	store.Engine
	store.Sums
	store.Maintenance
	store.Backup
}

// failing is the real engine with writes that can be made to fail, in every way in which they do.
type failing struct {
	storetest.Faulty
	store.Sums
	store.Maintenance
	store.Backup
	fail     atomic.Bool // as on a full disk
	failSums atomic.Bool // as if it were killed before the sums are stored
}

func newFailing(e fullEngine) *failing {
	return &failing{Faulty: storetest.Faulty{Engine: e}, Sums: e, Maintenance: e, Backup: e}
}

var errDiskFull = errors.New("database or disk is full")

func (f *failing) SaveSums(ctx context.Context, w store.SumsWrite) error {
	if f.failSums.Load() {
		return errDiskFull
	}
	return f.Write(func() error { return f.Sums.SaveSums(ctx, w) })
}

func (f *failing) Commit(ctx context.Context, w store.Write) error {
	if f.fail.Load() {
		return errDiskFull
	}
	return f.Faulty.Commit(ctx, w)
}
