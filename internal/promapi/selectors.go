package promapi

import (
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
)

// lookback is how long a sample is the value of its series: longer than the distance of two quarter-hour edges,
// so that a sample that had to be moved to such an edge is found.
const lookback = 31 * time.Minute

// exact are the functions that are evaluated over the whole window, from the value at its beginning to that at its
// end, without extrapolation.
var exact = map[string]bool{"rate": true, "increase": true, "delta": true}

// selector describes how an expression uses the samples of one of its selectors.
type selector struct {
	anchored   bool // a window's value at its beginning is needed
	inSubquery bool // it is evaluated at multiples of the step
	pinned     bool // it is evaluated at one time (@)
	offset     time.Duration
	// summed: of its values, its rate or increase only the sum by some labels is used. Those of counters are sums of calls, so
	// that it does not matter which is done first.
	summed bool
	by     []string
}

// selectorsOf returns the selectors of an expression, in the order in which the engine asks the storage for them.
func selectorsOf(expr parser.Expr) []selector {
	var out []selector
	matrix := false
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		switch n := node.(type) {
		case *parser.MatrixSelector:
			matrix = true
		case *parser.VectorSelector:
			pinned := n.Timestamp != nil || n.StartOrEnd != 0
			s := selector{anchored: matrix && n.Anchored, pinned: pinned, offset: n.OriginalOffset}
			for _, p := range path {
				if _, is := p.(*parser.SubqueryExpr); is {
					s.inSubquery = true
				}
			}
			s.summed, s.by = summedBy(path)
			s.summed = s.summed && (s.anchored || !matrix)
			matrix = false
			out = append(out, s)
		}
		return nil
	})
	return out
}

// summedBy finds sum by (...) (...) or sum by (...) (rate(...)) above a selector.
func summedBy(path []parser.Node) (bool, []string) {
	calls := 0
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *parser.MatrixSelector, *parser.ParenExpr, *parser.StepInvariantExpr:
		case *parser.Call:
			if calls++; calls > 1 || !exact[n.Func.Name] {
				return false, nil
			}
		case *parser.AggregateExpr:
			return n.Op == parser.SUM && !n.Without, n.Grouping
		default:
			return false, nil
		}
	}
	return false, nil
}

// maxSubquerySteps bounds the times at which one subquery is evaluated: the engine allocates all of them before
// it looks at how many there are.
const maxSubquerySteps = 1_000_000

// checkSubqueries refuses an expression with a subquery of too many steps, for evaluations over a span of time.
func checkSubqueries(expr parser.Expr, over time.Duration) error {
	tooMany := false
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		inner, is := node.(*parser.SubqueryExpr)
		if !is {
			return nil
		}
		span := over
		for _, n := range append(path[:len(path):len(path)], node) {
			if s, is := n.(*parser.SubqueryExpr); is {
				if s.Timestamp != nil || s.StartOrEnd != 0 {
					span = 0
				}
				span = min(span, math.MaxInt64-s.Range) + s.Range
			}
		}
		step := inner.Step
		if step <= 0 {
			step = cube.SlotLength
		}
		tooMany = tooMany || span/step > maxSubquerySteps
		return nil
	})
	if tooMany {
		return cube.ErrTooMany
	}
	return nil
}

// exactParser marks the selectors of rate, increase and delta as anchored.
type exactParser struct{ parser.Parser }

func newParser() parser.Parser { return exactParser{parser.NewParser(parser.Options{})} }

// ParseExpr parses an expression.
func (p exactParser) ParseExpr(input string) (parser.Expr, error) {
	expr, err := p.Parser.ParseExpr(input)
	if err != nil {
		return expr, err
	}
	// Values are known at every time, so that nothing needs to be interpolated (smoothed).
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		if v, is := node.(*parser.VectorSelector); is && !inMatrix(path) {
			v.Smoothed = false
		}
		call, is := node.(*parser.Call)
		if !is || !exact[call.Func.Name] {
			return nil
		}
		for _, arg := range call.Args {
			if m, is := unwrap(arg).(*parser.MatrixSelector); is {
				v := m.VectorSelector.(*parser.VectorSelector) //nolint:forcetypeassert // it is nothing else
				v.Anchored, v.Smoothed = true, false
			}
		}
		return nil
	})
	return expr, nil
}

func inMatrix(path []parser.Node) bool {
	if len(path) == 0 {
		return false
	}
	_, is := path[len(path)-1].(*parser.MatrixSelector)
	return is
}

func unwrap(e parser.Expr) parser.Expr {
	for {
		p, is := e.(*parser.ParenExpr)
		if !is {
			return e
		}
		e = p.Expr
	}
}

// nameOf returns the name that matchers ask for; "" where they do not name one.
func nameOf(matchers []*labels.Matcher) string {
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}
