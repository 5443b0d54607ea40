package stats

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	maxDays   = 90
	maxPoints = 10_000
	maxCells  = 20_000 // points of all groups
)

// Point is the sums of one interval.
type Point struct {
	Time time.Time `json:"time" doc:"when the interval begins, with the offset of the time zone asked for"`
	Sums
	Latency *Quantiles `json:"latency_ms,omitempty" doc:"of the points of all calls, not of the groups'"`
	TTFT    *Quantiles `json:"ttft_ms,omitempty" doc:"time to the first token, likewise"`
	// TokensPerSecond is of the output.
	TokensPerSecond *float64 `json:"tokens_per_second,omitempty" doc:"output_tokens by the durations of the calls, right within five percent, likewise"`
}

// Series is the points of one group.
type Series struct {
	Group  string  `json:"group" doc:"the value, of a key its name (ext_... of one made elsewhere), of a team its name (empty: the calls of none); other for the rest"`
	Other  bool    `json:"other,omitempty" doc:"true for the sum of the groups beyond the top ones"`
	Points []Point `json:"points"`
}

// Trend is sums by interval of time.
type Trend struct {
	Days     int        `json:"days" doc:"days that the range touches"`
	Interval string     `json:"interval" enum:"15m,hour,day,week,month"`
	Timezone string     `json:"timezone"`
	Points   []Point    `json:"points"`
	Series   []Series   `json:"series" doc:"empty without group_by"`
	AsOf     *time.Time `json:"as_of"`
}

type trendInput struct {
	Days     int    `query:"days" default:"7" minimum:"1" maximum:"90" doc:"the last days, today included; from and to go before"`
	Interval string `query:"interval" default:"auto" enum:"auto,15m,hour,day,week,month" doc:"weeks begin on Monday; the first and the last interval are parts of one where the range begins or ends within"`
	Timezone string `query:"timezone" doc:"IANA name of the zone in which days begin; by default the console's" maxLength:"64"`
	GroupBy  string `query:"group_by" enum:"model,provider,key,user,service,project,status,operation,service_tier,account,environment,error_type,emitter,quality,team" doc:"by the dimensions after status the stored calls are read; of teams, a call is in the series of each that has it, and in other where none of those shown has it"`
	Top      int    `query:"top" default:"10" minimum:"1" maximum:"100" doc:"groups shown; the rest is other. Points and groups together are bounded: 20,000"`
	Sort     string `query:"sort" default:"total_tokens" enum:"api_call_count,error_count,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,no_usage_count,unpriced_count" doc:"the sum over the whole range that the top groups have most of"`
	filter.Filters
}

// teamDimension is the name of the dimension of teams, whose groups have calls in common.
const teamDimension = "team"

func (c *Handlers) trend(ctx context.Context, in *trendInput) (*api.Envelope[Trend], error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	f, index, err := c.Filtered(ctx, "usage-trend", &in.Filters)
	if err != nil {
		return nil, err
	}
	span, err := c.spanOf(in, f, loc)
	if err != nil {
		return nil, err
	}
	if points := len(span.edges) - 1; in.GroupBy != "" && points*in.Top > maxCells {
		return nil, api.WithReason("interval_too_short", api.Invalid("query.top", fmt.Sprintf("asks for %d points of %d groups, which are more than %d together; "+
			"ask for at most %d groups, a longer interval, or a shorter range (from, to)", points, in.Top, maxCells, maxCells/points), in.Top))
	}
	f.From, f.To = time.Time{}, time.Time{} // the edges are the range
	t, err := c.trendOf(ctx, f, span, grouping{in.GroupBy, in.Top, in.Sort}, index)
	if err != nil {
		return nil, c.Failed("usage-trend", err)
	}
	return api.Answer(t), nil
}

// span is a range of time cut into intervals.
type span struct {
	days     int
	interval string
	loc      *time.Location
	edges    []time.Time
}

// spanOf works out the range: from and to where they are given, else whole days that end with today.
func (c *Handlers) spanOf(in *trendInput, f store.Filter, loc *time.Location) (span, error) {
	now := c.Now().In(loc)
	from, to := f.From.In(loc), f.To.In(loc)
	if f.To.IsZero() {
		to = calendar.Midnight(now, 1)
	}
	if f.From.IsZero() {
		last := now
		if !f.To.IsZero() {
			last = to.Add(-1)
		}
		from = calendar.Midnight(last, 1-in.Days)
	}
	if !from.Before(to) {
		return span{}, api.WithReason("range_empty", api.Invalid("query.from", "must lie before the end of the range", in.From))
	}
	s := span{interval: in.Interval, loc: loc}
	if s.interval == "auto" {
		switch length := to.Sub(from); {
		case length <= 6*time.Hour:
			s.interval = "15m"
		case length <= 49*time.Hour: // two days, one of them with 25 hours
			s.interval = "hour"
		default:
			s.interval = "day"
		}
	}
	step := map[string]time.Duration{"15m": 15 * time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 28 * 24 * time.Hour}[s.interval]
	if to.Sub(from)/step > maxPoints {
		return span{}, api.WithReason("interval_too_short", api.Invalid("query.interval", fmt.Sprintf("gives more than %d points; ask for a longer interval or a shorter range", maxPoints), in.Interval))
	}
	s.edges = edges(from, to, s.interval)
	for day := calendar.Midnight(from, 0); day.Before(to); day = calendar.Midnight(day, 1) {
		s.days++
	}
	return s, nil
}

