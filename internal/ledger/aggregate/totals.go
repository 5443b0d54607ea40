package aggregate

import (
	"context"
	"errors"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// A question by two dimensions, such as the models of one user, is answered by the store, which sums its records
// without making calls of them. The answer has no histograms: all groups together have the filter's histograms, which
// are among the sums in memory.

// totalsFields returns the fields by which the store groups for a dimension.
func totalsFields(by GroupBy) []store.Field {
	switch by {
	case ByModel:
		return []store.Field{store.FieldModel, store.FieldProvider}
	case ByNothing:
		return []store.Field{store.FieldOperation} // of few values
	default:
		return []store.Field{fieldOf[by]}
	}
}

// fromTotals answers a query by the store's totals; false where it has to read records.
func (x *State) fromTotals(ctx context.Context, p *plan) (Answer, bool, error) {
	q := &p.query
	if len(q.Edges) > 0 || (!q.Overall && !q.CountsOnly) {
		return Answer{}, false, nil
	}
	if !q.Overall {
		asOf := x.LastCommit()
		s, err := x.totals(ctx, p)
		if err != nil {
			return Answer{}, false, notTooMany(err)
		}
		return s.answer(asOf, 0), true, nil
	}
	whole, err := x.plan(Query{Filter: q.Filter, Overall: true})
	if err != nil || !whole.fromMemory {
		return Answer{}, false, err
	}
	for try := range freeTries + 1 {
		a, agree, err := x.totalsBeside(ctx, p, whole, try == freeTries)
		if err != nil {
			return Answer{}, false, notTooMany(err)
		}
		if agree {
			return a, true, nil
		}
	}
	return Answer{}, false, nil
}

// notTooMany returns an error that records in the place of totals do not mend.
func notTooMany(err error) error {
	if errors.Is(err, store.ErrTooMany) {
		return nil
	}
	return err
}

// totalsBeside adds histograms from memory to the store's totals. It reports whether both are of the same
// calls: a commit may come in between, unless alone keeps it away.
func (x *State) totalsBeside(ctx context.Context, p, whole *plan, alone bool) (Answer, bool, error) {
	if alone {
		release, err := x.agree()
		if err != nil {
			return Answer{}, false, fmt.Errorf("sum: %w", err)
		}
		defer release()
		ctx = store.WithinStep(ctx)
	}
	memory, err := x.fromSums(ctx, whole, alone)
	if err != nil {
		return Answer{}, false, err
	}
	s, err := x.totals(ctx, p)
	if err != nil {
		return Answer{}, false, err
	}
	s.overall = memory.Overall
	var ours, theirs Sums
	for _, points := range s.groups {
		ours.MergeCounts(&points[0])
	}
	for i := range memory.Groups {
		theirs.MergeCounts(&memory.Groups[i].Points[0])
	}
	return s.answer(memory.AsOf, 0), ours.SameCounts(&theirs), nil
}

// totals asks the store.
func (x *State) totals(ctx context.Context, p *plan) (*summation, error) {
	f := p.query.Filter
	f.From, f.To = p.from, p.to
	totals, err := x.engine.Totals(ctx, x.Kept(f), totalsFields(p.query.By), MaxRows)
	if err != nil {
		return nil, fmt.Errorf("sum stored records: %w", err)
	}
	s := newSummation(p)
	for i := range totals {
		t := &totals[i]
		m := rollup.Value{Value: t.Values[0]}
		switch p.query.By {
		case ByModel:
			m.Provider = t.Values[1]
		case ByProvider:
			m = rollup.Value{Provider: t.Values[0]}
		}
		s.points(m)[0].Counts.Merge(&t.Counts)
	}
	return s, nil
}
