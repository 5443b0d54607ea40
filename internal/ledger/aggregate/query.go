package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// ErrQuery reports a query that cannot be answered.
var ErrQuery = errors.New("the query is not one that sums can answer")

// GroupBy is a dimension by which sums can be grouped.
type GroupBy uint8

// The dimensions.
const (
	ByNothing GroupBy = iota
	ByModel           // model and provider together, see Group.Provider
	ByProvider
	ByKey // key fingerprint
	ByUser
	ByService
	ByProject
	ByStatus
	// Sums are not kept by those that follow: the stored records are summed.
	ByOperation
	ByTier    // service tier
	ByAccount // upstream account
	ByEnvironment
	ByErrorType
	ByEmitter // instrumentation scope
	ByQuality // quality flags together, see store.QualityName
	BySession // of Breakdown only
	ByTeam    // teams, which can have calls in common; of Teams only
	groupByCount
)

// Query asks for sums over records that count. Edges are ascending times: the answer has
// one point for each [Edges[i], Edges[i+1]). With no Edges there is one point for
// everything that Filter.From and Filter.To let through.
type Query struct {
	Filter store.Filter // Text and Superseded are refused
	Edges  []time.Time
	By     GroupBy
	// CountsOnly leaves the histograms empty, which is most of the work of a wide query.
	CountsOnly bool
	// Overall fills the histograms of Answer.Overall and leaves the histograms of the groups' points empty.
	Overall bool
	// Top is how many groups are kept apart, those with the largest Rank, or most calls where that is equal; the other
	// groups together are one group, the last. 0: all, in no order. It needs Overall or CountsOnly.
	Top int
	// Rank returns the sum that groups are ranked by for Top; nil: their tokens.
	Rank func(*Sums) int64
	// As returns the name of a group where values have others than their own: values with one name are
	// one group, of no provider. It is asked with Top only.
	As func(value string) string
}

// Group has the sums of one value of the dimension.
type Group struct {
	Value    string // model, provider, fingerprint, user, service, project or status; "" where absent
	Provider string // of ByModel only
	Points   []Sums // len(Edges)-1, or 1
	Rest     bool   // the groups beyond Query.Top
}

// Answer is the answer to a Query.
type Answer struct {
	Groups []Group   // in no order; values with no call in the range are left out
	AsOf   time.Time // time of the last commit that the sums include
	Commit int64     // number of that commit, see Commit.Number; 0 where the sums came from stored records
	// Overall has the histograms, and nothing else, of each point over all groups, where Query.Overall
	// asks for them.
	Overall []Sums
}

// Query sums what counts, exactly. Where the filter and the grouping touch one dimension at
// most, the answer comes from memory; otherwise, and for parts of a base bucket at the edges,
// from the stored records.
func (x *State) Query(ctx context.Context, q Query) (Answer, error) {
	if len(q.Filter.Text) > 0 || q.Filter.Superseded {
		return Answer{}, fmt.Errorf("%w: it has a text search or asks for superseded records", ErrQuery)
	}
	if q.Top > 0 && !q.Overall && !q.CountsOnly {
		return Answer{}, fmt.Errorf("%w: histograms of the top groups are not kept apart", ErrQuery)
	}
	if q.By == BySession {
		return Answer{}, fmt.Errorf("%w: there are too many sessions; ask for a breakdown", ErrQuery)
	}
	p, err := x.plan(q)
	if err != nil {
		return Answer{}, err
	}
	if q.Filter.None {
		x.mu.RLock()
		defer x.mu.RUnlock()
		return newSummation(p).answer(x.last, x.number), nil
	}
	if !p.fromMemory {
		if a, ok, err := x.fromTotals(ctx, p); ok || err != nil {
			return a, err
		}
		if err := x.rank(ctx, p, false); err != nil {
			return Answer{}, err
		}
		s := newSummation(p)
		if err := x.sumRecords(ctx, p, s, p.from, p.to); err != nil {
			return Answer{}, err
		}
		return s.answer(x.LastCommit(), 0), nil
	}
	return x.fromSums(ctx, p, false)
}

