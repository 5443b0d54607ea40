package alert

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a rule.
const (
	MaxRules    = 1000
	maxValues   = 100 // of a filter
	maxText     = 256 // bytes of a value
	maxQuiet    = 10
	maxChannels = 20
	maxSeconds  = 90 * 24 * 3600
	minRepeat   = 60 // s
	maxLimit    = 1e15
)

// Problem says what is wrong with a field of a rule.
type Problem struct{ Field, Message string }

// Error is what is wrong.
func (p *Problem) Error() string { return p.Field + " " + p.Message }

func problem(field, format string, args ...any) error {
	return &Problem{field, fmt.Sprintf(format, args...)}
}

// Windowed reports whether the kind looks at calls of a window.
func (k Kind) Windowed() bool {
	switch k {
	case Spend, Tokens, ErrorShare, NoUsageShare, Unpriced, LatencyP95, TTFTP95:
		return true
	case BudgetUsed, BudgetProjected, SpendUnusual, Silence, SourceGap, KeyExpiry, KeyFirstUse, StoreTrouble:
	}
	return false
}

// OfCalls reports whether the kind looks at calls, so that a filter can limit it.
func (k Kind) OfCalls() bool {
	return k.Windowed() || k == SpendUnusual || k == Silence || k == KeyFirstUse
}

// Check returns what is wrong with a rule, as a Problem.
func (r *Rule) Check() error {
	for _, check := range []func() error{r.checkKind, r.checkWindow, r.checkTimes, r.Filter.check, r.checkQuiet} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) checkKind() error {
	switch {
	case !slices.Contains(Kinds(), r.Kind):
		return problem("kind", "must be one of %v", Kinds())
	case !slices.Contains(Severities(), r.Severity):
		return problem("severity", "must be info, warning or critical")
	case r.Kind.Unit() != NoUnit && !(r.Limit > 0 && r.Limit <= maxLimit) || math.IsNaN(r.Limit):
		return problem("limit", "must be above 0")
	case r.Kind.Unit() == NoUnit && r.Limit != 0:
		return problem("limit", "must be left out: a rule of this kind has none")
	case (r.Kind == ErrorShare || r.Kind == NoUsageShare) && r.Limit > 100:
		return problem("limit", "must be at most 100 per cent")
	case !r.Kind.OfCalls() && !r.Filter.IsZero():
		return problem("filter", "must be left out: a rule of this kind does not look at calls")
	case r.Kind == KeyFirstUse && !slices.Contains([]string{"model", "user", "service"}, r.Dimension):
		return problem("dimension", "must be model, user or service")
	case r.Kind != KeyFirstUse && r.Dimension != "":
		return problem("dimension", "must be left out: it is of rules of the kind key_first_use")
	case r.Kind != BudgetUsed && r.Kind != BudgetProjected && r.Budget != "":
		return problem("budget", "must be left out: it is of rules of budgets")
	case r.Kind != SourceGap && r.Source != "":
		return problem("source", "must be left out: it is of rules of the kind source_gap")
	case len(r.Budget) > maxText || len(r.Source) > maxText:
		return problem("budget", "is too long")
	case r.MinCalls < 0 || r.MinCalls > 1e9:
		return problem("min_calls", "must be from 0 to 1000000000")
	}
	return nil
}

func (r *Rule) checkWindow() error {
	if r.TimeZone != "" {
		if _, err := time.LoadLocation(r.TimeZone); err != nil || strings.Contains(r.TimeZone, "..") {
			return problem("timezone", "must be the name of a time zone, such as Europe/Berlin")
		}
	}
	if !r.Kind.Windowed() {
		if r.Window != "" {
			return problem("window", "must be left out: a rule of this kind has none")
		}
		return nil
	}
	w, known := WindowNamed(r.Window)
	if !known {
		return problem("window", "must be one of %s", strings.Join(WindowNames(), ", "))
	}
	const most = 24 * time.Hour // histograms of every step are in memory
	if (r.Kind == LatencyP95 || r.Kind == TTFTP95) && (w.Length == 0 || w.Length > most) {
		return problem("window", "must be at most 24h for percentiles, and no calendar's")
	}
	return nil
}

func (r *Rule) checkTimes() error {
	switch {
	case r.For < 0 || r.For > maxSeconds:
		return problem("for_seconds", "must be from 0 to %d", maxSeconds)
	case r.Kind == KeyFirstUse && r.For != 0:
		return problem("for_seconds", "must be left out: a first use does not last")
	case r.Repeat != 0 && (r.Repeat < minRepeat || r.Repeat > maxSeconds):
		return problem("repeat_seconds", "must be 0 or from %d to %d", minRepeat, maxSeconds)
	case len(r.Channels) > maxChannels:
		return problem("channels", "must be at most %d", maxChannels)
	case slices.ContainsFunc(r.Channels, func(id string) bool { return !fine(id) }):
		return problem("channels", "must be ids of channels")
	}
	return nil
}

func (r *Rule) checkQuiet() error {
	if len(r.Quiet) > maxQuiet {
		return problem("quiet", "must have at most %d times", maxQuiet)
	}
	for i := range r.Quiet {
		q := &r.Quiet[i]
		if _, ok := minutes(q.From); !ok {
			return problem("quiet.from", "must be a time of day, such as 22:00")
		}
		if _, ok := minutes(q.To); !ok {
			return problem("quiet.to", "must be a time of day, such as 07:00")
		}
		if _, err := time.LoadLocation(q.TimeZone); q.TimeZone == "" || err != nil || strings.Contains(q.TimeZone, "..") {
			return problem("quiet.timezone", "must be the name of a time zone, such as Europe/Berlin")
		}
		if len(q.Days) > 7 || slices.ContainsFunc(q.Days, func(d int) bool { return d < 0 || d > 6 }) {
			return problem("quiet.days", "must be numbers from 0, Sunday, to 6")
		}
	}
	return nil
}

// IsZero reports whether it lets all calls through.
func (f Filter) IsZero() bool {
	for _, values := range f.fields() {
		if len(values) > 0 {
			return false
		}
	}
	return true
}

func (f *Filter) fields() map[string][]string {
	return map[string][]string{
		"model": f.Model, "provider": f.Provider, "key": f.Key, "user": f.User, "service": f.Service, "project": f.Project,
		"service_tier": f.Tier, "account": f.Account, "team": f.Team, "status": f.Status,
	}
}

func (f *Filter) check() error {
	for name, values := range f.fields() {
		if len(values) > maxValues {
			return problem("filter."+name, "must have at most %d values", maxValues)
		}
		for _, v := range values {
			if !fine(v) {
				return problem("filter."+name, "has a value that is too long or no text")
			}
		}
	}
	for _, s := range f.Status {
		if n, err := strconv.Atoi(s); s != "ok" && s != "error" && (err != nil || n < 100 || n > 599) {
			return problem("filter.status", `must be "ok", "error" or an HTTP status code`)
		}
	}
	return nil
}

func fine(text string) bool {
	return len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' })
}
