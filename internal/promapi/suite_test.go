package promapi

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

// suites are files of the engine's own tests, in promql/promqltest/testdata of its module.
var suites = []string{
	"selectors", "aggregators", "functions", "operators", "range_queries", "at_modifier", "subquery", "extended_vectors",
	"name_label_dropping", "limit", "collision", "duration_expression", "staleness", "literals",
}

// TestSuites runs the engine's own tests over the ledger: their series are loaded as calls, and their questions go
// through the same code as those of users.
func TestSuites(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/prometheus/prometheus").Output()
	require.NoError(t, err)
	e := newSuiteEngine(t)
	for _, name := range suites {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "promql/promqltest/testdata", name+".test"))
			require.NoError(t, err)
			s := &suite{T: t, name: name, engine: e, lines: strings.Split(string(text), "\n"), left: map[string]int{}}
			s.run()
			t.Logf("%d passed", s.passed)
			for why, n := range s.left {
				t.Logf("%d not asked, or answered differently: %s", n, why)
			}
			require.Positive(t, s.passed)
		})
	}
}

// suite is one file.
type suite struct {
	*testing.T
	name    string
	engine  *suiteEngine
	lines   []string
	storage *suiteStorage
	lacking []lacking
	passed  int
	left    map[string]int // questions that were not asked, by reason
}

// lacking is a series that the ledger cannot have.
type lacking struct {
	labels labels.Labels
	why    string
}

func (s *suite) run() {
	for i := 0; i < len(s.lines); i++ {
		line := strings.TrimSpace(s.lines[i])
		end := i + 1
		for end < len(s.lines) && strings.TrimSpace(s.lines[end]) != "" {
			end++
		}
		var block []string
		for _, l := range s.lines[i+1 : end] {
			if l = strings.TrimSpace(l); !strings.HasPrefix(l, "#") {
				block = append(block, l)
			}
		}
		switch {
		case line == "clear":
			s.storage, s.lacking = nil, nil
		case strings.HasPrefix(line, "load"):
			s.load(line, block)
			i = end - 1
		case strings.HasPrefix(line, "eval"):
			n := i + 1
			for k, l := range block { // a question may follow another without an empty line
				if strings.HasPrefix(l, "eval") {
					block, end = block[:k], i+1+k
					break
				}
			}
			s.Run(fmt.Sprintf("line %d", n), func(t *testing.T) { s.ask(t, n, line, block) })
			i = end - 1
		}
	}
}

// load stores the series that a ledger can have.
func (s *suite) load(line string, block []string) {
	if s.storage == nil {
		s.storage = newSuiteStorage(s.T)
	}
	fields := strings.Fields(line)
	gap, err := model.ParseDuration(fields[1])
	require.NoError(s, err, line)
	for _, l := range block {
		metric, values, err := s.engine.parser.ParseSeriesDesc(l)
		if err != nil {
			s.lacking = append(s.lacking, lacking{why: "series that are not described as others are"})
			continue
		}
		why := cannotBe(metric, values)
		if why != "" {
			s.lacking = append(s.lacking, lacking{metric, why})
		}
		if why == "" || why == falls {
			s.storage.add(metric, values, time.Duration(gap).Milliseconds())
		}
	}
	require.NoError(s, s.storage.Commit())
}

var (
	instantLine = regexp.MustCompile(`^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$`)
	rangeLine   = regexp.MustCompile(`^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$`)
)

// ofQuery finds functions that are of the whole query.
var ofQuery = regexp.MustCompile(`\b(start|end|range|step)\(\)`)

// suiteQuestion is one question and its answer.
type suiteQuestion struct {
	expr             string
	start, end, step int64 // milliseconds; step is 0 for one time
	fails, ordered   bool
	scalar           *float64
	series           []promql.Series
}

// ask asks one question, unless the ledger lacks its data.
func (s *suite) ask(t *testing.T, n int, line string, block []string) {
	q, why := s.question(t, line, block)
	if why == "" {
		why = s.lacks(q.expr)
	}
	if why != "" {
		s.left[why]++
		return
	}
	if s.storage == nil {
		s.storage = newSuiteStorage(s.T)
	}
	err := s.check(q)
	for known, lines := range differently {
		if slices.Contains(lines[s.name], n) {
			require.Error(t, err, "%s: it need not be left out (%s)", q.expr, known)
			s.left[known]++
			return
		}
	}
	require.NoError(t, err, q.expr)
	s.passed++
}

func suiteTime(t *testing.T, text string) int64 {
	d, err := model.ParseDuration(strings.TrimPrefix(text, "-"))
	require.NoError(t, err, text)
	if strings.HasPrefix(text, "-") {
		d = -d
	}
	return time.Duration(d).Milliseconds()
}

