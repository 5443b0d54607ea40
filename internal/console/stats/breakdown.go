// Package stats answers questions about sums: over a range, over time, by dimensions, their forecast, and the reasons
// of their changes.
package stats

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// breakdownDimensions are the dimensions by name, besides the dimensions of the trend.
var breakdownDimensions = func() map[string]ledger.GroupBy {
	out := map[string]ledger.GroupBy{}
	for d := ledger.ByModel; d <= ledger.ByTeam; d++ {
		out[d.String()] = d
	}
	return out
}()

// BreakdownRow is the sums of one combination of values. Dimensions that were not
// requested have no field; an empty text is a value that the telemetry did not report.
type BreakdownRow struct {
	Model       *string `json:"model,omitempty"`
	Provider    *string `json:"provider,omitempty"`
	Key         *string `json:"key,omitempty" doc:"what the filter key takes: the id of a key of this console, the name (ext_...) of one made elsewhere"`
	KeyName     *string `json:"key_name,omitempty" doc:"with key: its name"`
	User        *string `json:"user,omitempty"`
	Service     *string `json:"service,omitempty"`
	Project     *string `json:"project,omitempty"`
	Status      *string `json:"status,omitempty" doc:"HTTP status code; ok or error where none is known"`
	Operation   *string `json:"operation,omitempty"`
	Tier        *string `json:"service_tier,omitempty"`
	Account     *string `json:"account,omitempty"`
	Environment *string `json:"environment,omitempty" doc:"deployment environment"`
	ErrorType   *string `json:"error_type,omitempty" doc:"type of the error; empty: calls that did not fail"`
	Emitter     *string `json:"emitter,omitempty" doc:"instrumentation scope"`
	Quality     *string `json:"quality,omitempty" doc:"all quality flags of the calls, with commas between"`
	Session     *string `json:"session,omitempty" doc:"session or conversation"`
	Team        *string `json:"team,omitempty" doc:"id of a team of this console; empty: the calls that no team has. A call is in the row of each team that has it, so that rows can be more than total"`
	TeamName    *string `json:"team_name,omitempty" doc:"with team: its name"`
	Measured
	Compared *Compared `json:"compared,omitempty" doc:"with against only"`
}

// set puts a dimension's value into its field; of a key, its id.
func (r *BreakdownRow) set(d ledger.GroupBy, value string, names *names) {
	switch d {
	case ledger.ByModel:
		r.Model = &value
	case ledger.ByProvider:
		r.Provider = &value
	case ledger.ByKey:
		name := names.of(d, value)
		r.Key, r.KeyName = &value, &name
	case ledger.ByUser:
		r.User = &value
	case ledger.ByService:
		r.Service = &value
	case ledger.ByProject:
		r.Project = &value
	case ledger.ByStatus:
		r.Status = &value
	case ledger.ByOperation:
		r.Operation = &value
	case ledger.ByTier:
		r.Tier = &value
	case ledger.ByAccount:
		r.Account = &value
	case ledger.ByEnvironment:
		r.Environment = &value
	case ledger.ByErrorType:
		r.ErrorType = &value
	case ledger.ByEmitter:
		r.Emitter = &value
	case ledger.ByQuality:
		r.Quality = &value
	case ledger.BySession:
		r.Session = &value
	case ledger.ByTeam:
		name := names.of(d, value)
		r.Team, r.TeamName = &value, &name
	}
}

