package calls

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// parquetRow is one call in a Parquet file: times in nanoseconds UTC, money as a decimal number with
// nine places, null for what the telemetry did not report.
type parquetRow struct {
	ID              string   `parquet:"id"`
	Time            int64    `parquet:"time,timestamp(nanosecond),delta"`
	TraceID         *string  `parquet:"trace_id,optional"`
	SpanID          *string  `parquet:"span_id,optional"`
	Method          *string  `parquet:"method,optional,dict"`
	Path            *string  `parquet:"path,optional,dict"`
	Status          *int32   `parquet:"status,optional"`
	ErrorType       *string  `parquet:"error_type,optional,dict"`
	Failed          bool     `parquet:"failed"`
	Provider        *string  `parquet:"provider,optional,dict"`
	Model           *string  `parquet:"model,optional,dict"`
	RequestModel    *string  `parquet:"request_model,optional,dict"`
	Operation       *string  `parquet:"operation,optional,dict"`
	Stream          *bool    `parquet:"stream,optional"`
	KeyID           *string  `parquet:"key_id,optional,dict"`
	KeyName         *string  `parquet:"key_name,optional,dict"`
	KeyDisplay      *string  `parquet:"key_display,optional,dict"`
	User            *string  `parquet:"user,optional,dict"`
	Service         *string  `parquet:"service,optional,dict"`
	Environment     *string  `parquet:"environment,optional,dict"`
	Project         *string  `parquet:"project,optional,dict"`
	Session         *string  `parquet:"session,optional,dict"`
	RequestID       *string  `parquet:"request_id,optional"`
	ResponseID      *string  `parquet:"response_id,optional"`
	Input           *int64   `parquet:"input_tokens,optional"`
	Output          *int64   `parquet:"output_tokens,optional"`
	CacheRead       *int64   `parquet:"cache_read_tokens,optional"`
	CacheWrite      *int64   `parquet:"cache_write_tokens,optional"`
	CacheWrite1h    *int64   `parquet:"cache_write_1h_tokens,optional"`
	Reasoning       *int64   `parquet:"reasoning_tokens,optional"`
	Total           *int64   `parquet:"total_tokens,optional"`
	Cost            *int64   `parquet:"cost_usd,optional,decimal(9:18)"`
	PriceVersion    *string  `parquet:"price_version,optional,dict"`
	DurationMS      *float64 `parquet:"duration_ms,optional"`
	TTFTMS          *float64 `parquet:"ttft_ms,optional"`
	TokensPerSecond *float64 `parquet:"tokens_per_second,optional"`
	Quality         []string `parquet:"quality,list,dict"`
	Counted         bool     `parquet:"counted"`
	SupersededBy    *string  `parquet:"superseded_by,optional"`
	Superseded      *string  `parquet:"superseded_reason,optional,dict"`
	Tier            *string  `parquet:"service_tier,optional,dict"`
	Account         *string  `parquet:"account,optional,dict"`
	ErrorMessage    *string  `parquet:"error_message,optional"`
}

const (
	parquetBatch    = 512      // rows handed over at a time
	parquetRowGroup = 16_384   // rows that are in memory at most
	parquetPage     = 64 << 10 // bytes of a column that are compressed together
	parquetTexts    = 2 << 20  // bytes of their texts: rows may hold kilobytes, and the writer needs some times as much
)

// writeParquet writes calls as a Parquet file, a row group at a time.
func writeParquet(out io.Writer, version string, visit func(func(*LogItem) error) error) error {
	w := parquet.NewGenericWriter[parquetRow](out, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.CreatedBy("tokenboard", version, ""),
		parquet.PageBufferSize(parquetPage))
	rows := make([]parquetRow, 0, parquetBatch)
	grouped, texts := 0, 0
	write := func() error {
		if _, err := w.Write(rows); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		grouped += len(rows)
		rows = rows[:0]
		if grouped < parquetRowGroup && texts < parquetTexts {
			return nil
		}
		grouped, texts = 0, 0
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write a row group: %w", err)
		}
		return nil
	}
	err := visit(func(i *LogItem) error {
		rows = append(rows, parquetRowOf(i))
		if texts += textsOf(i); len(rows) < parquetBatch && texts < parquetTexts {
			return nil
		}
		return write()
	})
	if err == nil {
		err = write()
	}
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end the file: %w", err)
	}
	return nil
}

// textsOf is the bytes of a call's texts.
func textsOf(i *LogItem) int {
	n := len(i.ID) + len(i.Method) + len(i.Path) + len(i.ErrorType) + len(i.ErrorMessage) + len(i.Provider) + len(i.Model) + len(i.RequestModel) + len(i.Operation) +
		len(i.User) + len(i.Service) + len(i.Environment) + len(i.Project) + len(i.Session) + len(i.RequestID) + len(i.ResponseID) + len(i.PriceVersion)
	if i.Key != nil {
		n += len(i.Key.ID) + len(i.Key.Name) + len(i.Key.Display)
	}
	return n
}

func parquetRowOf(i *LogItem) parquetRow {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	key := KeyRef{}
	if i.Key != nil {
		key = *i.Key
	}
	r := parquetRow{
		ID: i.ID, Time: i.Time.UnixNano(), TraceID: text(i.TraceID), SpanID: text(i.SpanID), Method: text(i.Method), Path: text(i.Path),
		ErrorType: text(i.ErrorType), Failed: i.Failed, Provider: text(i.Provider), Model: text(i.Model), RequestModel: text(i.RequestModel),
		Operation: text(i.Operation), Stream: i.Stream, KeyID: text(key.ID), KeyName: text(key.Name), KeyDisplay: text(key.Display),
		User: text(i.User), Service: text(i.Service), Environment: text(i.Environment), Project: text(i.Project), Session: text(i.Session),
		RequestID: text(i.RequestID), ResponseID: text(i.ResponseID), Input: i.Input, Output: i.Output, CacheRead: i.CacheRead,
		CacheWrite: i.CacheWrite, CacheWrite1h: i.CacheWrite1h, Reasoning: i.Reasoning, Total: i.Total, Cost: (*int64)(i.Cost),
		PriceVersion: text(i.PriceVersion), DurationMS: i.DurationMS, TTFTMS: i.TTFTMS, TokensPerSecond: i.TokensPerSecond,
		Quality: i.Quality, Counted: i.Counted, SupersededBy: text(i.SupersededBy), Superseded: text(i.Superseded), Tier: text(i.Tier), Account: text(i.Account),
		ErrorMessage: text(i.ErrorMessage),
	}
	if i.Status != nil {
		status := int32(*i.Status)
		r.Status = &status
	}
	return r
}
