package store

import (
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Filter selects records. A zero field selects everything; several values of one field
// are alternatives, different fields must all match. Matching of values is exact.
type Filter struct {
	From, To  time.Time // From <= start < To; zero is open
	Models    []string
	Providers []string
	Keys      []string // key fingerprints; "" is "no key"
	Users     []string
	Services  []string
	Projects  []string
	Statuses  []string // "ok", "error", or an HTTP status code such as "429"
	Tiers     []string // names of usage.Tier; "" is "not known"
	Accounts  []string // upstream accounts, see usage.AccountDisplay; "" is "not known"
	// Operations, Environments and ErrorTypes are whole texts; "" is "none reported". Emitters are instrumentation scopes.
	Operations, Environments, ErrorTypes, Emitters []string
	Sessions                                       []string // whole names; the texts of single records are read for them
	Qualities                                      []string // all flags of a record together, see QualityName
	// Any, where it is not nil, is of calls that have one of its members at least, of whatever kind.
	Any  *AnyOf
	Text []Term // all must match
	// None matches nothing, whatever the other fields are: a user who may see no key sees no call.
	None bool
	// StoredSince selects only records that were stored then or later.
	StoredSince time.Time
	// Superseded includes records that do not count. Sums never use it.
	Superseded bool
}

// AnyOf is a set of calls: those that have one of some keys, or one of some users, or one of some projects. Without any
// members it has no call.
type AnyOf struct {
	Keys     []string // key fingerprints
	Users    []string
	Projects []string
}

// Has reports whether a call is in the set.
func (m *AnyOf) Has(c *usage.Call) bool {
	return slices.Contains(m.Keys, c.KeyFingerprint) || slices.Contains(m.Users, c.User) || slices.Contains(m.Projects, c.Project)
}

// SetAny narrows a filter to a set of calls. Where all members are of one kind that nothing is asked of yet, they become the filter's
// values of that kind, which sums answer.
func (f *Filter) SetAny(m AnyOf) {
	kinds := 0
	for _, of := range [][]string{m.Keys, m.Users, m.Projects} {
		if len(of) > 0 {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		f.None = true
	case kinds == 1 && len(m.Keys) > 0 && len(f.Keys) == 0:
		f.Keys = m.Keys
	case kinds == 1 && len(m.Users) > 0 && len(f.Users) == 0:
		f.Users = m.Users
	case kinds == 1 && len(m.Projects) > 0 && len(f.Projects) == 0:
		f.Projects = m.Projects
	default:
		f.Any = &m
	}
}

// Page asks for records, newest first unless Order says otherwise.
type Page struct {
	Filter Filter
	Order  Order
	Cursor string // "" for the first page, else the Next of the page before
	Limit  int
}

// Order is the sort order of a list of records. Among equal figures the newest record comes first; records whose figure
// is not known come last, in both directions.
type Order struct {
	By        Figure
	Ascending bool
}

// Figure is something of a record that lists can be sorted by.
type Figure uint8

// The figures. A list by another one than ByTime reads the figures of everything that matches, for every page.
const (
	ByTime Figure = iota
	ByCost
	ByDuration
	ByTTFT
	ByTotalTokens
	FigureCount
)
