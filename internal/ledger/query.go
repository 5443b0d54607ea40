package ledger

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimension is what sums can be grouped by.
type Dimension uint8

// The dimensions.
const (
	ByNothing Dimension = iota
	ByModel             // model and provider together, see Group.Provider
	ByProvider
	ByKey // key fingerprint
	ByUser
	ByService
	ByProject
	ByStatus
	ByOperation // of Breakdown only
)

// Query asks for sums over records that count. Edges are ascending times: the answer has
// one point for each [Edges[i], Edges[i+1]). With no Edges there is one point for
// everything that Filter.From and Filter.To let through.
type Query struct {
	Filter store.Filter // Text and Superseded are refused
	Edges  []time.Time
	By     Dimension
	// CountsOnly leaves the histograms empty, which is most of the work of a wide query.
	CountsOnly bool
}

// Group is the sums of one value of the dimension.
type Group struct {
	Value    string // model, provider, fingerprint, user, service, project or status; "" where absent
	Provider string // of ByModel only
	Points   []Sums // len(Edges)-1, or 1
}

// Answer is what a Query gives.
type Answer struct {
	Groups []Group   // in no order; values with no call in the range are left out
	AsOf   time.Time // time of the last commit that the sums include
	Commit int64     // number of that commit, see Commit.Number; 0 where the sums came from stored records
}

// Sums are exact sums over calls that count.
type Sums struct {
	Calls    int64
	Errors   int64
	NoUsage  int64 // calls without any token figure, failed ones included
	Unpriced int64 // calls with tokens for which no cost is known
	// Inconsistent and Estimated are calls with that quality flag.
	Inconsistent, Estimated int64
	Tokens                  usage.Tokens
	Cost                    usage.NanoUSD
	Duration                Histogram // of calls whose duration is known
	TTFT                    Histogram // of calls whose time to first token is known
}

// Query sums what counts, exactly. Where the filter and the grouping touch one dimension at
// most, the answer comes from memory; otherwise, and for parts of a base bucket at the edges,
// from the stored records.
func (l *Ledger) Query(ctx context.Context, q Query) (Answer, error) {
	if len(q.Filter.Text) > 0 || q.Filter.Superseded {
		return Answer{}, fmt.Errorf("%w: it has a text search or asks for superseded records", ErrQuery)
	}
	if q.By == ByOperation {
		return Answer{}, fmt.Errorf("%w: sums are not kept by operation; ask for a breakdown", ErrQuery)
	}
	p, err := l.plan(q)
	if err != nil {
		return Answer{}, err
	}
	s := newSummation(p)
	if q.Filter.None {
		l.mu.RLock()
		defer l.mu.RUnlock()
		return s.answer(l.last, l.commitNumber), nil
	}
	if !p.fromMemory {
		if err := l.sumRecords(ctx, p, s, p.from, p.to); err != nil {
			return Answer{}, err
		}
		return s.answer(l.lastCommit(), 0), nil
	}
	if len(p.parts) > 0 {
		// Sums in memory and stored records are read side by side: no commit in between.
		l.commits.RLock()
		defer l.commits.RUnlock()
	}
	asOf, commit := l.sumBuckets(p, s)
	for _, part := range p.parts {
		if err := l.sumRecords(ctx, p, s, part[0], part[1]); err != nil {
			return Answer{}, err
		}
	}
	return s.answer(asOf, commit), nil
}

// plan is how a query is answered.
type plan struct {
	query      Query
	axis       axis
	fromMemory bool
	from, to   time.Time      // zero is open
	parts      [][2]time.Time // parts of base buckets that only records can tell
	partial    map[int64]bool // the base buckets that parts lie in
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
	p := &plan{query: q, from: q.Filter.From, to: q.Filter.To, partial: map[int64]bool{}}
	if n := len(q.Edges); n > 0 {
		if p.from.IsZero() || p.from.Before(q.Edges[0]) {
			p.from = q.Edges[0]
		}
		if p.to.IsZero() || q.Edges[n-1].Before(p.to) {
			p.to = q.Edges[n-1]
		}
	}
	p.axis, p.fromMemory = axisFor(q)
	if p.fromMemory {
		p.findParts()
	}
	return p, nil
}

// axisFor gives the one axis that answers a query, and false where none does.
func axisFor(q Query) (axis, bool) {
	need := map[axis]bool{}
	f := &q.Filter
	for a, used := range map[axis]bool{
		axisModel: len(f.Models)+len(f.Providers) > 0, axisKey: len(f.Keys) > 0, axisUser: len(f.Users) > 0,
		axisService: len(f.Services) > 0, axisProject: len(f.Projects) > 0, axisStatus: len(f.Statuses) > 0,
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
		return axisAll, true
	case 1:
		for a := range need {
			return a, true
		}
	}
	return axisAll, false
}

