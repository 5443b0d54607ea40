// Package repriced adds up what other prices change about calls.
package repriced

import (
	"cmp"
	"slices"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// MaxModels bounds the models of a report: names are hostile text.
const MaxModels = 1_000

// Report reports the changes that repricing made, or would make.
type Report struct {
	PriceVersion string // of the prices that the calls have now, or would have
	DryRun       bool
	Models       []Model  // the largest difference first
	Rest         Repriced // of the models beyond the 1,000 that were met first
	Total        Repriced
	// Records is how many stored records were looked at, ones that do not count included, and Written
	// how many of them get another cost or another price version.
	Records, Written int64
	// Partial says that there are older records, which were not looked at because of a limit.
	Partial bool

	models map[rollup.Value]*Repriced
}

// Repriced is the difference that other prices make to calls that count.
type Repriced struct {
	Calls       int64
	Changed     int64 // calls that cost something else now
	Old, New    usage.NanoUSD
	NewlyPriced int64 // calls that had no price
	NowUnpriced int64 // calls that have none any more
}

// Model is the difference for one model.
type Model struct {
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

// Count puts a call that counts into the report.
func (p *Report) Count(old, now *usage.Call) {
	p.Total.add(old, now)
	m := rollup.ValueOf(rollup.Models, old)
	r := p.models[m]
	if r == nil {
		if len(p.models) >= MaxModels {
			p.Rest.add(old, now)
			return
		}
		r = &Repriced{}
		if p.models == nil {
			p.models = map[rollup.Value]*Repriced{}
		}
		p.models[m] = r
	}
	r.add(old, now)
}

// End completes the report.
func (p *Report) End() Report {
	for m, r := range p.models {
		p.Models = append(p.Models, Model{Model: m.Value, Provider: m.Provider, Repriced: *r})
	}
	p.models = nil
	difference := func(r *Repriced) usage.NanoUSD { return max(r.New-r.Old, r.Old-r.New) }
	slices.SortFunc(p.Models, func(a, b Model) int {
		return cmp.Or(cmp.Compare(difference(&b.Repriced), difference(&a.Repriced)), cmp.Compare(b.Calls, a.Calls),
			cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
	})
	return *p
}