// fromSums answers a query from the sums. alone says that the caller keeps commits away.
func (x *State) fromSums(ctx context.Context, p *plan, alone bool) (Answer, error) {
	for try := 0; ; try++ {
		if try == freeTries && !alone {
			release, err := x.agree()
			if err != nil {
				return Answer{}, fmt.Errorf("sum: %w", err)
			}
			defer release()
			alone, ctx = true, store.WithinStep(ctx)
		}
		a, sure, err := x.fromMemory(ctx, p, alone)
		switch {
		case errors.Is(err, errNotRanked):
			if err := x.rank(ctx, p, alone); err != nil {
				return Answer{}, err
			}
		case errors.Is(err, rollup.ErrChanged) && try < maxTries:
		case err != nil:
			return Answer{}, fmt.Errorf("sum: %w", err)
		case sure:
			return a, nil
		}
	}
}

const (
	freeTries = 2 // of a query that needs records, before it makes commits wait
	maxTries  = 10
)

// fromMemory answers a query from the sums, and from the records of the base buckets that its edges
// cut. It reports whether the answer is sure: that nothing changed in those buckets between the two.
func (x *State) fromMemory(ctx context.Context, p *plan, alone bool) (a Answer, sure bool, err error) {
	s := newSummation(p)
	x.mu.RLock()
	buckets := p.within(x.newest)
	var sums []*rollup.Summing
	var top *topGroups
	switch {
	case p.narrows(buckets):
		top = x.beginTop(p, buckets, s)
		sums = top.sums()
	case p.ranks() && p.top == nil:
		x.mu.RUnlock()
		return Answer{}, false, errNotRanked
	default:
		sums = x.begin(p, buckets, s)
	}
	asOf, commit := x.last, x.number
	seen := x.touches.now(x.watermark)
	sure = alone || !x.touches.changing(buckets.partial)
	x.mu.RUnlock()
	if !sure {
		return Answer{}, false, nil
	}
	for _, sum := range sums {
		if err := sum.End(ctx); err != nil {
			return Answer{}, false, err
		}
		x.keep(sum)
	}
	if top != nil {
		a, err := top.answer(ctx, s, x.keep)
		a.AsOf, a.Commit = asOf, commit
		return a, true, err
	}
	if len(buckets.parts) == 0 {
		return s.answer(asOf, commit), true, nil
	}
	for _, part := range buckets.parts {
		if err := x.sumRecords(ctx, p, s, part[0], part[1]); err != nil {
			return Answer{}, false, err
		}
	}
	x.mu.RLock()
	sure = alone || (!x.touches.changing(buckets.partial) && x.touches.same(seen, x.watermark, buckets.partial))
	x.mu.RUnlock()
	return s.answer(asOf, commit), sure, nil
}

// keep keeps what a query worked out that the next one can use.
func (x *State) keep(s *rollup.Summing) {
	if s.Made() {
		x.mu.Lock()
		x.sums.Keep(s)
		x.mu.Unlock()
	}
}

func (x *State) sumRecords(ctx context.Context, p *plan, s *summation, from, to time.Time) error {
	f := p.query.Filter
	f.From, f.To = from, to
	err := x.engine.Figures(ctx, x.Kept(f), func(r *store.Record) error {
		at := s.point(r.Start)
		sums := &s.points(groupOf(p.query.By, &r.Call))[at]
		sums.AddCounts(&r.Call, 1)
		switch {
		case p.query.Overall:
			s.overall[at].AddTimes(&r.Call, 1)
		case !p.query.CountsOnly:
			sums.AddTimes(&r.Call, 1)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum stored records: %w", err)
	}
	return nil
}

// groupOf returns the value by which a call is grouped.
func groupOf(by GroupBy, c *usage.Call) rollup.Value {
	if by.hasSums() {
		return rollup.ValueOf(dimensionOf(by), c)
	}
	return rollup.Value{Value: valueOf(by, c)}
}

// valueOf returns a call's value of a dimension as rows have it.
func valueOf(by GroupBy, c *usage.Call) string {
	switch by {
	case ByProvider:
		return c.Provider
	case ByStatus:
		return store.StatusName(c.Status, c.Failed)
	case ByOperation:
		return c.Operation
	case ByTier:
		return c.Tier.String()
	case ByAccount:
		return c.Account
	case ByEnvironment:
		return c.Environment
	case ByErrorType:
		return c.ErrorType
	case ByEmitter:
		return c.Scope
	case ByQuality:
		return store.QualityName(c.Quality)
	case BySession:
		return c.Session
	default:
		return rollup.ValueOf(dimensionOf(by), c).Value
	}
}