// Breakdown is sums by one or two dimensions.
type Breakdown struct {
	By         []string       `json:"by"`
	Rows       []BreakdownRow `json:"rows"`
	Count      int            `json:"row_count" doc:"rows on all pages"`
	Total      Measured       `json:"total" doc:"of all rows, those of other pages included"`
	Compared   *Compared      `json:"compared,omitempty" doc:"the total in the other range; with against only"`
	Against    *ComparedRange `json:"against,omitempty" doc:"the other range; with against only"`
	Ranking    *Ranking       `json:"ranking,omitempty" doc:"the largest values over all rows; there with top only"`
	NextCursor string         `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
	AsOf       *time.Time     `json:"as_of"`
}

// BreakdownOrder says what a breakdown is grouped and sorted by.
type BreakdownOrder struct {
	By    string `query:"by" required:"true" doc:"one or two of model, provider, key, user, service, project, status, operation, service_tier, account, environment, error_type, emitter, quality, session, team, with a comma between" example:"model,key" maxLength:"64"`
	Sort  string `query:"sort" default:"total_tokens" enum:"api_call_count,error_count,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,no_usage_count,unpriced_count,error_rate,cache_share,cost_per_call_usd,cost_per_million_usd,latency_p50_ms,latency_p95_ms,ttft_p50_ms,ttft_p95_ms,tokens_per_second,first,second,before,change,change_share" doc:"the measure to sort by; figures that are not known come last. first and second: the name of the value of the first or the second dimension. With against, of measure: before, its figure in the other range; change, the size of the difference; change_share"`
	Order string `query:"order" default:"desc" enum:"desc,asc"`
	Against
	filter.Filters
}

type breakdownInput struct {
	BreakdownOrder
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor   string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before"`
	Top      int    `query:"top" minimum:"0" maximum:"100" doc:"how many values of the first dimension ranking has; 0: no ranking"`
	TopParts int    `query:"top_parts" default:"8" minimum:"1" maximum:"100" doc:"of how many values of the second dimension ranking shows the parts"`
	RankBy   string `query:"rank_by" default:"total_tokens" enum:"api_call_count,error_count,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,no_usage_count,unpriced_count,error_rate,cache_share,cost_per_call_usd,cost_per_million_usd,latency_p50_ms,latency_p95_ms,ttft_p50_ms,ttft_p95_ms,tokens_per_second" doc:"the measure that ranking shows the largest of"`
}

// sortKeys give what a breakdown can be sorted by.
var sortKeys = map[string]func(*ledger.Sums) int64{
	"api_call_count":     func(s *ledger.Sums) int64 { return s.Calls },
	"error_count":        func(s *ledger.Sums) int64 { return s.Errors },
	"input_tokens":       func(s *ledger.Sums) int64 { return s.Tokens.Input() },
	"output_tokens":      func(s *ledger.Sums) int64 { return s.Tokens.Output() },
	"cache_read_tokens":  func(s *ledger.Sums) int64 { return s.Tokens.CacheRead },
	"cache_write_tokens": func(s *ledger.Sums) int64 { return s.Tokens.CacheWrite },
	"reasoning_tokens":   func(s *ledger.Sums) int64 { return s.Tokens.Reasoning },
	"total_tokens":       func(s *ledger.Sums) int64 { return s.Tokens.Total() },
	"cost_usd":           func(s *ledger.Sums) int64 { return int64(s.Cost) },
	"no_usage_count":     func(s *ledger.Sums) int64 { return s.NoUsage },
	"unpriced_count":     func(s *ledger.Sums) int64 { return s.Unpriced },
}

