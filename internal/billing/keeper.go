package billing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Ids of documents, or their beginnings.
const (
	CurrencyID   = "currency"
	TermsPrefix  = "terms-"
	CreditPrefix = "credit-"
)

// MaxDocuments bounds all that is set about bills.
const MaxDocuments = 10_000

// StoredTerms are terms as they are stored.
type StoredTerms struct {
	ID      string
	Version int64
	Terms
}

// State is all that is set. It must not be changed.
type State struct {
	Currency *Currency     // nil: US dollars alone
	Terms    []StoredTerms // by month
	Credits  []StoredCredit
}

// For returns the terms that hold for a month.
func (s *State) For(month string) Terms {
	for i := len(s.Terms) - 1; i >= 0; i-- {
		if s.Terms[i].From <= month {
			return s.Terms[i].Terms
		}
	}
	return Plain()
}

// Keeper reads what is set, and keeps it until it is changed.
type Keeper struct {
	directory store.Documents

	mu      sync.Mutex
	version int64 // -1: nothing was read yet
	state   State
}

// New returns a keeper.
func New(d store.Documents) *Keeper { return &Keeper{directory: d, version: -1} }

// State returns what is set now.
func (k *Keeper) State(ctx context.Context) (State, error) {
	k.mu.Lock()
	version, state := k.version, k.state
	k.mu.Unlock()
	list, now, err := k.directory.Documents(ctx, store.DocumentBilling, version)
	if err != nil {
		return State{}, fmt.Errorf("read what is set about bills: %w", err)
	}
	if now == version {
		return state, nil
	}
	if state, err = stateOf(list); err != nil {
		return State{}, err
	}
	k.mu.Lock()
	if now > k.version { // else another reader was later
		k.version, k.state = now, state
	}
	k.mu.Unlock()
	return state, nil
}

func stateOf(list []store.Document) (State, error) {
	var out State
	for _, d := range list {
		var err error
		switch {
		case d.ID == CurrencyID:
			out.Currency = &Currency{}
			err = json.Unmarshal(d.Body, out.Currency)
		case strings.HasPrefix(d.ID, TermsPrefix):
			t := StoredTerms{ID: d.ID, Version: d.Version}
			err = json.Unmarshal(d.Body, &t.Terms)
			out.Terms = append(out.Terms, t)
		case strings.HasPrefix(d.ID, CreditPrefix):
			c := StoredCredit{ID: d.ID, Version: d.Version, At: d.CreatedAt}
			err = json.Unmarshal(d.Body, &c.Credit)
			out.Credits = append(out.Credits, c)
		}
		if err != nil {
			return State{}, fmt.Errorf("%w: what is stored about bills as %s cannot be read: %w", store.ErrCorrupt, d.ID, err)
		}
	}
	slices.SortFunc(out.Terms, func(a, b StoredTerms) int { return strings.Compare(a.From, b.From) })
	return out, nil
}
