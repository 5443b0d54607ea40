package changes

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Sums are the sums of a cell or a group in one range of time. No figure is negative.
type Sums struct {
	Calls    int64
	Errors   int64        // calls that failed; no effect is computed of them
	NoUsage  int64        // calls without usage; likewise
	Unpriced int64        // calls with tokens for which no price is known; their cost is in no sum
	Tokens   usage.Tokens // Fields and CacheWrite1h are not used
	Cost     usage.NanoUSD
}

func (s *Sums) add(o *Sums) {
	s.Calls, s.Unpriced = usage.AddSat(s.Calls, o.Calls), usage.AddSat(s.Unpriced, o.Unpriced)
	s.Errors, s.NoUsage = usage.AddSat(s.Errors, o.Errors), usage.AddSat(s.NoUsage, o.NoUsage)
	s.Tokens.Add(&o.Tokens, 1)
	s.Cost = s.Cost.Add(o.Cost)
}

// Cell is the sums of one model in one group. Where the groups are the models, both have the same name.
type Cell struct {
	Group, Model string
	Sums
}

// Rates are the list prices of a model by kind of token, in any unit: only their ratios count.
type Rates struct{ Input, CacheRead, CacheWrite, Output, Reasoning int64 }

// Effects are the parts of a difference. Their sum is the difference, exactly; no part and no difference overflows.
type Effects struct {
	Volume usage.NanoUSD // more or fewer tokens
	Mix    usage.NanoUSD // other models, another split between input and output
	Cache  usage.NanoUSD // other shares of the input read from a cache or written to one
	Price  usage.NanoUSD // other prices of the same tokens
}

// Total is the difference.
func (e Effects) Total() usage.NanoUSD { return e.Volume + e.Mix + e.Cache + e.Price }

// Row describes how one group, or several groups together, changed.
type Row struct {
	Group         string
	Before, After Sums
	Effects
	// Saturated is set where a sum, or a step between the costs, is more than 64 bits hold: what is shown is the largest that
	// they do. The effects still add up to the difference of the costs that are shown; those of rows not to that of the whole.
	Saturated bool

	steps steps
}

// Appeared says whether there was no call before.
func (r *Row) Appeared() bool { return r.Before.Calls == 0 && r.After.Calls > 0 }

// Disappeared says whether there is no call after.
func (r *Row) Disappeared() bool { return r.Before.Calls > 0 && r.After.Calls == 0 }

// Explanation breaks down a difference in cost. The differences of Rows and Rest add up to the difference of All, unless
// one of them is saturated.
type Explanation struct {
	All    Row   // everything as one group; its Group is ""
	Rows   []Row // the groups with the largest differences, in either direction, the largest first
	Rest   Row   // the sums and effects of the other groups
	Others int   // number of groups in Rest
}

// ErrRange reports sums that no effects can be computed of.
var ErrRange = errors.New("sums out of range")

// Explain compares the cells of two ranges, in any order; several cells of one group and model are added up. rates gives
// list prices of a model, false where none are known. At most top groups have a row of their own.
//
// Time grows with n log n of the cells, memory with n.
func Explain(before, after []Cell, rates func(model string) (Rates, bool), top int) (Explanation, error) {
	return ExplainOverlapping(before, after, nil, nil, rates, top)
}

// ExplainOverlapping is Explain for groups that have calls in common, such as teams. The cells of whole have each call once; their
// groups do not matter. All is of these, and so are the prices of models in other groups; the differences of the rows do
// not add up to that of All.
func ExplainOverlapping(before, after, wholeBefore, wholeAfter []Cell, rates func(model string) (Rates, bool), top int) (Explanation, error) {
	t := table{pairs: map[name]*pair{}, models: map[string]*pair{}}
	overlapping := len(wholeBefore)+len(wholeAfter) > 0
	for _, side := range []struct {
		cells, whole []Cell
		of           func(*pair) *Sums
	}{{before, wholeBefore, func(p *pair) *Sums { return &p.before }}, {after, wholeAfter, func(p *pair) *Sums { return &p.after }}} {
		for i := range side.cells {
			c := &side.cells[i]
			if c.negative() {
				return Explanation{}, fmt.Errorf("explain the change of %q: %w: a sum is negative", c.Group, ErrRange)
			}
			side.of(t.pair(c.Group, c.Model)).add(&c.Sums)
			if m := side.of(t.model(c.Model)); !overlapping {
				m.add(&c.Sums)
			}
		}
		for i := range side.whole {
			if c := &side.whole[i]; c.negative() {
				return Explanation{}, fmt.Errorf("explain a change: %w: a sum is negative", ErrRange)
			}
			side.of(t.model(side.whole[i].Model)).add(&side.whole[i].Sums)
		}
	}
	for model, p := range t.models {
		p.rates, p.rated = rates(model)
	}
	rows := t.rows()
	e := Explanation{All: t.explain("", t.all()), Rows: rows}
	if len(rows) > max(top, 0) {
		e.Rows = rows[:max(top, 0)]
		for i := range rows[len(e.Rows):] {
			r := &rows[len(e.Rows)+i]
			e.Rest.Before.add(&r.Before)
			e.Rest.After.add(&r.After)
			e.Rest.steps = e.Rest.steps.plus(r.steps)
			e.Rest.Saturated = e.Rest.Saturated || r.Saturated
			e.Others++
		}
		e.Rest.finish()
	}
	return e, nil
}

func (c *Cell) negative() bool {
	t := &c.Tokens
	return min(c.Calls, c.Unpriced, int64(c.Cost), t.InputUncached, t.CacheRead, t.CacheWrite, t.OutputText, t.Reasoning) < 0
}

type name struct{ group, model string }

// pair is the sums of one model before and after, in a group or in all.
type pair struct {
	group, model  string
	before, after Sums
	rates         Rates
	rated         bool
}

// table is the cells of both ranges.
type table struct {
	pairs  map[name]*pair
	models map[string]*pair // over all groups
}

func (t *table) pair(group, model string) *pair {
	p := t.pairs[name{group, model}]
	if p == nil {
		p = &pair{group: group, model: model}
		t.pairs[name{group, model}] = p
	}
	return p
}

func (t *table) model(model string) *pair {
	p := t.models[model]
	if p == nil {
		p = &pair{model: model}
		t.models[model] = p
	}
	return p
}

// all returns the pairs of all models, in order.
func (t *table) all() []*pair {
	out := make([]*pair, 0, len(t.models))
	for _, p := range t.models {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *pair) int { return strings.Compare(a.model, b.model) })
	return out
}

// rows explains each group; the largest differences come first, those that are equal by name.
func (t *table) rows() []Row {
	sorted := make([]*pair, 0, len(t.pairs))
	for _, p := range t.pairs {
		sorted = append(sorted, p)
	}
	slices.SortFunc(sorted, func(a, b *pair) int {
		return cmp.Or(strings.Compare(a.group, b.group), strings.Compare(a.model, b.model))
	})
	var rows []Row
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].group == sorted[0].group {
			n++
		}
		rows = append(rows, t.explain(sorted[0].group, sorted[:n]))
		sorted = sorted[n:]
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(magnitude(b.Total()), magnitude(a.Total())) })
	return rows
}

func magnitude(v usage.NanoUSD) usage.NanoUSD { return max(v, -v) }
