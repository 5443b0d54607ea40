package keys

import (
	"fmt"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Budget is an amount for each period of the calendar, in the console's time zone.
type Budget[T any] struct {
	Day   *T `json:"day" required:"false" nullable:"true"`
	Week  *T `json:"week" required:"false" nullable:"true" doc:"weeks begin on Monday"`
	Month *T `json:"month" required:"false" nullable:"true"`
	Total *T `json:"total" required:"false" nullable:"true" doc:"never begins again"`
}

// Limits bound what a key may spend. null is no limit.
type Limits struct {
	RequestsPerMinute *int64            `json:"requests_per_minute" required:"false" nullable:"true" minimum:"1" maximum:"1000000000" doc:"checks that said yes"`
	TokensPerMinute   *int64            `json:"tokens_per_minute" required:"false" nullable:"true" minimum:"1" maximum:"9007199254740992" doc:"of calls that ended, and of those in flight"`
	Tokens            Budget[int64]     `json:"tokens" required:"false"`
	USD               Budget[api.Money] `json:"usd" required:"false"`
}

func (b *Budget[T]) each(visit func(store.Period, *T)) {
	visit(store.Daily, b.Day)
	visit(store.Weekly, b.Week)
	visit(store.Monthly, b.Month)
	visit(store.Ever, b.Total)
}

// Read checks limits. null is none.
func (l *Limits) Read(location string) (out store.Limits, err error) {
	if l == nil {
		return out, nil
	}
	out.RequestsPerMinute, out.TokensPerMinute = api.OrZero(l.RequestsPerMinute), api.OrZero(l.TokensPerMinute)
	check := func(name string, given bool, n, most int64) {
		if given && (n < 1 || n > most) {
			err = api.WithReason("limit_unfit", api.Invalid(location+"."+name, "must be more than 0, and what can be meant; leave it out, or null, for no limit", nil))
		}
	}
	check("requests_per_minute", l.RequestsPerMinute != nil, out.RequestsPerMinute, 1e9)
	check("tokens_per_minute", l.TokensPerMinute != nil, out.TokensPerMinute, usage.MaxExact)
	l.Tokens.each(func(p store.Period, v *int64) {
		out.Tokens[p] = api.OrZero(v)
		check("tokens."+p.String(), v != nil, out.Tokens[p], usage.MaxExact)
	})
	l.USD.each(func(p store.Period, v *api.Money) {
		out.Cost[p] = api.OrZero(v)
		check("usd."+p.String(), v != nil, out.Cost[p], 1e18) // a thousand million dollars
	})
	return out, err
}

func budgetOf[T ~int64](b store.Budget) Budget[T] {
	return Budget[T]{Day: api.Optional[T](b[store.Daily]), Week: api.Optional[T](b[store.Weekly]), Month: api.Optional[T](b[store.Monthly]), Total: api.Optional[T](b[store.Ever])}
}

func limitsOf(l store.Limits) *Limits {
	if l == (store.Limits{}) {
		return nil
	}
	return &Limits{
		RequestsPerMinute: api.Optional[int64](l.RequestsPerMinute), TokensPerMinute: api.Optional[int64](l.TokensPerMinute),
		Tokens: budgetOf[int64](l.Tokens), USD: budgetOf[api.Money](l.Cost),
	}
}

// Allowance is the remainder of one limit.
type Allowance[T any] struct {
	Limit    T          `json:"limit"`
	Used     T          `json:"used"`
	Reserved T          `json:"reserved" doc:"for calls in flight: checked, not yet reported by telemetry"`
	Left     T          `json:"left"`
	ResetsAt *time.Time `json:"resets_at" doc:"null: never, or bit by bit"`
}

// Allowances are the remainders of the budgets of each period.
type Allowances[T any] struct {
	Day   *T `json:"day"`
	Week  *T `json:"week"`
	Month *T `json:"month"`
	Total *T `json:"total"`
}

// Left has the remainders of a key's limits; null where there is no limit.
type Left struct {
	RequestsPerMinute *Allowance[int64]                `json:"requests_per_minute"`
	TokensPerMinute   *Allowance[int64]                `json:"tokens_per_minute"`
	Tokens            Allowances[Allowance[int64]]     `json:"tokens"`
	USD               Allowances[Allowance[api.Money]] `json:"usd"`
}

func allowanceOf[T ~int64](a *keyring.Allowance) *Allowance[T] {
	if a == nil {
		return nil
	}
	return &Allowance[T]{Limit: T(a.Limit), Used: T(a.Used), Reserved: T(a.Reserved), Left: T(a.Left()), ResetsAt: api.OptionalTime(a.ResetsAt)}
}

func allowancesOf[T ~int64](a [store.PeriodCount]*keyring.Allowance) Allowances[Allowance[T]] {
	return Allowances[Allowance[T]]{
		Day: allowanceOf[T](a[store.Daily]), Week: allowanceOf[T](a[store.Weekly]), Month: allowanceOf[T](a[store.Monthly]), Total: allowanceOf[T](a[store.Ever]),
	}
}

// LeftOf returns what is left of a key's limits as the API shows it, nil for nil.
func LeftOf(l *keyring.Left) *Left {
	if l == nil {
		return nil
	}
	return &Left{
		RequestsPerMinute: allowanceOf[int64](l.RequestsPerMinute), TokensPerMinute: allowanceOf[int64](l.TokensPerMinute),
		Tokens: allowancesOf[int64](l.Tokens), USD: allowancesOf[api.Money](l.Cost),
	}
}

// Change is a field of a PATCH: left as it is where it is not there, cleared where it is null.
type Change[T any] struct {
	Set   bool
	Value *T // nil: cleared
}

// UnmarshalJSONFrom notes that the field is there.
func (c *Change[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	c.Set = true
	return json.UnmarshalDecode(d, &c.Value) //nolint:wrapcheck // names the field that is wrong
}

// Schema describes the field.
func (Change[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// text returns the text of a change; cleared is empty.
func text(c Change[string]) string {
	if c.Value == nil {
		return ""
	}
	return *c.Value
}

const (
	maxPatterns    = 100
	maxPattern     = 200   // characters
	maxAllPatterns = 4_096 // bytes of all patterns of a key
)

// cleanPatterns checks patterns of models.
func cleanPatterns(location string, patterns []string) ([]string, error) {
	if len(patterns) > maxPatterns {
		return nil, api.WithReason("patterns_full", api.Invalid(location, fmt.Sprintf("must have at most %d patterns", maxPatterns), nil), maxPatterns)
	}
	var out []string
	size := 0
	for i, p := range patterns {
		clean, err := api.CleanText(fmt.Sprintf("%s[%d]", location[len("body."):], i), p, maxPattern)
		if err != nil {
			return nil, err
		}
		if clean == "" {
			return nil, api.WithReason("pattern_empty", api.Invalid(fmt.Sprintf("%s[%d]", location, i), "must not be empty; * stands for any text", nil))
		}
		if size += len(clean); size > maxAllPatterns {
			return nil, api.WithReason("text_too_long", api.Invalid(location, fmt.Sprintf("must have at most %d bytes in all; a * stands for any text", maxAllPatterns), nil), maxAllPatterns)
		}
		out = append(out, clean)
	}
	return out, nil
}
