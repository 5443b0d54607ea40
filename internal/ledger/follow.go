package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage/wire"
)

// errWhole says that a step has no changes to follow.
var errWhole = errors.New("the changes are not kept any more")

// following is a step that is about to be shown.
type following struct {
	step    store.Step
	commits []wire.Commit
	drop    bool           // the watermark is higher
	left    []store.Record // see aggregate.State.DropBefore
	show    func()
}

// follow moves the sums, and what reads see, to the last commit.
func (l *Ledger) follow(ctx context.Context) error {
	f, err := l.prepareFollow(ctx)
	if errors.Is(err, errWhole) {
		return l.followWhole(ctx)
	}
	if err != nil {
		return fmt.Errorf("follow the store: %w", err)
	}
	l.commits.Lock()
	defer l.commits.Unlock()
	return l.showFollowed(ctx, f)
}

// followOwn brings in a write of this process whose outcome was not known: what is committed comes from the store, as it
// does for the others. The caller holds l.commits for writing.
func (l *Ledger) followOwn(ctx context.Context) error {
	f, err := l.prepareFollow(ctx)
	if err == nil {
		err = l.showFollowed(ctx, f)
	} else if errors.Is(err, errWhole) {
		err = l.readWhole(ctx)
	}
	if err != nil {
		return fmt.Errorf("follow the store: %w", err)
	}
	l.replica.own = true
	return nil
}

// followFailed brings what reads see to the state of the store, where this process failed to change it and may have
// succeeded all the same.
func (l *Ledger) followFailed(ctx context.Context, err error) {
	if l.replica == nil {
		return
	}
	if l.deposed(err); !l.replica.fenced { //nolint:errcheck // it is noted
		_ = l.follow(ctx) // else the next write does
	}
}

func (l *Ledger) prepareFollow(ctx context.Context) (*following, error) {
	f := &following{}
	show, err := l.replica.store.Follow(ctx, l.replica.seq.Load(), func(ctx context.Context, step *store.Step) error {
		f.step = *step
		if step.Whole {
			return errWhole
		}
		if !step.Watermark.After(l.sums.Watermark()) {
			return nil
		}
		f.drop = true
		from, to := aggregate.BucketOf(step.Watermark)
		if from.Equal(to) {
			return nil
		}
		return step.View.Figures(ctx, store.Filter{From: from, To: to}, func(r *store.Record) error {
			f.left = append(f.left, *r)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	f.show = show
	for i := range f.step.Changes {
		c := &f.step.Changes[i]
		read, err := wire.ReadCommit(c.Feed)
		if err != nil { // of a newer version, perhaps: the sums themselves can be read
			return nil, errors.Join(errWhole, err)
		}
		f.commits = append(f.commits, read)
	}
	return f, nil
}

// showFollowed makes a step seen. The caller holds l.commits for writing.
func (l *Ledger) showFollowed(ctx context.Context, f *following) error {
	var all []Change
	for i := range f.commits {
		all = append(all, f.commits[i].Changes...)
	}
	l.sums.Announce(all)
	defer l.sums.Done()
	f.show()
	for i := range f.commits {
		c := &f.commits[i]
		if err := l.series.Apply(f.step.Changes[i].Data); err != nil && !errors.Is(err, series.ErrOtherSeries) {
			return fmt.Errorf("follow the series: %w", err)
		}
		at := c.At
		if !c.Records {
			at = time.Time{}
		}
		number := l.sums.Apply(c.Changes, at)
		if len(c.Changes) > 0 {
			l.observers.notify(Commit{Number: number, At: c.At, Seq: f.step.Changes[i].Seq, Changes: c.Changes})
		}
	}
	if f.drop {
		if err := l.sums.DropBefore(ctx, f.step.Watermark, f.left); err != nil {
			return err
		}
		l.unsaved = true
	}
	l.noteFollowed(f.step.Seq)
	return nil
}

func (l *Ledger) noteFollowed(seq int64) {
	r := l.replica
	r.seq.Store(seq)
	r.followed.Store(time.Now().UnixNano())
	r.failure.Store(nil)
}

// followWhole makes the sums and the series again from the store.
func (l *Ledger) followWhole(ctx context.Context) error {
	if wait := l.o.times.againWhole - time.Since(l.replica.wholeAt); wait > 0 && !l.replica.wholeAt.IsZero() {
		if !l.pause(wait) {
			return ErrClosed
		}
	}
	next, err := l.loadWhole(ctx)
	if err != nil {
		return err
	}
	l.commits.Lock()
	defer l.commits.Unlock()
	l.showWhole(next)
	return nil
}

// readWhole is followWhole for who holds l.commits.
func (l *Ledger) readWhole(ctx context.Context) error {
	next, err := l.loadWhole(ctx)
	if err == nil {
		l.showWhole(next)
	}
	return err
}

// whole is all that a ledger has in memory of a store.
type whole struct {
	sums    *aggregate.State
	series  *series.Set
	hours   []store.Hour
	unsaved bool
	seq     int64
	show    func()
}

func (l *Ledger) loadWhole(ctx context.Context) (*whole, error) {
	next := &whole{sums: l.newSums()}
	show, err := l.replica.store.Follow(ctx, store.FromStart, func(ctx context.Context, step *store.Step) (err error) {
		next.seq = step.Seq
		next.hours, next.unsaved, err = next.sums.Load(ctx, step.View, step.View, step.Watermark, step.LastStored)
		if err != nil {
			return err
		}
		var made bool
		next.series, made, err = readSeries(ctx, l.o.Series, step.View, step.Records, step.Watermark)
		next.unsaved = next.unsaved || made
		return err
	})
	next.show = show
	l.replica.wholeAt = time.Now()
	return next, err
}

// showWhole makes what was loaded seen. The caller holds l.commits for writing.
func (l *Ledger) showWhole(next *whole) {
	next.show()
	l.sums.Replace(next.sums)
	l.series, l.unsaved = next.series, next.unsaved
	l.noteFollowed(next.seq)
	l.observers.notify(Commit{Number: l.sums.Number(), At: l.o.Now(), Seq: next.seq, Missed: true})
}