func axisOf(d Dimension) axis {
	switch d {
	case ByModel, ByProvider:
		return axisModel
	case ByKey:
		return axisKey
	case ByUser:
		return axisUser
	case ByService:
		return axisService
	case ByProject:
		return axisProject
	case ByStatus:
		return axisStatus
	default:
		return axisAll
	}
}

// findParts finds the base buckets that an edge cuts, and the parts of them that are asked for.
func (p *plan) findParts() {
	cuts := append([]time.Time{p.from, p.to}, p.query.Edges...)
	for _, t := range cuts {
		if !t.IsZero() && !aligned(t) {
			p.partial[bucketOfTime(t)] = true
		}
	}
	for b := range p.partial {
		from, to := bucketStart(b), bucketStart(b+1)
		if !p.from.IsZero() && from.Before(p.from) {
			from = p.from
		}
		if !p.to.IsZero() && p.to.Before(to) {
			to = p.to
		}
		if from.Before(to) {
			p.parts = append(p.parts, [2]time.Time{from, to})
		}
	}
}

// sumBuckets adds the whole base buckets from memory and gives time and number of the last commit
// that is in them.
func (l *Ledger) sumBuckets(p *plan, s *summation) (asOf time.Time, commit int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for b, cs := range l.rolling.buckets {
		start := bucketStart(b)
		if p.partial[b] || (!p.from.IsZero() && start.Before(p.from)) || (!p.to.IsZero() && !start.Before(p.to)) {
			continue
		}
		for m, sums := range cs[p.axis] {
			switch {
			case !p.passes(m):
			case p.query.CountsOnly:
				s.at(m, start).mergeCounts(sums)
			default:
				s.at(m, start).Merge(sums)
			}
		}
	}
	return l.last, l.commitNumber
}

// passes tells whether a member of the plan's axis passes the filter.
func (p *plan) passes(m member) bool {
	f := &p.query.Filter
	switch p.axis {
	case axisModel:
		return in(f.Models, m.value) && in(f.Providers, m.provider)
	case axisKey:
		return in(f.Keys, m.value)
	case axisUser:
		return in(f.Users, m.value)
	case axisService:
		return in(f.Services, m.value)
	case axisProject:
		return in(f.Projects, m.value)
	case axisStatus:
		return statusIn(f.Statuses, m.value)
	default:
		return true
	}
}

func (l *Ledger) sumRecords(ctx context.Context, p *plan, s *summation, from, to time.Time) error {
	f := p.query.Filter
	f.From, f.To = from, to
	by := axisOf(p.query.By)
	err := l.Scan(ctx, f, func(r *store.Record) error {
		s.at(memberOf(by, &r.Call), r.Start).add(&r.Call, 1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sum stored records: %w", err)
	}
	return nil
}

// summation collects the points of an answer.
type summation struct {
	query  Query
	groups map[member][]Sums
}

func newSummation(p *plan) *summation {
	return &summation{query: p.query, groups: map[member][]Sums{}}
}

// at gives the sums of a member's group and a time's interval.
func (s *summation) at(m member, t time.Time) *Sums {
	switch s.query.By {
	case ByNothing:
		m = member{}
	case ByProvider:
		m = member{value: m.provider}
	case ByStatus:
		m = member{value: statusLabel(m.value)}
	}
	points := s.groups[m]
	if points == nil {
		points = make([]Sums, max(len(s.query.Edges)-1, 1))
		s.groups[m] = points
	}
	i := 0
	if edges := s.query.Edges; len(edges) > 0 {
		i = sort.Search(len(edges), func(i int) bool { return edges[i].After(t) }) - 1
	}
	return &points[i]
}

func (s *summation) answer(asOf time.Time, commit int64) Answer {
	a := Answer{AsOf: asOf, Commit: commit, Groups: make([]Group, 0, len(s.groups))}
	for m, points := range s.groups {
		a.Groups = append(a.Groups, Group{Value: m.value, Provider: m.provider, Points: points})
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

// statusIn tells whether a status (see statusOf) is one of those asked for.
func statusIn(wanted []string, status string) bool {
	outcome, code, _ := strings.Cut(status, " ")
	return len(wanted) == 0 || slices.Contains(wanted, outcome) || (code != "" && slices.Contains(wanted, code))
}

func in(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}
