// Package pricebook keeps the prices that calls get as they are set: the program's price book or one that was taken from a
// file, over it the prices of the configuration, over these the ones that are stored. Every process that has a ledger keeps
// its own up to date, so that a price that was set through one of them is used by all within a second.
package pricebook

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/pricing/sheet"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Interval is the time between two looks at what is stored.
const Interval = 500 * time.Millisecond

// Options are what a Keeper works with.
type Options struct {
	Directory store.Documents
	Ledger    *ledger.Ledger
	// Published is the book of the program; nil: none. Configured are the prices of the configuration.
	Published  *pricing.Book
	Configured []pricing.Override
	Logger     *zap.Logger
}

// Price is a stored price.
type Price struct {
	ID string
	sheet.Entry
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// TakenBook is a price book from a file.
type TakenBook struct {
	Name    string          `json:"name"` // of the file
	TakenAt time.Time       `json:"taken_at"`
	By      string          `json:"by"` // who took it
	Book    json.RawMessage `json:"book"`
}

// State is what holds now.
type State struct {
	Book  *pricing.Book // that new calls are priced by
	Set   []Price       // stored prices, by id
	Taken *TakenBook    // whose prices are the published ones; nil: those of the program. Without Book.
}

// Keeper keeps the prices of a ledger up to date. Its methods are safe for concurrent use.
type Keeper struct {
	o Options

	reading                   sync.Mutex // held while the directory is read; guards what follows
	priceVersion, bookVersion int64
	read                      bool
	published                 *pricing.Book // that of the program, or the one that was taken
	set                       []Price
	taken                     *TakenBook

	mu    sync.Mutex
	state State
}

// New returns a keeper. The ledger has the prices of before until the first Refresh.
func New(o Options) *Keeper {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Published == nil {
		o.Published = pricing.Empty()
	}
	k := &Keeper{o: o, published: o.Published}
	if book, ok := o.Ledger.Prices().(*pricing.Book); ok {
		k.state.Book = book
	} else {
		k.state.Book = pricing.Empty()
	}
	return k
}

// State returns what held at the last Refresh.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// Published returns the book under the operator's own prices, and those of the configuration.
func (k *Keeper) Published() (*pricing.Book, []pricing.Override) {
	k.reading.Lock()
	defer k.reading.Unlock()
	return k.published, k.o.Configured
}

// With returns the book that calls would be priced by if these prices were the stored ones.
func (k *Keeper) With(set []pricing.Override) (*pricing.Book, error) {
	published, configured := k.Published()
	return assembled(published, configured, set)
}

func assembled(published *pricing.Book, configured, set []pricing.Override) (*pricing.Book, error) {
	book := published
	if len(configured) > 0 {
		var err error
		if book, err = published.With(configured); err != nil {
			return nil, err
		}
	}
	return book.Over(set)
}

// Overrides returns stored prices in the form of the price book.
func Overrides(set []Price) ([]pricing.Override, error) {
	out := make([]pricing.Override, 0, len(set))
	for i := range set {
		o, err := set[i].Override()
		if err != nil {
			return nil, fmt.Errorf("stored price %s: %w", set[i].ID, err)
		}
		out = append(out, o)
	}
	return out, nil
}

// Refresh reads what changed and gives the ledger the prices of now. Where what is stored cannot be read, the ledger keeps the
// ones that it has.
func (k *Keeper) Refresh(ctx context.Context) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	changed := !k.read
	prices, version, err := k.o.Directory.Documents(ctx, store.DocumentPrice, k.known(k.priceVersion))
	if err != nil {
		return fmt.Errorf("read the stored prices: %w", err)
	}
	set, published, taken := k.set, k.published, k.taken
	if version != k.priceVersion || !k.read {
		if set, err = pricesOf(prices); err != nil {
			return err
		}
		changed = true
	}
	books, bookVersion, err := k.o.Directory.Documents(ctx, store.DocumentBook, k.known(k.bookVersion))
	if err != nil {
		return fmt.Errorf("read the price book: %w", err)
	}
	if bookVersion != k.bookVersion || !k.read {
		if published, taken, err = k.bookOf(books); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	overrides, err := Overrides(set)
	if err != nil {
		return err
	}
	book, err := assembled(published, k.o.Configured, overrides)
	if err != nil {
		return fmt.Errorf("put the prices together: %w", err)
	}
	k.set, k.published, k.taken, k.priceVersion, k.bookVersion, k.read = set, published, taken, version, bookVersion, true
	k.mu.Lock()
	was := k.state.Book
	k.state = State{Book: book, Set: set, Taken: taken}
	k.mu.Unlock()
	if was.Version() != book.Version() {
		k.o.Ledger.SetPrices(book)
		k.o.Logger.Info("calls have other prices from now on", zap.String("prices", book.Version()))
	}
	return nil
}

// known is the version to ask for changes after: before the first read, one that no kind has.
func (k *Keeper) known(version int64) int64 {
	if !k.read {
		return -1
	}
	return version
}

func pricesOf(list []store.Document) ([]Price, error) {
	set := make([]Price, 0, len(list))
	for _, d := range list {
		p := Price{ID: d.ID, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Version: d.Version}
		if err := json.Unmarshal(d.Body, &p.Entry); err != nil {
			return nil, fmt.Errorf("%w: the price %s cannot be read: %w", store.ErrCorrupt, d.ID, err)
		}
		set = append(set, p)
	}
	return set, nil
}

// bookOf returns the book that a document has, or that of the program.
func (k *Keeper) bookOf(list []store.Document) (*pricing.Book, *TakenBook, error) {
	if len(list) == 0 {
		return k.o.Published, nil, nil
	}
	var taken TakenBook
	if err := json.Unmarshal(list[0].Body, &taken); err != nil {
		return nil, nil, fmt.Errorf("%w: the price book cannot be read: %w", store.ErrCorrupt, err)
	}
	book, err := pricing.ReadBook(taken.Book, taken.TakenAt)
	if err != nil {
		return nil, nil, fmt.Errorf("the price book that was taken from %q: %w", taken.Name, err)
	}
	taken.Book = nil
	return book, &taken, nil
}

// Run refreshes until the context ends.
func (k *Keeper) Run(ctx context.Context) {
	ticks := time.NewTicker(Interval)
	defer ticks.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		err := k.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing = ""
		case err.Error() != failing: // once for each failure, not twice a second
			failing = err.Error()
			k.o.Logger.Warn("the stored prices could not be read; calls get the ones of before", zap.Error(err))
		}
	}
}
