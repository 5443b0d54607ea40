package budget

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Limits of what can be stored.
const (
	MaxBudgets = 10_000
	MaxTeams   = 1_000
	MaxMembers = 1_000 // of a team, of each kind
)

// Directory is what a Set reads of the directory.
type Directory interface {
	store.Budgets
	Keys(ctx context.Context, after int64) (keys []store.Key, version int64, err error)
	KeysOf(ctx context.Context, ids []string) ([]store.Key, error)
}

// Options are the settings of a Set. Zero values mean the defaults.
type Options struct {
	Ledger    *ledger.Ledger
	Directory Directory
	Location  *time.Location   // in which days, weeks and months begin; UTC where nil
	Now       func() time.Time // time.Now where nil
	// Fixed are budgets of the configuration, which cannot be changed here. Their subject may be a team's name.
	Fixed []store.BudgetRow
}

// fresh is how long teams and budgets are used without reading changes, which another process may make.
const fresh = 5 * time.Second

// Set is all budgets, with what is used of them. Its methods are safe for concurrent use.
type Set struct {
	o    Options
	stop func() // ends the observation of the ledger

	// reading is held while the directory and the ledger are read, which may take long: who waits for it stops waiting with
	// its context. It guards what follows.
	reading *semaphore.Weighted
	version int64 // of the budgets that were read last
	list    *store.BudgetList
	keys    keyBook

	mu       sync.Mutex // guards what follows; never held while something is read
	read     time.Time  // zero: the budgets are to be read again
	stale    uint64     // how often read was made zero: a load that it changes under may not have seen the change
	defined  bool       // they have been read
	unknown  bool       // of a hard budget it is not known what was spent
	today    today
	entries  []*entry // by name, those of the configuration first
	byID     map[string]*entry
	groups   map[target]*group
	teams    []store.Team // by name
	teamByID map[string]*store.Team
	index    index
	aliases  aliases
	number   int64                      // of the last commit
	missed   int64                      // of the last one before which commits were missed, see ledger.Commit.Missed
	mark     uint64                     // see group.mark
	pending  []settlements              // of commits that were not followed yet
	watches  map[*Watch]bool            //
	project  map[string]*projectedEntry // see Project
	fitting  *semaphore.Weighted        // held while forecasts are made, likewise; not guarded by mu
}

// target is what a budget is for: budgets with one target have one group.
type target struct {
	scope   store.BudgetScope
	subject string
}

// group is the budgets that count the same calls.
type group struct {
	target
	members store.Team // of a team: with fingerprints instead of ids in Keys
	ids     []string   // of keys
	entries []*entry
	mark    uint64 // the last change that was counted, so that a call with several members counts once
}

// entry is one budget.
type entry struct {
	row   store.BudgetRow
	fixed bool
	group *group

	known    bool // what was spent before has been read
	loading  bool // early is being collected
	early    []early
	spent    spans
	from     time.Time // the begin of the last period that was the current one; of earlier ones spent may lack calls
	reserved reservation.List
}

// early is a change that was committed while the spending before it is being read.
type early struct {
	commit int64
	start  time.Time
	reservation.Amount
	n int64
}

func (e *entry) kind() kind { return kind{e.row.Period, e.row.First} }

// New returns a set, which observes the ledger until Close. It reads the budgets at the first use.
func New(o Options) *Set {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Set{
		o: o, byID: map[string]*entry{}, groups: map[target]*group{}, watches: map[*Watch]bool{}, project: map[string]*projectedEntry{},
		reading: semaphore.NewWeighted(1), fitting: semaphore.NewWeighted(1),
	}
	s.stop = o.Ledger.Observe(s.follow)
	return s
}

// Close ends the observation of the ledger.
func (s *Set) Close() { s.stop() }

func (s *Set) now() time.Time { return s.o.Now().In(s.o.Location) }

// Fresh reads the teams and budgets that changed, unless they were read less than 5 s ago.
func (s *Set) Fresh(ctx context.Context) error {
	s.mu.Lock()
	age, known := s.o.Now().Sub(s.read), !s.read.IsZero() && !s.unknown
	s.mu.Unlock()
	if known && age < fresh && age > -fresh {
		return nil
	}
	if known {
		if !s.reading.TryAcquire(1) {
			return nil // another goroutine is reading them
		}
	} else if err := s.reading.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for the reading of the budgets: %w", err)
	}
	defer s.reading.Release(1)
	return s.load(ctx)
}

// TeamNamed returns the team of an id, or of a name whatever its case; nil where there is none.
func TeamNamed(teams []store.Team, idOrName string) *store.Team {
	for i := range teams {
		if teams[i].ID == idOrName {
			return &teams[i]
		}
	}
	for i := range teams {
		if fold(teams[i].Name) == fold(idOrName) {
			return &teams[i]
		}
	}
	return nil
}

// Stale makes the next Fresh read what changed, whenever it was read: a team, a budget or a key has changed.
func (s *Set) Stale() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetRead()
}

// forgetRead makes the next Fresh read what changed, also where a load is running now. s.mu is held.
func (s *Set) forgetRead() {
	s.read = time.Time{}
	s.stale++
}

// errNotKnown reports a hard budget whose spending could not be read.
var errNotKnown = errors.New("the spending of a budget has not been read yet")