func (c *Handlers) breakdown(ctx context.Context, in *breakdownInput) (*api.Envelope[Breakdown], error) {
	in.Times = in.Times || (in.Top > 0 && measures[in.RankBy].times)
	b, err := c.ordered(ctx, &in.BreakdownOrder, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := Breakdown{By: b.names, Rows: []BreakdownRow{}, Count: len(b.rows), Total: b.total(), Compared: b.compared.total(), AsOf: b.asOf}
	if b.compared != nil {
		out.Against = &b.compared.ComparedRange
	}
	rows := b.rows
	if b.after != nil {
		rows = rows[b.order.after(rows, b.after):]
	}
	for i := range rows {
		if i == in.Limit {
			out.NextCursor = rowCursor(b.order.key(&rows[i-1]), rows[i-1].Values)
			break
		}
		out.Rows = append(out.Rows, b.row(&rows[i]))
	}
	if in.Top > 0 {
		out.Ranking = b.ranking(in.RankBy, in.Top, in.TopParts)
	}
	return api.Answer(out), nil
}

// orderedRows are all rows of a breakdown, in order.
type orderedRows struct {
	names []string
	by    []ledger.GroupBy
	rows  []ledger.Row
	order rowOrder
	after *rowMark // of the page before; nil: the first
	asOf  *time.Time
	f     store.Filter
	index *keyindex.Index
	shown *names
	// sum is of all calls, and once the rows by the dimension that is no team, where rows have calls in common.
	sum  *ledger.Sums
	once []ledger.Row

	times    bool        // the rows have histograms
	compared *comparison // nil: they are not compared
}

// names are what people call the values of dimensions.
type names struct {
	index *keyindex.Index
	teams []store.Team
}

// named returns the names of the values of dimensions.
func (c *Handlers) named(ctx context.Context, index *keyindex.Index, by ...ledger.GroupBy) (*names, error) {
	out := &names{index: index}
	if !slices.Contains(by, ledger.ByTeam) {
		return out, nil
	}
	var err error
	out.teams, err = c.Teams(ctx, index)
	return out, err
}

// of returns the name of a value.
func (n *names) of(d ledger.GroupBy, value string) string {
	switch d {
	case ledger.ByKey:
		if k := n.index.Ring.ID(value); k != nil {
			return k.Name
		}
	case ledger.ByTeam:
		if t := budget.TeamNamed(n.teams, value); t != nil {
			return t.Name
		}
	default:
	}
	return value
}

// ordered works a breakdown out.
func (c *Handlers) ordered(ctx context.Context, in *BreakdownOrder, cursor string) (*orderedRows, error) {
	out := &orderedRows{names: strings.Split(in.By, ",")}
	if len(out.names) > 2 || (len(out.names) == 2 && out.names[0] == out.names[1]) {
		return nil, api.WithReason("group_by_unknown", api.Invalid("query.by", "takes one or two different dimensions", in.By))
	}
	for _, name := range out.names {
		d, known := breakdownDimensions[name]
		if !known {
			return nil, api.WithReason("group_by_unknown", api.Invalid("query.by", "is one or two of model, provider, key, user, service, project, status, operation, service_tier, account, environment, error_type, emitter, quality, session, team, with a comma between", in.By))
		}
		out.by = append(out.by, d)
	}
	if slices.Contains(out.by, ledger.ByTeam) && slices.Contains(out.by, ledger.BySession) {
		return nil, api.WithReason("group_by_unknown", api.Invalid("query.by", "takes team with any other dimension than session", in.By))
	}
	var err error
	if out.after, err = parseRowCursor(cursor, len(out.by)); err != nil {
		return nil, err
	}
	if out.f, out.index, err = c.Filtered(ctx, "breakdown", &in.Filters); err != nil {
		return nil, err
	}
	if out.shown, err = c.named(ctx, out.index, out.by...); err != nil {
		return nil, err
	}
	other, err := in.rangeOf(&out.f, c.Now())
	if err != nil {
		return nil, err
	}
	out.times = (in.Times || measures[in.Sort].times || (other != nil && measures[in.Measure].times)) && !slices.ContainsFunc(out.by, func(d ledger.GroupBy) bool { return d == ledger.BySession || d == ledger.ByTeam })
	asked := c.Now()
	b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: out.f, By: out.by, Times: out.times}, out.index)
	if err != nil {
		return nil, err
	}
	out.rows, out.asOf, out.sum, out.once = b.Rows, asOf(ctx, asked, b.AsOf), b.Total, b.Once
	if other != nil {
		f := out.f
		f.From, f.To = other.From, other.To
		before, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: out.by, Times: out.times}, out.index)
		if err != nil {
			return nil, err
		}
		out.compare(*other, before.Rows, measures[in.Measure])
		out.compared.once(&b, &before, out.by[0])
	}
	if out.order, err = orderOf(in, out); err != nil {
		return nil, err
	}
	out.order.sort(out.rows)
	return out, nil
}

// total returns the sums of all rows, each call once.
func (o *orderedRows) total() Measured {
	if o.sum != nil {
		return measuredOf(o.sum, o.times)
	}
	var total ledger.Sums
	for i := range o.rows {
		total.Merge(&o.rows[i].Sums)
	}
	return measuredOf(&total, o.times)
}

// row returns a row as the API shows it.
func (o *orderedRows) row(r *ledger.Row) BreakdownRow {
	out := BreakdownRow{Measured: measuredOf(&r.Sums, o.times), Compared: o.compared.of(&r.Sums, r.Values)}
	for i, d := range o.by {
		out.set(d, r.Values[i], o.shown)
	}
	return out
}

