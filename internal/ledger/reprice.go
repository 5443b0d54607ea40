package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// ErrRepricing reports that calls are being repriced already.
var ErrRepricing = errors.New("calls are being repriced already; wait for that to end")

const (
	// repriceChunk is how many records are repriced between two commits of senders.
	repriceChunk = 500
	// maxRepriced bounds the models of a report: names are hostile text.
	maxRepriced = 1_000
)

// RepriceRequest says which stored calls get the cost that the price book has now.
type RepriceRequest struct {
	From, To  time.Time // From <= start < To; zero is open
	Models    []string  // models that answered; none is all
	Providers []string
	// DryRun works out the report and changes nothing.
	DryRun bool
}

// RepriceReport reports the changes that repricing made, or would make.
type RepriceReport struct {
	PriceVersion string // of the prices that the calls have now, or would have
	DryRun       bool
	Models       []RepricedModel // the largest difference first
	Rest         Repriced        // of the models beyond the 1,000 that were met first
	Total        Repriced
	// Records is how many stored records were looked at, ones that do not count included, and Written
	// how many of them get another cost or another price version.
	Records, Written int64
}

// Repriced is the difference that other prices make to calls that count.
type Repriced struct {
	Calls       int64
	Changed     int64 // calls that cost something else now
	Old, New    usage.NanoUSD
	NewlyPriced int64 // calls that had no price
	NowUnpriced int64 // calls that have none any more
}

// RepricedModel is the difference for one model.
type RepricedModel struct {
	Model, Provider string
	Repriced
}

func (r *Repriced) add(old, now *usage.Call) {
	r.Calls++
	r.Old = r.Old.Add(old.Cost)
	r.New = r.New.Add(now.Cost)
	wasUnpriced, unpriced := old.Quality&usage.Unpriced != 0, now.Quality&usage.Unpriced != 0
	if old.Cost != now.Cost || wasUnpriced != unpriced {
		r.Changed++
	}
	if wasUnpriced && !unpriced {
		r.NewlyPriced++
	}
	if unpriced && !wasUnpriced {
		r.NowUnpriced++
	}
}

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
		ledger: l, dry: q.DryRun, models: map[rollup.Value]*Repriced{},
		page: store.Page{Limit: repriceChunk, Filter: store.Filter{
			From: q.From, To: q.To, Models: q.Models, Providers: q.Providers, Superseded: true,
		}},
	}
	p.report.DryRun = q.DryRun
	if l.o.Prices != nil {
		p.report.PriceVersion = l.o.Prices.Version()
	}
	for {
		if err := ctx.Err(); err != nil {
			return p.end(), fmt.Errorf("price calls again: %w", err)
		}
		var err error
		if q.DryRun {
			err = p.step(ctx)
		} else {
			err = l.inWriter(ctx, p.step)
		}
		if err != nil {
			return p.end(), fmt.Errorf("price calls again: %w", err)
		}
		if p.page.Cursor == "" {
			return p.end(), nil
		}
	}
}

// inWriter runs a function in the writer's goroutine, between two commits, with the writer's context.
func (l *Ledger) inWriter(ctx context.Context, f func(context.Context) error) error {
	if l.replica != nil && !l.replica.leading.Load() {
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
	page   store.Page
	models map[rollup.Value]*Repriced
	report RepriceReport
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
		p.ledger.setCost(&now[i])
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
		if records[i].Counted {
			p.count(&records[i].Call, &now[i])
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

// count puts a call that counts into the report.
func (p *repricing) count(old, now *usage.Call) {
	p.report.Total.add(old, now)
	m := rollup.ValueOf(rollup.Models, old)
	r := p.models[m]
	if r == nil {
		if len(p.models) >= maxRepriced {
			p.report.Rest.add(old, now)
			return
		}
		r = &Repriced{}
		p.models[m] = r
	}
	r.add(old, now)
}

// end makes the report.
func (p *repricing) end() RepriceReport {
	for m, r := range p.models {
		p.report.Models = append(p.report.Models, RepricedModel{Model: m.Value, Provider: m.Provider, Repriced: *r})
	}
	difference := func(r *Repriced) usage.NanoUSD { return max(r.New-r.Old, r.Old-r.New) }
	slices.SortFunc(p.report.Models, func(a, b RepricedModel) int {
		return cmp.Or(cmp.Compare(difference(&b.Repriced), difference(&a.Repriced)), cmp.Compare(b.Calls, a.Calls),
			cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	return p.report
}
