package promapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// The limits of requests.
const (
	maxForm     = 256 << 10 // bytes of a body
	maxExpr     = 32 << 10  // bytes of an expression
	maxMatches  = 100       // match[] in one request
	maxPoints   = 11_000    // of one series, as in Prometheus
	maxSelected = 20_000    // series, and values of a label, in one answer
)

// problem is a failure as Prometheus reports it.
type problem struct {
	kind errorType
	err  error
}

type errorType string

// The types of errors, and the HTTP status of each in fail.
const (
	badData     errorType = "bad_data"
	execution   errorType = "execution"
	timeout     errorType = "timeout"
	canceled    errorType = "canceled"
	internal    errorType = "internal"
	unavailable errorType = "unavailable"
	notFound    errorType = "not_found"
)

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// invalid reports a parameter that cannot be used.
func invalid(name string, err error) error {
	return &problem{badData, fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// form reads the parameters of a request, from its address and its body.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &problem{badData, fmt.Errorf("error parsing form values: %w", err)}
	}
	return r.Form, nil
}

// parseTime reads Unix seconds, or RFC 3339.
func parseTime(s string) (time.Time, error) {
	if t, err := strconv.ParseFloat(s, 64); err == nil {
		seconds, fraction := math.Modf(t)
		if math.IsNaN(t) || math.Abs(t) > 1e14 {
			return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
		}
		return time.Unix(int64(seconds), int64(math.Round(fraction*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", s)
}

// timeOr reads a time; where it is not there, it is another.
func timeOr(v url.Values, name string, or time.Time) (time.Time, error) {
	s := v.Get(name)
	if s == "" {
		return or, nil
	}
	t, err := parseTime(s)
	if err != nil {
		return t, invalid(name, err)
	}
	return t, nil
}

// parseDuration reads seconds, or a duration such as 15m.
func parseDuration(s string) (time.Duration, error) {
	if d, err := strconv.ParseFloat(s, 64); err == nil {
		ts := d * float64(time.Second)
		if ts > float64(math.MaxInt64) || ts < float64(math.MinInt64) || math.IsNaN(ts) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", s)
		}
		return time.Duration(ts), nil
	}
	if d, err := model.ParseDuration(s); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", s)
}

// expression reads the query.
func expression(v url.Values) (string, error) {
	q := v.Get("query")
	if len(q) > maxExpr {
		return "", invalid("query", fmt.Errorf("it is longer than %d bytes", maxExpr))
	}
	return q, nil
}

// limited reads the parameter limit: how many values or series an answer may have.
func limited(v url.Values) (int, error) {
	s := v.Get("limit")
	if s == "" {
		return maxSelected, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, invalid("limit", err)
	}
	if n < 0 {
		return 0, invalid("limit", errors.New("limit must be non-negative"))
	}
	if n == 0 {
		return maxSelected, nil
	}
	return min(n, maxSelected), nil
}

var (
	errNoStep = errors.New("zero or negative query resolution step widths are not accepted. " +
		"Try a positive integer")
	errManyPoints = errors.New("exceeded maximum resolution of 11,000 points per timeseries. " +
		"Try decreasing the query resolution (?step=XX)")
)

// ranged reads start, end and step of a range query.
func ranged(v url.Values) (start, end time.Time, step time.Duration, err error) {
	if start, err = parseTime(v.Get("start")); err != nil {
		return start, end, 0, invalid("start", err)
	}
	if end, err = parseTime(v.Get("end")); err != nil {
		return start, end, 0, invalid("end", err)
	}
	if end.Before(start) {
		return start, end, 0, invalid("end", errors.New("end timestamp must not be before start time"))
	}
	if step, err = parseDuration(v.Get("step")); err != nil {
		return start, end, 0, invalid("step", err)
	}
	if step < time.Millisecond {
		return start, end, 0, invalid("step", errNoStep)
	}
	if end.Sub(start)/step > maxPoints {
		return start, end, 0, &problem{badData, errManyPoints}
	}
	return start, end, step, nil
}

// matchersOf reads match[]; required reports that there must be some.
func (a *API) matchersOf(v url.Values, required bool) ([][]*labels.Matcher, error) {
	all := v["match[]"]
	if len(all) == 0 && required {
		return nil, &problem{badData, errors.New("no match[] parameter provided")}
	}
	if len(all) > maxMatches {
		return nil, invalid("match[]", fmt.Errorf("there are more than %d", maxMatches))
	}
	sets := make([][]*labels.Matcher, 0, len(all))
	for _, s := range all {
		if len(s) > maxExpr {
			return nil, invalid("match[]", fmt.Errorf("it is longer than %d bytes", maxExpr))
		}
		set, err := a.parser.ParseMetricSelector(s)
		if err != nil {
			return nil, invalid("match[]", err)
		}
		if len(set) > 0 && !selects(set) {
			return nil, invalid("match[]", errors.New("match[] must contain at least one non-empty matcher"))
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// selects reports whether a matcher refuses series that lack its label.
func selects(set []*labels.Matcher) bool {
	for _, m := range set {
		if !m.Matches("") {
			return true
		}
	}
	return false
}
