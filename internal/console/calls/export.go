package calls

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
)

type exportInput struct {
	Format     string `query:"format" default:"json" enum:"json,ndjson,csv,parquet" doc:"json: stats, trend, keys and calls; the others: the calls. json and ndjson can be imported again"`
	Query      string `query:"q" maxLength:"256" doc:"as for /logs; stats and trend are left out then"`
	Superseded bool   `query:"superseded" doc:"also records that do not count"`
	Timezone   string `query:"timezone" doc:"IANA name of the zone of the days in the file's name and in its trend; by default the console's" maxLength:"64"`
	filter.Filters
}

func (c *Handlers) export(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	f, index, err := c.Searched(ctx, "export", &in.Filters, in.Query, in.Superseded)
	if err != nil {
		return nil, err
	}
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	head, err := c.exportHead(ctx, in, f, index, loc)
	if err != nil {
		return nil, err
	}
	what := "calls"
	if in.Format == "json" {
		what = "export"
	}
	return download.File(c.Env, download.Name(what, download.RangeName(f.From, f.To, c.Now(), loc), in.Format), in.Format, func(out *bufio.Writer) error {
		return c.writeExport(ctx, out, in.Format, head, f, index)
	}), nil
}

// exportHead is the beginning of a JSON export.
type exportHead struct {
	ExportedAt time.Time    `json:"exported_at"`
	Stats      *stats.Stats `json:"stats,omitempty"`
	Trend      *stats.Trend `json:"trend,omitempty"`
	Keys       []keys.Key   `json:"keys,omitempty"`
}

func (c *Handlers) exportHead(ctx context.Context, in *exportInput, f store.Filter, index *keyindex.Index, loc *time.Location) (exportHead, error) {
	head := exportHead{ExportedAt: c.Now().UTC()}
	if in.Format != "json" || in.Query != "" {
		return head, nil
	}
	var err error
	if head.Stats, head.Trend, err = c.Stats.ForExport(ctx, f, &in.Filters, index, loc); err != nil {
		return head, err
	}
	if !in.IsSet() {
		if head.Keys, err = c.KeyList.All(ctx); err != nil {
			return head, c.Failed("export", err)
		}
	}
	return head, nil
}

func (c *Handlers) writeExport(ctx context.Context, out *bufio.Writer, format string, head exportHead, f store.Filter, index *keyindex.Index) error {
	visit := func(write func(*LogItem) error) error {
		return c.Ledger.Scan(ctx, f, func(r *store.Record) error {
			item := ItemOf(r, index)
			return write(&item)
		})
	}
	switch format {
	case "csv":
		cw := download.NewCSV(out)
		if err := cw.Write(slices.Clone(csvHeader)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := visit(func(i *LogItem) error { return cw.Write(csvRow(i)) }); err != nil {
			return err
		}
		return cw.Flush()
	case "parquet":
		return writeParquet(out, c.Version, visit)
	case "ndjson":
		enc := json.NewEncoder(out)
		return visit(func(i *LogItem) error { return enc.Encode(i) })
	}
	opening, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if _, err := out.Write(opening[:len(opening)-1]); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	separator := `,"logs":[` + "\n"
	enc := json.NewEncoder(out)
	err = visit(func(i *LogItem) error {
		if _, err := out.WriteString(separator); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		separator = ","
		return enc.Encode(i)
	})
	if err != nil {
		return err
	}
	if separator != "," {
		_, err = out.WriteString(separator)
	}
	if err == nil {
		_, err = out.WriteString("]}\n")
	}
	return err
}

var csvHeader = []string{
	"id", "time", "trace_id", "span_id", "method", "path", "status", "error_type", "failed", "provider", "model", "request_model",
	"operation", "stream", "key_id", "key_name", "key_display", "user", "service", "project", "session", "request_id", "response_id",
	"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens", "cost_usd",
	"duration_ms", "ttft_ms", "tokens_per_second", "quality", "counted", "superseded_by", "superseded_reason",
	"cache_write_1h_tokens", "price_version", "environment", "service_tier", "account", "error_message",
}

func csvRow(i *LogItem) []string {
	key := KeyRef{}
	if i.Key != nil {
		key = *i.Key
	}
	return []string{
		i.ID, i.Time.Format(time.RFC3339Nano), i.TraceID, i.SpanID, i.Method, i.Path, download.Optional(i.Status), i.ErrorType,
		strconv.FormatBool(i.Failed), i.Provider, i.Model, i.RequestModel, i.Operation, download.Optional(i.Stream),
		key.ID, key.Name, key.Display, i.User, i.Service, i.Project, i.Session,
		i.RequestID, i.ResponseID, download.Optional(i.Input), download.Optional(i.Output), download.Optional(i.CacheRead), download.Optional(i.CacheWrite),
		download.Optional(i.Reasoning), download.Optional(i.Total), download.Money(i.Cost), download.Decimal(i.DurationMS), download.Decimal(i.TTFTMS), download.Decimal(i.TokensPerSecond),
		strings.Join(i.Quality, " "), strconv.FormatBool(i.Counted), i.SupersededBy, i.Superseded,
		download.Optional(i.CacheWrite1h), i.PriceVersion, i.Environment, i.Tier, i.Account, i.ErrorMessage,
	}
}
