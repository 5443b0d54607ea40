package aggregate

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

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

// group returns the group that a value is in.
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

// points returns the points of a value's group.
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

// point returns the number of a time's interval.
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

// statusIn reports whether an outcome (see rollup.StatusOf) is one of those asked for.
func statusIn(wanted []string, status string) bool {
	outcome, code, _ := strings.Cut(status, " ")
	number, _ := strconv.Atoi(code)
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		return store.ParseStatus(w)(number, outcome == "error")
	})
}

func in(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}
