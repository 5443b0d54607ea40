package console

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

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

func (c *Console) breakdownRoutes() {
	register(c, access.ReadUsage, route(http.MethodGet, "/breakdown", "breakdown", "Sums by the values of one or two dimensions"), c.breakdown)
	register(c, access.ReadUsage, route(http.MethodGet, "/breakdown/heatmap", "heatmap", "Sums by weekday and hour"), c.heatmap)
	register(c, access.ReadUsage, route(http.MethodGet, "/dimensions/{name}", "dimension", "The values of a dimension, most used first"), c.dimension)
}

// breakdownLimit bounds the time for a breakdown that is summed from the stored records.
const breakdownLimit = 30 * time.Second

// breakdownDimensions are the dimensions by name, besides those of the trend.
var breakdownDimensions = func() map[string]ledger.Dimension {
	out := map[string]ledger.Dimension{}
	for d := ledger.ByModel; d <= ledger.ByOperation; d++ {
		out[d.String()] = d
	}
	return out
}()

// BreakdownRow is the sums of one combination of values. Of the dimensions that were not asked for
// there is no field; an empty text is a value that the telemetry did not tell.
type BreakdownRow struct {
	Model     *string `json:"model,omitempty"`
	Provider  *string `json:"provider,omitempty"`
	Key       *string `json:"key,omitempty" doc:"what the filter key takes: the id of a key of this console, the name (ext_...) of one made elsewhere"`
	KeyName   *string `json:"key_name,omitempty" doc:"with key: its name"`
	User      *string `json:"user,omitempty"`
	Service   *string `json:"service,omitempty"`
	Project   *string `json:"project,omitempty"`
	Status    *string `json:"status,omitempty" doc:"HTTP status code; ok or error where none is known"`
	Operation *string `json:"operation,omitempty"`
	Sums
}

// set puts a dimension's value into its field; of a key, its id.
func (r *BreakdownRow) set(d ledger.Dimension, value string, index *keyIndex) {
	switch d {
	case ledger.ByModel:
		r.Model = &value
	case ledger.ByProvider:
		r.Provider = &value
	case ledger.ByKey:
		name := value
		if k := index.ring.ID(value); k != nil {
			name = k.Name
		}
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
	}
}

// Breakdown is sums by one or two dimensions.
type Breakdown struct {
	By         []string       `json:"by"`
	Rows       []BreakdownRow `json:"rows"`
	Count      int            `json:"row_count" doc:"rows on all pages"`
	Total      Sums           `json:"total" doc:"of all rows, those of other pages included"`
	NextCursor string         `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
	AsOf       *time.Time     `json:"as_of"`
}

type breakdownInput struct {
	By     string `query:"by" required:"true" doc:"one or two of model, provider, key, user, service, project, status, operation, with a comma between" example:"model,key" maxLength:"64"`
	Sort   string `query:"sort" default:"total_tokens" enum:"api_call_count,error_count,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,no_usage_count,unpriced_count" doc:"the sum to sort by"`
	Order  string `query:"order" default:"desc" enum:"desc,asc"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before"`
	Filters
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

func (c *Console) breakdown(ctx context.Context, in *breakdownInput) (*envelope[Breakdown], error) {
	names := strings.Split(in.By, ",")
	if len(names) > 2 || (len(names) == 2 && names[0] == names[1]) {
		return nil, because("group_by_unknown", wrong("query.by", "takes one or two different dimensions", in.By))
	}
	var by []ledger.Dimension
	for _, name := range names {
		d, known := breakdownDimensions[name]
		if !known {
			return nil, because("group_by_unknown", wrong("query.by", "is one or two of model, provider, key, user, service, project, status, operation, with a comma between", in.By))
		}
		by = append(by, d)
	}
	order := rowOrder{key: sortKeys[in.Sort], ascending: in.Order == "asc"}
	after, err := parseRowCursor(in.Cursor, len(by))
	if err != nil {
		return nil, err
	}
	f, index, err := c.filtered(ctx, "breakdown", &in.Filters)
	if err != nil {
		return nil, err
	}
	asked := c.o.Now()
	b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: by}, index)
	if err != nil {
		return nil, err
	}
	order.sort(b.Rows)
	out := Breakdown{By: names, Rows: []BreakdownRow{}, Count: len(b.Rows), AsOf: asOf(ctx, asked, b.AsOf)}
	var total ledger.Sums
	for i := range b.Rows {
		total.MergeCounts(&b.Rows[i].Sums)
	}
	out.Total = sumsOf(&total)
	rows := b.Rows
	if after != nil {
		rows = rows[order.after(rows, after):]
	}
	for i := range rows {
		if i == in.Limit {
			out.NextCursor = rowCursor(order.key(&rows[i-1].Sums), rows[i-1].Values)
			break
		}
		row := BreakdownRow{Sums: sumsOf(&rows[i].Sums)}
		for j, d := range by {
			row.set(d, rows[i].Values[j], index)
		}
		out.Rows = append(out.Rows, row)
	}
	return answer(out), nil
}

