package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// GroupBy is what sums can be grouped by.
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
	ByOperation // of Breakdown only
	ByTier      // service tier; of Breakdown only
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
	// Overall fills the histograms of Answer.Overall and leaves those of the groups' points empty.
	Overall bool
	// Top is how many groups are told apart, those with the largest Rank, or most calls where that is equal;
	// what is beyond them is one group, the last. 0: all, in no order. It needs Overall or CountsOnly.
	Top int
	// Rank gives the sum that groups are ranked by for Top; nil: their tokens.
	Rank func(*Sums) int64
	// As gives the name of a group where values have others than their own: values with one name are
	// one group, of no provider. It is asked with Top only.
	As func(value string) string
}

// Group is the sums of one value of the dimension.
type Group struct {
	Value    string // model, provider, fingerprint, user, service, project or status; "" where absent
	Provider string // of ByModel only
	Points   []Sums // len(Edges)-1, or 1
	Rest     bool   // the groups beyond Query.Top
}

// Answer is what a Query gives.
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
func (l *Ledger) Query(ctx context.Context, q Query) (Answer, error) {
	if len(q.Filter.Text) > 0 || q.Filter.Superseded {
		return Answer{}, fmt.Errorf("%w: it has a text search or asks for superseded records", ErrQuery)
	}
	if q.Top > 0 && !q.Overall && !q.CountsOnly {
		return Answer{}, fmt.Errorf("%w: histograms of the top groups are not kept apart", ErrQuery)
	}
	if q.By == ByOperation || q.By == ByTier {
		return Answer{}, fmt.Errorf("%w: sums are not kept by %s; ask for a breakdown", ErrQuery, q.By)
	}
	p, err := l.plan(q)
	if err != nil {
		return Answer{}, err
	}
	if q.Filter.None {
		l.mu.RLock()
		defer l.mu.RUnlock()
		return newSummation(p).answer(l.last, l.commitNumber), nil
	}
	if !p.fromMemory {
		if a, ok, err := l.fromTotals(ctx, p); ok || err != nil {
			return a, err
		}
		if err := l.rank(ctx, p, false); err != nil {
			return Answer{}, err
		}
		s := newSummation(p)
		if err := l.sumRecords(ctx, p, s, p.from, p.to); err != nil {
			return Answer{}, err
		}
		return s.answer(l.lastCommit(), 0), nil
	}
	return l.fromSums(ctx, p, false)
}