// broken asks the ledger for a breakdown, for a limited time. In its rows keys have their ids.
func (c *Handlers) broken(ctx context.Context, q ledger.BreakdownQuery, index *keyindex.Index) (ledger.Breakdown, error) {
	limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	ask := c.Ledger.Breakdown
	if slices.Contains(q.By, ledger.ByTeam) {
		teams, err := c.Teams(ctx, index)
		if err != nil {
			return ledger.Breakdown{}, err
		}
		ask = func(ctx context.Context, q ledger.BreakdownQuery) (ledger.Breakdown, error) {
			return c.byTeam(ctx, q, index, teams)
		}
	}
	b, err := ask(limited, q)
	switch {
	case errors.Is(err, ledger.ErrTooMany):
		return b, tooMany()
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return b, api.TookTooLong("summing the stored calls")
	case err != nil:
		return b, c.Failed("breakdown", err)
	}
	if place := slices.Index(q.By, ledger.ByKey); place >= 0 {
		b.Rows = index.ByID(b.Rows, place)
		if b.Once != nil {
			b.Once = index.ByID(b.Once, place)
		}
	}
	return b, nil
}

func tooMany() error {
	return api.WithReason("too_many_groups", api.NewProblem(http.StatusBadRequest, fmt.Sprintf("there are more than %d combinations; set filters, or ask for one dimension", ledger.MaxRows)))
}

// rowOrder sorts rows by a sum, or by the name of a value; those that are equal by their values.
type rowOrder struct {
	key       func(*ledger.Row) int64
	name      func(values []string) string // nil: by key
	ascending bool
}

// orderOf reads how rows are to be sorted.
func orderOf(in *BreakdownOrder, rows *orderedRows) (rowOrder, error) {
	o := rowOrder{ascending: in.Order == "asc"}
	if m, known := measures[in.Sort]; known {
		o.key = func(r *ledger.Row) int64 { return m.key(&r.Sums) }
		return o, nil
	}
	if slices.Contains([]string{"before", "change", "change_share"}, in.Sort) {
		if rows.compared == nil {
			return o, api.WithReason("compare_without_range", api.Invalid("query.sort", "needs against: there is nothing to compare with", in.Sort))
		}
		o.key = rows.compared.key(in.Sort)
		return o, nil
	}
	place := 0
	if in.Sort == "second" {
		place = 1
	}
	if place >= len(rows.by) {
		return o, api.WithReason("sort_without_second", api.Invalid("query.sort", "names a second dimension, which by does not", in.Sort))
	}
	o.key = func(*ledger.Row) int64 { return 0 }
	o.name = func(values []string) string {
		return strings.ToLower(rows.shown.of(rows.by[place], values[place]))
	}
	return o, nil
}

// sort sorts rows. It computes the sort keys once, and moves small entries instead of rows.
func (o *rowOrder) sort(rows []ledger.Row) {
	type place struct {
		key int64
		at  int
	}
	places := make([]place, len(rows))
	for i := range rows {
		places[i] = place{o.key(&rows[i]), i}
	}
	slices.SortFunc(places, func(a, b place) int { return o.place(a.key, rows[a.at].Values, b.key, rows[b.at].Values) })
	sorted := make([]ledger.Row, len(rows))
	for i, p := range places {
		sorted[i] = rows[p.at]
	}
	copy(rows, sorted)
}

func (o *rowOrder) place(a int64, aValues []string, b int64, bValues []string) int {
	by := cmp.Compare(b, a)
	if o.name != nil {
		by = strings.Compare(o.name(bValues), o.name(aValues))
	}
	switch {
	case a != b && a == unknown:
		return 1
	case a != b && b == unknown:
		return -1
	case o.ascending:
		by = -by
	}
	return cmp.Or(by, slices.Compare(aValues, bValues))
}

// after returns the index of the first row behind the one that a cursor names. The sums may have
// changed since: no row is skipped or shown twice whose sum did not.
func (o *rowOrder) after(rows []ledger.Row, last *rowMark) int {
	n, _ := slices.BinarySearchFunc(rows, last, func(r ledger.Row, last *rowMark) int {
		if o.place(o.key(&r), r.Values, last.Sum, last.Values) <= 0 {
			return -1
		}
		return 1
	})
	return n
}

// rowMark names a row in a cursor.
type rowMark struct {
	Sum    int64    `json:"s"`
	Values []string `json:"v"`
}

func rowCursor(sum int64, values []string) string {
	b, _ := json.Marshal(rowMark{sum, values}) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseRowCursor(s string, values int) (*rowMark, error) {
	if s == "" {
		return nil, nil
	}
	var m rowMark
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil || len(m.Values) != values {
		return nil, api.WithReason("cursor_unknown", api.Invalid("query.cursor", "is not one that this server gave for this breakdown; take it from next_cursor of the page before, or leave it out", nil))
	}
	return &m, nil
}