// broken asks the ledger for a breakdown, for a limited time. In its rows keys have their ids.
func (c *Console) broken(ctx context.Context, q ledger.BreakdownQuery, index *keyIndex) (ledger.Breakdown, error) {
	limited, cancel := context.WithTimeout(ctx, breakdownLimit)
	defer cancel()
	b, err := c.o.Ledger.Breakdown(limited, q)
	switch {
	case errors.Is(err, ledger.ErrTooMany):
		return b, because("too_many_groups", newProblem(http.StatusBadRequest, fmt.Sprintf("there are more than %d combinations; set filters, or ask for one dimension", ledger.MaxRows)))
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return b, because("took_too_long", newProblem(http.StatusServiceUnavailable, fmt.Sprintf("summing the stored calls took more than %d seconds; ask for a shorter range of time (from, to)",
			int(breakdownLimit.Seconds()))))
	case err != nil:
		return b, c.failed("breakdown", err)
	}
	if place := slices.Index(q.By, ledger.ByKey); place >= 0 {
		b.Rows = index.byID(b.Rows, place)
	}
	return b, nil
}

// byID gives keys their ids in the place of their fingerprints, and puts those of one key together: it
// was rotated.
func (x *keyIndex) byID(rows []ledger.Row, place int) []ledger.Row {
	at := make(map[string]int, len(rows))
	out := rows[:0]
	for _, r := range rows {
		r.Values[place] = x.id(r.Values[place])
		k := strings.Join(r.Values, "\x1f")
		n, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, r)
			continue
		}
		out[n].MergeCounts(&r.Sums)
	}
	return out
}

// rowOrder sorts rows by a sum, and those with equal sums by their values.
type rowOrder struct {
	key       func(*ledger.Sums) int64
	ascending bool
}