// question reads a question; it may say why it cannot be asked.
func (s *suite) question(t *testing.T, line string, block []string) (*suiteQuestion, string) {
	q := &suiteQuestion{}
	var mode string
	if m := instantLine.FindStringSubmatch(line); m != nil {
		mode, q.expr = m[1], m[3]
		if m[2] != "" {
			q.start = suiteTime(t, m[2])
		}
		q.end = q.start
	} else {
		m = rangeLine.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		mode, q.expr = m[1], m[5]
		q.start, q.end, q.step = suiteTime(t, m[2]), suiteTime(t, m[3]), suiteTime(t, m[4])
	}
	q.fails, q.ordered = mode == "fail", mode == "ordered"
	for _, l := range block {
		switch {
		case strings.HasPrefix(l, "expect string"), strings.HasPrefix(l, "expect range vector"):
			return q, "answers that are texts or windows"
		case strings.HasPrefix(l, "expect fail"):
			q.fails = true
		case strings.HasPrefix(l, "expect ordered"):
			q.ordered = true
		case strings.HasPrefix(l, "expect"): // what is noted is about names and kinds of metrics
		case strings.HasPrefix(l, "expected_fail"):
		default:
			if v, err := strconv.ParseFloat(l, 64); err == nil {
				q.scalar = &v
				continue
			}
			metric, values, err := s.engine.parser.ParseSeriesDesc(l)
			require.NoError(t, err, l)
			one := promql.Series{Metric: metric}
			for i, v := range values {
				if v.Histogram != nil {
					return q, "histograms"
				}
				if !v.Omitted {
					one.Floats = append(one.Floats, promql.FPoint{T: q.start + int64(i)*q.step, F: v.Value})
				}
			}
			q.series = append(q.series, one)
		}
	}
	return q, ""
}

// lacks says why the ledger cannot have the data of an expression.
func (s *suite) lacks(expr string) (why string) {
	parsed, err := s.engine.parser.ParseExpr(expr)
	if err != nil {
		return ""
	}
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		v, is := node.(*parser.VectorSelector)
		if !is {
			return nil
		}
		rated := false
		for _, n := range path {
			if c, is := n.(*parser.Call); is && (c.Func.Name == "rate" || c.Func.Name == "increase") {
				rated = true
			}
		}
		for _, one := range s.lacking {
			all := true
			for _, m := range v.LabelMatchers {
				all = all && m.Matches(one.labels.Get(m.Name))
			}
			if rated && one.why == falls {
				continue
			}
			if all || one.labels.IsEmpty() {
				why = one.why
			}
		}
		return nil
	})
	return why
}

// check evaluates, at one time also as a step of a range.
func (s *suite) check(q *suiteQuestion) error {
	if q.step > 0 {
		return s.checkRange(q, q.start, q.end, q.step)
	}
	got, err := s.evaluate(s.engine.NewInstantQuery(context.Background(), s.storage, q.expr, time.UnixMilli(q.start)))
	if done, err := q.failed(err); done {
		return err
	}
	if err := q.compare(got); err != nil {
		return err
	}
	if _, matrix := got.(promql.Matrix); matrix || q.ordered || ofQuery.MatchString(q.expr) {
		return nil
	}
	return s.checkRange(q, q.start-60_000, q.start+60_000, 60_000)
}

func (s *suite) checkRange(q *suiteQuestion, start, end, step int64) error {
	got, err := s.evaluate(s.engine.NewRangeQuery(context.Background(), s.storage, q.expr, time.UnixMilli(start), time.UnixMilli(end), time.Duration(step)*time.Millisecond))
	if done, err := q.failed(err); done {
		return err
	}
	return q.compare(got)
}

func (*suite) evaluate(q promql.Query, err error) (parser.Value, error) {
	if err != nil {
		return nil, err
	}
	res := q.Exec(context.Background())
	return res.Value, res.Err
}

// failed reports whether a failure, or none, ends a check.
func (q *suiteQuestion) failed(err error) (bool, error) {
	switch {
	case q.fails && err == nil:
		return true, fmt.Errorf("it did not fail")
	case q.fails:
		return true, nil
	}
	return err != nil, err
}

// compare compares the answer at the times of the question.
func (q *suiteQuestion) compare(got parser.Value) error {
	var series []promql.Series
	switch v := got.(type) {
	case promql.Scalar:
		if q.scalar == nil || !same(v.V, *q.scalar) {
			return fmt.Errorf("got %v", v)
		}
		return nil
	case promql.Vector:
		for _, one := range v {
			if one.H != nil {
				return fmt.Errorf("got a histogram")
			}
			series = append(series, promql.Series{Metric: one.Metric, Floats: []promql.FPoint{{T: one.T, F: one.F}}})
		}
	case promql.Matrix:
		series = v
	default:
		return fmt.Errorf("got a %s", got.Type())
	}
	if q.scalar != nil {
		q.series = []promql.Series{{Floats: []promql.FPoint{{T: q.start, F: *q.scalar}}}}
	}
	want, have := q.points(q.series), q.points(series)
	for at, v := range want {
		if got, some := have[at]; !some || !same(got, v) {
			return fmt.Errorf("%s is %v (%v), not %v", at, got, some, v)
		}
	}
	for at, v := range have {
		if _, some := want[at]; !some {
			return fmt.Errorf("%s is %v, not nothing", at, v)
		}
	}
	for i := range q.series {
		if q.ordered && q.step == 0 && !labels.Equal(q.series[i].Metric, series[i].Metric) {
			return fmt.Errorf("%s is at the place of %s", series[i].Metric, q.series[i].Metric)
		}
	}
	return nil
}

// points are values by series and time.
func (q *suiteQuestion) points(all []promql.Series) map[string]float64 {
	out := map[string]float64{}
	for _, s := range all {
		for _, p := range s.Floats {
			if p.T >= q.start && p.T <= q.end {
				out[fmt.Sprint(s.Metric, " at ", p.T)] = p.F
			}
		}
	}
	return out
}

// same is the engine's own tolerance.
func same(a, b float64) bool {
	const tolerance = 1e-6
	if math.IsNaN(a) || math.IsNaN(b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return math.IsNaN(a) == math.IsNaN(b) && (math.IsNaN(a) || a == b) //nolint:testifylint // infinities are equal
	}
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b)) || math.Abs(a-b) < 1e-300
}
