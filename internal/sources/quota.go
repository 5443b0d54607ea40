package sources

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Window is how much of a quota that is renewed after a length of time is used. It is named by that length: providers
// report the same window in different places.
type Window struct {
	Length      time.Duration
	UsedPercent float64   // of the quota; more than 100 where it is exceeded
	ResetsAt    time.Time // zero where it is not known
	At          time.Time // when it was reported
}

// Name is the length of the window in the largest unit that divides it: 5h, 7d, 90m.
func (w *Window) Name() string {
	const day = 24 * time.Hour
	switch {
	case w.Length%day == 0:
		return strconv.FormatInt(int64(w.Length/day), 10) + "d"
	case w.Length%time.Hour == 0:
		return strconv.FormatInt(int64(w.Length/time.Hour), 10) + "h"
	}
	return strconv.FormatInt(int64(w.Length/time.Minute), 10) + "m"
}

// Quota is what one answer of an upstream says of the quotas of its account.
type Quota struct {
	Status  string // of the account, in the provider's word; "" where it reports none
	Windows []Window
}

// Add adds a window; of two of one length the more used one stays.
func (q *Quota) Add(w Window) {
	for i := range q.Windows {
		if q.Windows[i].Length == w.Length {
			if w.UsedPercent > q.Windows[i].UsedPercent {
				q.Windows[i] = w
			}
			return
		}
	}
	q.Windows = append(q.Windows, w)
}

// Point is a used share at a time.
type Point struct {
	At          time.Time
	UsedPercent float64
}

// WindowState is the last that was reported of a window, and how it came to that.
type WindowState struct {
	Window
	Points []Point // oldest first, at most MaxPoints; the last is the window itself
}

// Account is the quotas of one upstream account.
type Account struct {
	Name     string // its display form, see usage.AccountDisplay
	Provider string
	Status   string
	SeenAt   time.Time     // when its quotas were last reported
	Windows  []WindowState // the shorter ones first
}

// The bounds of what is kept of quotas.
const (
	MaxAccounts = 128
	MaxWindows  = 4   // of an account
	MaxPoints   = 288 // of a window: a day
	pointEvery  = 5 * time.Minute
)

// Quotas are the quotas of the accounts of one source. The zero value has none. It is safe for concurrent use.
type Quotas struct {
	mu       sync.Mutex
	accounts map[string]*Account
	changed  bool
}

// Note adds what an answer at a time said of an account. Answers may come in any order.
func (q *Quotas) Note(name, provider string, at time.Time, said Quota) {
	if name == "" {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.accounts[name]
	if a == nil {
		if a = q.add(name, at); a == nil {
			return
		}
	}
	q.changed = true
	if !at.Before(a.SeenAt) {
		a.SeenAt, a.Provider = at, provider
		if said.Status != "" {
			a.Status = said.Status
		}
	}
	for _, w := range said.Windows {
		a.note(w)
	}
}

// add adds an account; where there are too many, in the place of the one that was not seen for longest.
func (q *Quotas) add(name string, at time.Time) *Account {
	if len(q.accounts) >= MaxAccounts {
		oldest := slices.MinFunc(slices.Collect(maps.Values(q.accounts)), func(a, b *Account) int {
			return cmp.Or(a.SeenAt.Compare(b.SeenAt), cmp.Compare(a.Name, b.Name))
		})
		if !oldest.SeenAt.Before(at) {
			return nil
		}
		delete(q.accounts, oldest.Name)
	}
	if q.accounts == nil {
		q.accounts = map[string]*Account{}
	}
	a := &Account{Name: name}
	q.accounts[name] = a
	return a
}

func (a *Account) note(w Window) {
	i, known := slices.BinarySearchFunc(a.Windows, w.Length, func(s WindowState, l time.Duration) int { return cmp.Compare(s.Length, l) })
	if !known {
		if len(a.Windows) >= MaxWindows {
			return
		}
		a.Windows = slices.Insert(a.Windows, i, WindowState{})
	}
	s := &a.Windows[i]
	if w.At.Before(s.At) {
		return // a later answer said how much it is
	}
	s.Window = w
	p := Point{w.At, w.UsedPercent}
	if n := len(s.Points); n > 0 && s.Points[n-1].At.Truncate(pointEvery).Equal(w.At.Truncate(pointEvery)) {
		s.Points[n-1] = p
		return
	}
	if len(s.Points) >= MaxPoints {
		s.Points = slices.Delete(s.Points, 0, len(s.Points)-MaxPoints+1)
	}
	s.Points = append(s.Points, p)
}

// All returns copies of all accounts, by name.
func (q *Quotas) All() []Account {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]Account, 0, len(q.accounts))
	for _, a := range q.accounts {
		c := *a
		c.Windows = slices.Clone(a.Windows)
		for i := range c.Windows {
			c.Windows[i].Points = slices.Clone(c.Windows[i].Points)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Account) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Save returns everything as bytes where something changed since it was last called; nil where nothing did.
func (q *Quotas) Save() ([]byte, error) {
	q.mu.Lock()
	changed := q.changed
	q.changed = false
	q.mu.Unlock()
	if !changed {
		return nil, nil
	}
	b, err := json.Marshal(q.All())
	if err != nil {
		return nil, fmt.Errorf("write the quotas of accounts: %w", err)
	}
	return b, nil
}

// Load adds what Save returned, within the bounds.
func (q *Quotas) Load(b []byte) error {
	var all []Account
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("read the quotas of accounts: %w", err)
	}
	for i := range all {
		a := &all[i]
		for _, w := range a.Windows {
			for _, p := range w.Points {
				q.Note(a.Name, a.Provider, p.At, Quota{Windows: []Window{{Length: w.Length, UsedPercent: p.UsedPercent, At: p.At, ResetsAt: w.ResetsAt}}})
			}
		}
		q.Note(a.Name, a.Provider, a.SeenAt, Quota{Status: a.Status})
	}
	q.mu.Lock()
	q.changed = false
	q.mu.Unlock()
	return nil
}