// edges cuts a range. Its first and last interval may be parts: the intervals sum to the range.
func edges(from, to time.Time, interval string) []time.Time {
	out := []time.Time{from}
	next := func(t time.Time) time.Time { return calendar.Midnight(t, 1) }
	switch interval {
	case "week":
		next = func(t time.Time) time.Time {
			const daysOfWeek = 7
			return calendar.Midnight(t, daysOfWeek-(int(t.Weekday())+daysOfWeek-1)%daysOfWeek)
		}
	case "month":
		next = func(t time.Time) time.Time {
			return calendar.Midnight(time.Date(t.Year(), t.Month()+1, 1, 12, 0, 0, 0, t.Location()), 0)
		}
	case "15m", "hour":
		step := time.Hour
		if interval == "15m" {
			step = 15 * time.Minute
		}
		next = func(t time.Time) time.Time { // the next full hour or quarter on the zone's clock
			_, offset := t.Zone()
			into := time.Duration(t.UnixNano()+int64(offset)*int64(time.Second)) % step
			return t.Add(step - into)
		}
	}
	for t := next(from); t.Before(to); t = next(t) {
		out = append(out, t)
	}
	return append(out, to)
}

// grouping says how a trend is divided: the top groups of a dimension by a sum, see sortKeys.
type grouping struct {
	by   string // "": it is not
	top  int
	sort string // "": tokens
}

func (c *Handlers) trendOf(ctx context.Context, f store.Filter, s span, g grouping, index *keyindex.Index) (Trend, error) {
	groupBy := g.by
	q := ledger.Query{Filter: f, Edges: s.edges, By: breakdownDimensions[groupBy], Overall: true, Top: g.top, Rank: sortKeys[g.sort]}
	if groupBy == "key" {
		q.As = index.Current // a key that was rotated is one
	}
	asked := c.Now()
	if groupBy == teamDimension {
		q.By, q.Top = ledger.ByNothing, 0
	}
	a, err := c.Ledger.Query(ctx, q)
	if err != nil {
		return Trend{}, err
	}
	all := make([]ledger.Sums, len(s.edges)-1)
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			all[j].MergeCounts(&a.Groups[i].Points[j])
		}
	}
	t := Trend{Days: s.days, Interval: s.interval, Timezone: s.loc.String(), Points: s.points(all), Series: []Series{}, AsOf: asOf(ctx, asked, a.AsOf)}
	for i := range a.Overall {
		latency, ttft := quantilesOf(&a.Overall[i].Duration), quantilesOf(&a.Overall[i].TTFT)
		t.Points[i].Latency, t.Points[i].TTFT = &latency, &ttft
		t.Points[i].TokensPerSecond = tokensPerSecond(&ledger.Sums{Counts: all[i].Counts, Duration: a.Overall[i].Duration})
	}
	if groupBy == "" {
		return t, nil
	}
	if groupBy == teamDimension {
		t.Series, err = c.teamSeries(ctx, f, &s, g, index)
		return t, err
	}
	for i := range a.Groups {
		g := &a.Groups[i]
		name := g.Value
		switch {
		case g.Rest:
			name = "other"
		case groupBy == "key":
			name = index.Name(name)
		}
		t.Series = append(t.Series, Series{Group: name, Other: g.Rest, Points: s.points(g.Points)})
	}
	return t, nil
}

func (s *span) points(sums []ledger.Sums) []Point {
	out := make([]Point, len(sums))
	for i := range sums {
		out[i] = Point{Time: s.edges[i].In(s.loc), Sums: SumsOf(&sums[i])}
	}
	return out
}

// exportedModels is how many models an export lists in its sums.
const exportedModels = 1000

// ForExport returns the sums and the trend by day that an export of calls begins with. They are sums of the calls that
// match a filter and count. The filter was read from filters.
func (c *Handlers) ForExport(ctx context.Context, f store.Filter, filters *filter.Filters, index *keyindex.Index, loc *time.Location) (*Stats, *Trend, error) {
	f.Superseded = false
	s, err := c.statsOf(ctx, f, exportedModels)
	if err != nil {
		return nil, nil, c.Failed("export", err)
	}
	cut, err := c.spanOf(&trendInput{Days: maxDays, Interval: "day", Filters: *filters}, f, loc)
	if err != nil {
		return nil, nil, err
	}
	f.From, f.To = time.Time{}, time.Time{} // the edges are the range
	t, err := c.trendOf(ctx, f, cut, grouping{top: 1}, index)
	if err != nil {
		return nil, nil, c.Failed("export", err)
	}
	return &s, &t, nil
}
