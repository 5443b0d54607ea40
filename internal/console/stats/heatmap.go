package stats

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

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
	filter.Filters
}

// heatmap sums the hours of a range by hour of the week.
func (c *Handlers) heatmap(ctx context.Context, in *heatmapInput) (*api.Envelope[Heatmap], error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	f, _, err := c.Filtered(ctx, "heatmap", &in.Filters)
	if err != nil {
		return nil, err
	}
	span, err := c.spanOf(&trendInput{Days: in.Days, Interval: "hour", Filters: in.Filters}, f, loc)
	if err != nil {
		return nil, err
	}
	f.From, f.To = time.Time{}, time.Time{} // the edges are the range
	asked := c.Now()
	a, err := c.Ledger.Query(ctx, ledger.Query{Filter: f, Edges: span.edges, CountsOnly: true})
	if err != nil {
		return nil, c.Failed("heatmap", err)
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
		out.Cells[i] = HeatCell{Weekday: i/hoursOfDay + 1, Hour: i % hoursOfDay, Sums: SumsOf(&week[i])}
	}
	return api.Answer(out), nil
}
