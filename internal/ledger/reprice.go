package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/repriced"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// ErrRepricing reports that calls are being repriced already.
var ErrRepricing = errors.New("calls are being repriced already; wait for that to end")

const (
	// repriceChunk is how many records are repriced between two commits of senders.
	repriceChunk = 500
	maxRepriced  = repriced.MaxModels
)

// RepriceRequest says which stored calls get the cost that the price book has now.
type RepriceRequest struct {
	From, To  time.Time // From <= start < To; zero is open
	Models    []string  // models that answered; none is all
	Providers []string
	// DryRun works out the report and changes nothing.
	DryRun bool
	// Only says which records are priced again; nil: all that the rest asks for.
	Only func(*usage.Call) bool
	// Prices is the book that a dry run works with; nil: that of the ledger.
	Prices Prices
	// Most is how many records are looked at, the newest; 0: all.
	Most int64
	// Progress, where it is set, is called after each chunk, in the goroutine of the caller, with what was done until then and
	// the start of the oldest record that was looked at.
	Progress func(records, written int64, reached time.Time)
}

type (
	// RepriceReport is what Reprice reports, see the package repriced.
	RepriceReport = repriced.Report
	// Repriced is the difference that other prices make to calls that count.
	Repriced = repriced.Repriced
	// RepricedModel is the difference for one model.
	RepricedModel = repriced.Model
)

// Reprice returns stored calls the cost that they would get if they came now. Records, sums and observers follow
// together, some hundred records at a time, between the commits of senders. Where it ends early, the records that were
// repriced stay so, the report says how many, and doing it again does the rest: a record that has its price already is
// left as it is.
func (l *Ledger) Reprice(ctx context.Context, q RepriceRequest) (RepriceReport, error) {
	if !q.DryRun {
		if !l.repricing.TryLock() {
			return RepriceReport{}, ErrRepricing
		}
		defer l.repricing.Unlock()
	}
	p := repricing{
		ledger: l, dry: q.DryRun, prices: l.Prices(), only: q.Only,
		page: store.Page{Limit: repriceChunk, Filter: store.Filter{
			From: q.From, To: q.To, Models: q.Models, Providers: q.Providers, Superseded: true,
		}},
	}
	p.report.DryRun = q.DryRun
	if q.DryRun && q.Prices != nil {
		p.prices = q.Prices
	}
	if p.prices != nil {
		p.report.PriceVersion = p.prices.Version()
	}
	for {
		if err := ctx.Err(); err != nil {
			return p.report.End(), fmt.Errorf("price calls again: %w", err)
		}
		var err error
		if q.DryRun {
			err = p.step(ctx)
		} else {
			err = l.inWriter(ctx, p.step)
		}
		if err != nil {
			return p.report.End(), fmt.Errorf("price calls again: %w", err)
		}
		if q.Progress != nil {
			q.Progress(p.report.Records, p.report.Written, p.reached)
		}
		if p.page.Cursor == "" {
			return p.report.End(), nil
		}
		if q.Most > 0 && p.report.Records >= q.Most {
			p.report.Partial = true
			return p.report.End(), nil
		}
	}
}

// inWriter runs a function in the writer's goroutine, between two commits, with the writer's context.
func (l *Ledger) inWriter(ctx context.Context, f func(context.Context) error) error {
	if l.replica != nil && !l.replica.leads() {
		return ErrFollower
	}
	j := job{run: f, result: make(chan error, 1)}
	select {
	case l.jobs <- j:
		return <-j.result // the writer ends what it has begun
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// job is work for the writer besides batches.
type job struct {
	run    func(context.Context) error
	result chan error
}

// repricing is one run of Reprice. It goes from the newest record to the oldest: records that come meanwhile have their
// price already.
type repricing struct {
	ledger *Ledger
	dry    bool
	// prices are those of the beginning: one run gives one version, also where they are changed meanwhile.
	prices  Prices
	only    func(*usage.Call) bool
	reached time.Time
	page    store.Page
	report  RepriceReport
}

// step prices one page of records.
func (p *repricing) step(ctx context.Context) error {
	records, next, err := p.ledger.List(ctx, p.page)
	if err != nil {
		return err
	}
	var w store.Write
	var changes []Change
	now := make([]usage.Call, len(records))
	for i := range records {
		old := &records[i].Call
		now[i] = *old
		p.reached = old.Start
		if p.only != nil && !p.only(old) {
			continue
		}
		p.ledger.setCostBy(p.prices, &now[i])
		if old.Cost == now[i].Cost && old.Quality == now[i].Quality && old.PriceVersion == now[i].PriceVersion {
			continue
		}
		w.Costs = append(w.Costs, store.Cost{
			ID: old.ID, Start: old.Start, Cost: now[i].Cost, PriceVersion: now[i].PriceVersion, Quality: now[i].Quality,
		})
		if records[i].Counted && (old.Cost != now[i].Cost || old.Quality != now[i].Quality) {
			changes = append(changes, Change{Call: old, N: -1}, Change{Call: &now[i], N: 1})
		}
	}
	if len(w.Costs) > 0 && !p.dry {
		if err := p.ledger.applyCosts(ctx, w, changes); err != nil {
			return err
		}
	}
	for i := range records {
		if records[i].Counted && (p.only == nil || p.only(&records[i].Call)) {
			p.report.Count(&records[i].Call, &now[i])
		}
	}
	p.report.Records += int64(len(records))
	p.report.Written += int64(len(w.Costs))
	p.page.Cursor = next
	return nil
}

// applyCosts commits other costs of stored records, and moves the sums along.
func (l *Ledger) applyCosts(ctx context.Context, w store.Write, changes []Change) error {
	w.At = l.o.Now().UTC()
	w.DirtyHours = l.dirtiedBy(changes)
	if len(changes) > 0 {
		w.Feed = l.feed(&w, changes)
	}
	l.commits.Lock()
	defer l.commits.Unlock()
	w.Change = l.journal(changes)
	l.sums.Announce(changes)
	defer l.sums.Done()
	if err := l.deposed(l.apply(ctx, &w)); err != nil {
		return err
	}
	if len(changes) > 0 {
		l.changed(&w, changes, w.At)
	}
	return nil
}