// sort sorts rows. What they are sorted by is worked out once, and what is moved about is small.
func (o *rowOrder) sort(rows []ledger.Row) {
	type place struct {
		key int64
		at  int
	}
	places := make([]place, len(rows))
	for i := range rows {
		places[i] = place{o.key(&rows[i].Sums), i}
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
	if o.ascending {
		by = -by
	}
	return cmp.Or(by, slices.Compare(aValues, bValues))
}

// after gives the index of the first row behind the one that a cursor names. The sums may have
// changed since: no row is skipped or shown twice whose sum did not.
func (o *rowOrder) after(rows []ledger.Row, last *rowMark) int {
	n, _ := slices.BinarySearchFunc(rows, last, func(r ledger.Row, last *rowMark) int {
		if o.place(o.key(&r.Sums), r.Values, last.Sum, last.Values) <= 0 {
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
		return nil, because("cursor_unknown", wrong("query.cursor", "is not one that this server gave for this breakdown; take it from next_cursor of the page before, or leave it out", nil))
	}
	return &m, nil
}

// HeatCell is the sums of one hour of the week.
type HeatCell struct {
	Weekday int `json:"weekday" minimum:"1" maximum:"7" doc:"1 is Monday, 7 is Sunday"`
	Hour    int `json:"hour" minimum:"0" maximum:"23"`
	Sums
}

// Heatmap is sums by weekday and hour.
type Heatmap struct {
	Timezone string     `json:"timezone"`
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Cells    []HeatCell `json:"cells" doc:"all 168 hours of the week, Monday first"`
	AsOf     *time.Time `json:"as_of"`
}

type heatmapInput struct {
	Days     int    `query:"days" default:"28" minimum:"1" maximum:"90" doc:"the last days, today included; from and to go before"`
	Timezone string `query:"timezone" doc:"IANA name of the zone of weekdays and hours; by default the console's" maxLength:"64"`
	Filters
}

// heatmap sums the hours of a range into those of a week.
func (c *Console) heatmap(ctx context.Context, in *heatmapInput) (*envelope[Heatmap], error) {
	loc, err := c.zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	f, _, err := c.filtered(ctx, "heatmap", &in.Filters)
	if err != nil {
		return nil, err
	}
	span, err := c.spanOf(&trendInput{Days: in.Days, Interval: "hour", Filters: in.Filters}, f, loc)
	if err != nil {
		return nil, err
	}
	f.From, f.To = time.Time{}, time.Time{} // the edges are the range
	asked := c.o.Now()
	a, err := c.o.Ledger.Query(ctx, ledger.Query{Filter: f, Edges: span.edges, CountsOnly: true})
	if err != nil {
		return nil, c.failed("heatmap", err)
	}
	const daysOfWeek, hoursOfDay = 7, 24
	var week [daysOfWeek * hoursOfDay]ledger.Sums
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			t := span.edges[j].In(loc)
			day := (int(t.Weekday()) + daysOfWeek - 1) % daysOfWeek // Monday is 0
			week[day*hoursOfDay+t.Hour()].MergeCounts(&a.Groups[i].Points[j])
		}
	}
	out := Heatmap{
		Timezone: loc.String(), From: span.edges[0].In(loc), To: span.edges[len(span.edges)-1].In(loc), AsOf: asOf(ctx, asked, a.AsOf),
		Cells: make([]HeatCell, len(week)),
	}
	for i := range week {
		out.Cells[i] = HeatCell{Weekday: i/hoursOfDay + 1, Hour: i % hoursOfDay, Sums: sumsOf(&week[i])}
	}
	return answer(out), nil
}

// DimensionValue is one value of a dimension.
type DimensionValue struct {
	Value string `json:"value" doc:"what the filter of this name takes; empty for calls that tell none"`
	Label string `json:"label" doc:"what people read: of a key its name"`
	Calls int64  `json:"api_call_count"`
}

// DimensionValues are the values of a dimension.
type DimensionValues struct {
	Name   string           `json:"name"`
	Values []DimensionValue `json:"values" doc:"most used first"`
	More   bool             `json:"more" doc:"whether there are further ones; narrow them with q"`
}

type dimensionInput struct {
	Name  string `path:"name" enum:"model,provider,key,user,service,project,status,operation"`
	Query string `query:"q" maxLength:"256" doc:"a part of the value or label, literally, whatever the case"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Filters
}

func (c *Console) dimension(ctx context.Context, in *dimensionInput) (*envelope[DimensionValues], error) {
	f, index, err := c.filtered(ctx, "dimension", &in.Filters)
	if err != nil {
		return nil, err
	}
	d := breakdownDimensions[in.Name]
	b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: []ledger.Dimension{d}}, index)
	if err != nil {
		return nil, err
	}
	out := DimensionValues{Name: in.Name, Values: []DimensionValue{}}
	needle := strings.ToLower(in.Query)
	for i := range b.Rows {
		v := DimensionValue{Value: b.Rows[i].Values[0], Label: b.Rows[i].Values[0], Calls: b.Rows[i].Calls}
		if d == ledger.ByKey {
			if k := index.ring.ID(v.Value); k != nil {
				v.Label = k.Name
			}
		}
		if strings.Contains(strings.ToLower(v.Value), needle) || strings.Contains(strings.ToLower(v.Label), needle) {
			out.Values = append(out.Values, v)
		}
	}
	slices.SortFunc(out.Values, func(a, b DimensionValue) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value))
	})
	if len(out.Values) > in.Limit {
		out.Values, out.More = out.Values[:in.Limit:in.Limit], true
	}
	return answer(out), nil
}