// fromSums answers a query from the sums. alone tells that the caller keeps commits away.
func (l *Ledger) fromSums(ctx context.Context, p *plan, alone bool) (Answer, error) {
	for try := 0; ; try++ {
		if try == freeTries && !alone {
			release, err := l.agree()
			if err != nil {
				return Answer{}, fmt.Errorf("sum: %w", err)
			}
			defer release()
			alone = true
		}
		a, sure, err := l.fromMemory(ctx, p, alone)
		switch {
		case errors.Is(err, errNotRanked):
			if err := l.rank(ctx, p, alone); err != nil {
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
// cut. It tells whether the answer is sure: that nothing changed in those buckets between the two.
func (l *Ledger) fromMemory(ctx context.Context, p *plan, alone bool) (a Answer, sure bool, err error) {
	s := newSummation(p)
	l.mu.RLock()
	buckets := p.within(l.newest)
	var sums []*rollup.Summing
	var top *topGroups
	switch {
	case p.narrows(buckets):
		top = l.beginTop(p, buckets, s)
		sums = top.sums()
	case p.ranks() && p.top == nil:
		l.mu.RUnlock()
		return Answer{}, false, errNotRanked
	default:
		sums = l.begin(p, buckets, s)
	}
	asOf, commit := l.last, l.commitNumber
	seen := l.touches.now(l.watermark)
	sure = alone || !l.touches.changing(buckets.partial)
	l.mu.RUnlock()
	if !sure {
		return Answer{}, false, nil
	}
	for _, sum := range sums {
		if err := sum.End(ctx); err != nil {
			return Answer{}, false, err
		}
		l.keep(sum)
	}
	if top != nil {
		a, err := top.answer(ctx, s, l.keep)
		a.AsOf, a.Commit = asOf, commit
		return a, true, err
	}
	if len(buckets.parts) == 0 {
		return s.answer(asOf, commit), true, nil
	}
	for _, part := range buckets.parts {
		if err := l.sumRecords(ctx, p, s, part[0], part[1]); err != nil {
			return Answer{}, false, err
		}
	}
	l.mu.RLock()
	sure = alone || (!l.touches.changing(buckets.partial) && l.touches.same(seen, l.watermark, buckets.partial))
	l.mu.RUnlock()
	return s.answer(asOf, commit), sure, nil
}

// keep keeps what a query worked out that the next one can use.
func (l *Ledger) keep(s *rollup.Summing) {
	if s.Made() {
		l.mu.Lock()
		l.sums.Keep(s)
		l.mu.Unlock()
	}
}

// plan is how a query is answered.
type plan struct {
	query      Query
	axis       rollup.Dimension
	fromMemory bool
	from, to   time.Time       // zero is open
	top        map[string]bool // names of the top groups, where they are looked for first: see rank
}

// bucketed is a plan in base buckets.
type bucketed struct {
	edges   []int64
	parts   [][2]time.Time // parts of base buckets that only records can tell
	partial map[int64]bool // the base buckets that parts lie in
}

func (l *Ledger) plan(q Query) (*plan, error) {
	for i := 1; i < len(q.Edges); i++ {
		if !q.Edges[i-1].Before(q.Edges[i]) {
			return nil, fmt.Errorf("%w: its edges do not ascend", ErrQuery)
		}
	}
	if len(q.Edges) == 1 {
		return nil, fmt.Errorf("%w: one edge bounds no interval", ErrQuery)
	}
	p := &plan{query: q, from: q.Filter.From, to: q.Filter.To}
	if n := len(q.Edges); n > 0 {
		if p.from.IsZero() || p.from.Before(q.Edges[0]) {
			p.from = q.Edges[0]
		}
		if p.to.IsZero() || q.Edges[n-1].Before(p.to) {
			p.to = q.Edges[n-1]
		}
	}
	p.axis, p.fromMemory = axisFor(q)
	if p.fromMemory && filtered(&q.Filter) && !l.whole(p) {
		p.fromMemory = false // the sums of single members may lack calls that were summed as others
	}
	return p, nil
}

// axisFor gives the one axis that answers a query, and false where none does.
func axisFor(q Query) (rollup.Dimension, bool) {
	need := map[rollup.Dimension]bool{}
	f := &q.Filter
	if len(f.Tiers) > 0 {
		return rollup.All, false // sums are not kept by it
	}
	for a, used := range map[rollup.Dimension]bool{
		rollup.Models: len(f.Models)+len(f.Providers) > 0, rollup.Keys: len(f.Keys) > 0, rollup.Users: len(f.Users) > 0,
		rollup.Services: len(f.Services) > 0, rollup.Projects: len(f.Projects) > 0, rollup.Statuses: len(f.Statuses) > 0,
	} {
		if used {
			need[a] = true
		}
	}
	if by := axisOf(q.By); q.By != ByNothing {
		need[by] = true
	}
	switch len(need) {
	case 0:
		return rollup.All, true
	case 1:
		for a := range need {
			return a, true
		}
	}
	return rollup.All, false
}

// filtered tells whether a filter selects values of any dimension.
func filtered(f *store.Filter) bool {
	return len(f.Models)+len(f.Providers)+len(f.Keys)+len(f.Users)+len(f.Services)+len(f.Projects)+len(f.Statuses)+len(f.Tiers) > 0
}

// whole tells whether the sums in memory have all calls of the members that a plan asks for.
func (l *Ledger) whole(p *plan) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sums.IsComplete(p.axis, p.members())
}

// within gives the plan in base buckets. No call that is in the sums starts after newest: an edge
// after it cuts nothing.
func (p *plan) within(newest time.Time) bucketed {
	b := bucketed{partial: map[int64]bool{}}
	cut := func(t time.Time) time.Time {
		if t.IsZero() || rollup.Aligned(t) {
			return t
		}
		if t.After(newest) {
			return rollup.BucketStart(rollup.BucketOf(t) + 1)
		}
		b.partial[rollup.BucketOf(t)] = true
		return t
	}
	from, to := cut(p.from), cut(p.to)
	edges := make([]time.Time, len(p.query.Edges))
	for i, e := range p.query.Edges {
		edges[i] = cut(e)
	}
	for n := range b.partial {
		begin, end := rollup.BucketStart(n), rollup.BucketStart(n+1)
		if !from.IsZero() && begin.Before(from) {
			begin = from
		}
		if !to.IsZero() && to.Before(end) {
			end = to
		}
		if begin.Before(end) {
			b.parts = append(b.parts, [2]time.Time{begin, end})
		}
	}
	first, last := rollup.Open[0], rollup.Open[1]
	if !from.IsZero() {
		first = firstBucket(from)
	}
	if !to.IsZero() {
		last = firstBucket(to)
	}
	if len(edges) == 0 {
		b.edges = []int64{first, max(first, last)}
		return b
	}
	b.edges = make([]int64, len(edges))
	for i, e := range edges {
		b.edges[i] = max(first, min(firstBucket(e), last))
	}
	return b
}

// firstBucket gives the first bucket that does not start before a time.
func firstBucket(t time.Time) int64 {
	b := rollup.BucketOf(t)
	if !rollup.Aligned(t) {
		b++
	}
	return b
}

// begin begins to add the whole base buckets from memory. The caller holds the lock.
func (l *Ledger) begin(p *plan, b bucketed, s *summation) (sums []*rollup.Summing) {
	q := rollup.Query{Dimension: p.axis, Edges: b.edges, Skip: b.partial, Of: p.members(), Overall: s.overall, Points: func(m rollup.Value) []Sums {
		if !p.passes(m) {
			return nil
		}
		return s.points(m)
	}}
	switch {
	case p.query.Overall:
		q.Histograms = rollup.OfAll
	case p.query.CountsOnly:
		q.Histograms = rollup.OfNone
	}
	if p.query.Overall && !filtered(&p.query.Filter) && p.axis != rollup.All {
		q.Histograms = rollup.OfNone // the sums of all are fewer
		discard := make([]Sums, len(q.Edges)-1)
		sums = append(sums, l.sums.Begin(rollup.Query{
			Dimension: rollup.All, Edges: q.Edges, Skip: q.Skip, Histograms: rollup.OfAll, Overall: q.Overall,
			Points: func(rollup.Value) []Sums { return discard },
		}))
	}
	return append(sums, l.sums.Begin(q))
}

// members gives the members that the filter names; nil where it does not name them whole.
func (p *plan) members() map[rollup.Value]bool {
	f := &p.query.Filter
	values := map[rollup.Dimension][]string{rollup.Keys: f.Keys, rollup.Users: f.Users, rollup.Services: f.Services, rollup.Projects: f.Projects}[p.axis]
	if len(values) == 0 {
		return nil
	}
	of := make(map[rollup.Value]bool, len(values))
	for _, v := range values {
		of[rollup.Value{Value: v}] = true
	}
	return of
}

// passes tells whether a member of the plan's axis passes the filter.
func (p *plan) passes(m rollup.Value) bool {
	f := &p.query.Filter
	switch p.axis {
	case rollup.Models:
		return in(f.Models, m.Value) && in(f.Providers, m.Provider)
	case rollup.Keys:
		return in(f.Keys, m.Value)
	case rollup.Users:
		return in(f.Users, m.Value)
	case rollup.Services:
		return in(f.Services, m.Value)
	case rollup.Projects:
		return in(f.Projects, m.Value)
	case rollup.Statuses:
		return statusIn(f.Statuses, m.Value)
	default:
		return true
	}
}

func (l *Ledger) sumRecords(ctx context.Context, p *plan, s *summation, from, to time.Time) error {
	f := p.query.Filter
	f.From, f.To = from, to
	by := axisOf(p.query.By)
	err := l.engine.Figures(ctx, l.kept(f), func(r *store.Record) error {
		at := s.point(r.Start)
		sums := &s.points(rollup.ValueOf(by, &r.Call))[at]
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

// summation collects the points of an answer.
type summation struct {
	query   Query
	top     map[string]bool // see plan
	groups  map[rollup.Value][]Sums
	rest    []Sums // of the groups beyond the top ones, where top is there
	overall []Sums // histograms only
}

func newSummation(p *plan) *summation {
	return &summation{query: p.query, top: p.top, groups: map[rollup.Value][]Sums{}, overall: make([]Sums, max(len(p.query.Edges)-1, 1))}
}

// group gives the group that a member is in.
func (s *summation) group(m rollup.Value) rollup.Value {
	switch s.query.By {
	case ByNothing:
		return rollup.Value{}
	case ByProvider:
		return rollup.Value{Value: m.Provider}
	case ByStatus:
		return rollup.Value{Value: statusLabel(m.Value)}
	default:
		return m
	}
}

// points gives the points of a member's group.
func (s *summation) points(m rollup.Value) []Sums {
	m = s.group(m)
	if s.top != nil {
		name := s.query.named(m.Value)
		if !s.top[name] {
			if s.rest == nil {
				s.rest = make([]Sums, max(len(s.query.Edges)-1, 1))
			}
			return s.rest
		}
		m = rollup.Value{Value: name}
	}
	points := s.groups[m]
	if points == nil {
		points = make([]Sums, max(len(s.query.Edges)-1, 1))
		s.groups[m] = points
	}
	return points
}

// point gives the number of a time's interval.
func (s *summation) point(t time.Time) int {
	edges := s.query.Edges
	if len(edges) == 0 {
		return 0
	}
	return sort.Search(len(edges), func(i int) bool { return edges[i].After(t) }) - 1
}

func hasCalls(points []Sums) bool {
	return slices.ContainsFunc(points, func(s Sums) bool { return s.Calls != 0 })
}

// answer puts the groups together that have calls.
func (s *summation) answer(asOf time.Time, commit int64) Answer {
	a := Answer{AsOf: asOf, Commit: commit, Groups: make([]Group, 0, len(s.groups))}
	for m, points := range s.groups {
		if !hasCalls(points) {
			continue
		}
		a.Groups = append(a.Groups, Group{Value: m.Value, Provider: m.Provider, Points: points})
	}
	if s.query.Overall {
		a.Overall = s.overall
	}
	if s.query.Top > 0 && s.query.By != ByNothing {
		a.Groups = s.query.narrow(a.Groups)
	}
	if hasCalls(s.rest) {
		a.Groups = append(a.Groups, Group{Points: s.rest, Rest: true})
	}
	return a
}

// statusLabel is a status as people group by it: the HTTP status code where known.
func statusLabel(status string) string {
	if _, code, known := strings.Cut(status, " "); known {
		return code
	}
	return status
}

// statusIn tells whether a status (see rollup.StatusOf) is one of those asked for.
func statusIn(wanted []string, status string) bool {
	outcome, code, _ := strings.Cut(status, " ")
	return len(wanted) == 0 || slices.Contains(wanted, outcome) || (code != "" && slices.Contains(wanted, code))
}

func in(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}
