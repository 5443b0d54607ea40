package stats

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/download"
)

type breakdownExportInput struct {
	BreakdownOrder
	Format   string `query:"format" default:"csv" enum:"csv,json,parquet"`
	Timezone string `query:"timezone" doc:"IANA name of the zone of the days in the file's name; by default the console's" maxLength:"64"`
}

// BreakdownFile is a breakdown as a JSON file.
type BreakdownFile struct {
	ExportedAt time.Time      `json:"exported_at"`
	From       *time.Time     `json:"from"`
	To         *time.Time     `json:"to"`
	By         []string       `json:"by"`
	Filters    map[string]any `json:"filters"`
	Count      int            `json:"row_count"`
	Total      Measured       `json:"total"`
	Compared   *Compared      `json:"compared,omitempty"`
	Against    *ComparedRange `json:"against,omitempty"`
	Rows       []BreakdownRow `json:"rows"`
}

// exportBreakdown writes all rows, however many pages they are, and what they sum to.
func (c *Handlers) exportBreakdown(ctx context.Context, in *breakdownExportInput) (*huma.StreamResponse, error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	b, err := c.ordered(ctx, &in.BreakdownOrder, "")
	if err != nil {
		return nil, err
	}
	what := "breakdown-" + b.names[0]
	if len(b.names) == 2 {
		what += "-" + b.names[1]
	}
	name := download.Name(what, download.RangeName(b.f.From, b.f.To, c.Now(), loc), in.Format)
	return download.File(c.Env, name, in.Format, func(out *bufio.Writer) error {
		switch in.Format {
		case "csv":
			return b.writeCSV(out)
		case "parquet":
			return b.writeParquet(out, c.Version)
		}
		head := BreakdownFile{
			ExportedAt: c.Now().UTC(), From: api.OptionalTime(b.f.From), To: api.OptionalTime(b.f.To), By: b.names, Filters: in.Named(), Count: len(b.rows), Total: b.total(),
			Compared: b.compared.total(),
		}
		if b.compared != nil {
			head.Against = &b.compared.ComparedRange
		}
		return b.writeJSON(out, head)
	}), nil
}

var sumsHeader = []string{
	"api_call_count", "error_count", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
	"total_tokens", "cost_usd", "unpriced_count", "no_usage_count", "error_rate", "cache_share", "cost_per_call_usd", "cost_per_million_usd",
}

var timesHeader = []string{"latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "ttft_p50_ms", "ttft_p95_ms", "ttft_p99_ms", "tokens_per_second"}

// header returns the names of the cells of sums, and of those that compare them.
func (o *orderedRows) header() []string {
	own := sumsHeader
	if o.times {
		own = slices.Concat(own, timesHeader)
	}
	if o.compared == nil {
		return own
	}
	out := slices.Clone(own)
	for _, prefix := range []string{"before_", "difference_"} {
		for _, name := range own {
			out = append(out, prefix+name)
		}
	}
	return append(out, "change_share", "contribution")
}

// cells returns the cells of sums, and of what they were.
func (o *orderedRows) cells(m *Measured, c *Compared) []string {
	out := sumsCells(m)
	if c == nil {
		return out
	}
	out = append(append(out, sumsCells(&c.Before)...), sumsCells(&c.Difference)...)
	return append(out, download.Decimal(c.ChangeShare), download.Decimal(c.Contribution))
}

func sumsCells(s *Measured) []string {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	out := []string{
		n(s.Calls), n(s.Errors), n(s.Input), n(s.Output), n(s.CacheRead), n(s.CacheWrite), n(s.Reasoning), n(s.Total), download.Money(&s.Cost),
		n(s.Unpriced), n(s.NoUsage), download.Decimal(s.ErrorRate), download.Decimal(s.CacheShare), download.Money(s.CostPerCall), download.Money(s.CostPerMillion),
	}
	if s.Latency != nil && s.TTFT != nil {
		for _, v := range []*float64{s.Latency.P50, s.Latency.P95, s.Latency.P99, s.TTFT.P50, s.TTFT.P95, s.TTFT.P99, s.TokensPerSecond} {
			out = append(out, download.Decimal(v))
		}
	}
	return out
}

// writeCSV writes a line for each row and one for the total. The first column says which it is: any
// text can be the value of a dimension.
func (o *orderedRows) writeCSV(out *bufio.Writer) error {
	w := download.NewCSV(out)
	header := []string{}
	for _, name := range o.names {
		if header = append(header, name); name == "key" || name == "team" {
			header = append(header, name+"_name")
		}
	}
	if err := w.Write(slices.Concat([]string{"row"}, header, o.header())); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for i := range o.rows {
		row := o.row(&o.rows[i])
		if err := w.Write(slices.Concat([]string{"group"}, row.values(o.names), o.cells(&row.Measured, row.Compared))); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	total := o.total()
	if err := w.Write(slices.Concat([]string{"total"}, make([]string, len(header)), o.cells(&total, o.compared.total()))); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return w.Flush()
}

// values returns a row's values as cells, of a key and of a team the id and the name.
func (r *BreakdownRow) values(names []string) []string {
	var out []string
	for _, name := range names {
		v := map[string]*string{
			"model": r.Model, "provider": r.Provider, "key": r.Key, "user": r.User, "service": r.Service, "project": r.Project,
			"status": r.Status, "operation": r.Operation, "service_tier": r.Tier, "account": r.Account, "environment": r.Environment,
			"error_type": r.ErrorType, "emitter": r.Emitter, "quality": r.Quality, "session": r.Session, "team": r.Team,
		}[name]
		out = append(out, *v)
		switch name {
		case "key":
			out = append(out, *r.KeyName)
		case teamDimension:
			out = append(out, *r.TeamName)
		}
	}
	return out
}

// writeJSON writes the head with its rows, one a line, without having all of them in memory.
func (o *orderedRows) writeJSON(out io.Writer, head BreakdownFile) error {
	head.Rows = []BreakdownRow{}
	opening, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	const end = "]}"
	if _, err := out.Write(opening[:len(opening)-len(end)]); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	separator := "\n"
	for i := range o.rows {
		line, err := json.Marshal(o.row(&o.rows[i]))
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if _, err := out.Write(append([]byte(separator), line...)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		separator = ",\n"
	}
	if _, err := io.WriteString(out, end+"\n"); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
