package alerting

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Keys finds keys and teams by what rules name them by, and names keys.
type Keys interface {
	// Fingerprints returns those of the key with this id or name.
	Fingerprints(value string) []string
	// Name returns the name that is shown for a fingerprint; never the fingerprint.
	Name(fingerprint string) string
	// ID returns what a filter names the key by.
	ID(fingerprint string) string
	// Calls returns which calls the team with this id or name has; none where there is no such team.
	Calls(team string) store.AnyOf
}

// Budget is the state of a budget.
type Budget struct {
	ID, Name string
	Cost     bool // Used and Limit are nano-dollars, else tokens
	Used     int64
	Limit    int64
	// Projected is what will be used when its period ends; below Used where that is not known.
	Projected int64
	Resets    time.Time // zero: never
}

// Options configure an Engine.
type Options struct {
	Ledger *ledger.Ledger
	Store  store.Directory
	// Keys returns the keys as they are now.
	Keys func(context.Context) (Keys, error)
	// Budgets returns the state of all budgets; nil: there are none.
	Budgets func(context.Context) ([]Budget, error)
	// Sources has the receivers that fetch calls; nil: there are none.
	Sources *sources.Board
	// Location is the time zone of rules that name none; UTC where nil.
	Location *time.Location
	// Wake is called when deliveries were made; it returns at once. Nil: nothing here sends.
	Wake func()
	// Beside runs while this process has the lease, whose epoch it is given: it sends what waits. It returns soon after its
	// context ends. Nil: nothing.
	Beside func(ctx context.Context, epoch int64)
	Logger *zap.Logger // nil: none
	Clock  Clock       // the system's where nil
	// Interval is the time between two looks at the rules, by the clock. Default 1 s.
	Interval time.Duration
	// Coalesce is the time between two looks that commits cause. Default 500 ms.
	Coalesce time.Duration
	// Alerts that ended, and deliveries that do not wait, go when they are older than MaxAge (default a year), and the
	// oldest when there are more than MaxAlerts of them (default 100,000).
	MaxAge    time.Duration
	MaxAlerts int64
}

const (
	defaultInterval  = time.Second
	defaultCoalesce  = 500 * time.Millisecond
	defaultMaxAge    = 366 * 24 * time.Hour
	defaultMaxAlerts = 100_000
	leaseTime        = 15 * time.Second
	betweenTries     = 5 * time.Second
)

// Engine evaluates rules from Start to Close, while its process has the lease.
type Engine struct {
	o       Options
	facts   queue
	due     chan struct{} // there is something to look at
	cancel  context.CancelFunc
	running sync.WaitGroup
	leading atomic.Bool
}

// New makes an engine that evaluates nothing before Start.
func New(o Options) *Engine {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Clock == nil {
		o.Clock = systemClock{time.Now()}
	}
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Coalesce <= 0 {
		o.Coalesce = defaultCoalesce
	}
	o.Coalesce = min(o.Coalesce, o.Interval)
	if o.MaxAge <= 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.MaxAlerts <= 0 {
		o.MaxAlerts = defaultMaxAlerts
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Engine{o: o, due: make(chan struct{}, 1)}
}

// Start begins to evaluate in a goroutine of its own, which Close ends.
func (e *Engine) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	e.running.Go(func() { e.run(ctx) })
}

// Close ends what Start began, and waits for it. Without Start it does nothing.
func (e *Engine) Close() {
	if e.cancel != nil {
		e.cancel()
	}
	e.running.Wait()
}

// Leads reports whether this process evaluates the rules.
func (e *Engine) Leads() bool { return e.leading.Load() }

// run evaluates whenever it gets the lease.
func (e *Engine) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := e.lead(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrHeld) {
			e.o.Logger.Warn("alert rules are not evaluated for now", zap.Error(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(betweenTries):
		}
	}
}

// lead evaluates until the lease is lost, or the context ends.
func (e *Engine) lead(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	leases := e.o.Ledger.Leases()
	kept, err := lease.Acquire(ctx, leases, lease.Options{Task: store.TaskAlerts, Holder: e.o.Ledger.Holder(), TTL: leaseTime}, func(err error) { cancel(err) })
	if err != nil {
		return err
	}
	defer func() {
		kept.Stop()
		if err := leases.Release(context.WithoutCancel(ctx), kept.Lease()); err != nil {
			e.o.Logger.Warn("the lease of the alerts could not be given up; it ends by itself", zap.Error(err))
		}
	}()
	stop := e.o.Ledger.Observe(e.commit)
	defer stop()
	e.leading.Store(true)
	defer e.leading.Store(false)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer cancel(nil) // before that wait
	if e.o.Beside != nil {
		beside.Go(func() { e.o.Beside(ctx, kept.Lease().Epoch) })
	}
	s := newSession(e, kept.Lease().Epoch)
	defer s.beside.Wait()
	defer cancel(nil) // before that wait
	for {
		began := time.Now()
		if err := s.tick(ctx); err != nil {
			if errors.Is(err, store.ErrFenced) || ctx.Err() != nil {
				return fmt.Errorf("evaluate alert rules: %w", err)
			}
			s.complain(err)
		}
		if err := e.rest(ctx, began); err != nil {
			return err
		}
	}
}

// commit takes a commit. It is called within the ledger's writer.
func (e *Engine) commit(c ledger.Commit) {
	if e.facts.add(c) {
		e.look()
	}
}

// look says that there is something to look at.
func (e *Engine) look() {
	select {
	case e.due <- struct{}{}:
	default:
	}
}

// rest waits until the next look is due: Interval after the last one began, or Coalesce after it where there is something to look at.
func (e *Engine) rest(ctx context.Context, began time.Time) error {
	next := time.NewTimer(time.Until(began.Add(e.o.Interval)))
	defer next.Stop()
	due := e.due
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-next.C:
			return nil
		case <-due:
			due = nil
			next.Reset(time.Until(began.Add(e.o.Coalesce)))
		}
	}
}
