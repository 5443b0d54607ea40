package stats

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// breakdownParquet is a row of a breakdown in a Parquet file. Dimensions that were not asked for are null, and what was
// not compared; money is a decimal number with nine places.
type breakdownParquet struct {
	Row         string  `parquet:"row,dict"`
	Model       *string `parquet:"model,optional,dict"`
	Provider    *string `parquet:"provider,optional,dict"`
	Key         *string `parquet:"key,optional,dict"`
	KeyName     *string `parquet:"key_name,optional,dict"`
	User        *string `parquet:"user,optional,dict"`
	Service     *string `parquet:"service,optional,dict"`
	Project     *string `parquet:"project,optional,dict"`
	Status      *string `parquet:"status,optional,dict"`
	Operation   *string `parquet:"operation,optional,dict"`
	Tier        *string `parquet:"service_tier,optional,dict"`
	Account     *string `parquet:"account,optional,dict"`
	Environment *string `parquet:"environment,optional,dict"`
	ErrorType   *string `parquet:"error_type,optional,dict"`
	Emitter     *string `parquet:"emitter,optional,dict"`
	Quality     *string `parquet:"quality,optional,dict"`
	Session     *string `parquet:"session,optional,dict"`

	parquetSums
	Before       *parquetSums `parquet:"before,optional"`
	Difference   *parquetSums `parquet:"difference,optional"`
	ChangeShare  *float64     `parquet:"change_share,optional"`
	Contribution *float64     `parquet:"contribution,optional"`
}

// parquetSums is Measured in a Parquet file.
type parquetSums struct {
	Calls           int64    `parquet:"api_call_count"`
	Errors          int64    `parquet:"error_count"`
	Input           int64    `parquet:"input_tokens"`
	Output          int64    `parquet:"output_tokens"`
	CacheRead       int64    `parquet:"cache_read_tokens"`
	CacheWrite      int64    `parquet:"cache_write_tokens"`
	Reasoning       int64    `parquet:"reasoning_tokens"`
	Total           int64    `parquet:"total_tokens"`
	Cost            int64    `parquet:"cost_usd,decimal(9:18)"`
	Unpriced        int64    `parquet:"unpriced_count"`
	NoUsage         int64    `parquet:"no_usage_count"`
	ErrorRate       *float64 `parquet:"error_rate,optional"`
	CacheShare      *float64 `parquet:"cache_share,optional"`
	CostPerCall     *int64   `parquet:"cost_per_call_usd,optional,decimal(9:18)"`
	CostPerMillion  *int64   `parquet:"cost_per_million_usd,optional,decimal(9:18)"`
	LatencyP50      *float64 `parquet:"latency_p50_ms,optional"`
	LatencyP95      *float64 `parquet:"latency_p95_ms,optional"`
	LatencyP99      *float64 `parquet:"latency_p99_ms,optional"`
	TTFTP50         *float64 `parquet:"ttft_p50_ms,optional"`
	TTFTP95         *float64 `parquet:"ttft_p95_ms,optional"`
	TTFTP99         *float64 `parquet:"ttft_p99_ms,optional"`
	TokensPerSecond *float64 `parquet:"tokens_per_second,optional"`
}

func parquetSumsOf(m *Measured) parquetSums {
	money := func(v *api.Money) *int64 { return (*int64)(v) }
	out := parquetSums{
		Calls: m.Calls, Errors: m.Errors, Input: m.Input, Output: m.Output, CacheRead: m.CacheRead, CacheWrite: m.CacheWrite, Reasoning: m.Reasoning,
		Total: m.Total, Cost: int64(m.Cost), Unpriced: m.Unpriced, NoUsage: m.NoUsage, ErrorRate: m.ErrorRate, CacheShare: m.CacheShare,
		CostPerCall: money(m.CostPerCall), CostPerMillion: money(m.CostPerMillion), TokensPerSecond: m.TokensPerSecond,
	}
	if q := m.Latency; q != nil {
		out.LatencyP50, out.LatencyP95, out.LatencyP99 = q.P50, q.P95, q.P99
	}
	if q := m.TTFT; q != nil {
		out.TTFTP50, out.TTFTP95, out.TTFTP99 = q.P50, q.P95, q.P99
	}
	return out
}

func parquetOf(kind string, r *BreakdownRow) breakdownParquet {
	out := breakdownParquet{
		Row: kind, Model: r.Model, Provider: r.Provider, Key: r.Key, KeyName: r.KeyName, User: r.User, Service: r.Service, Project: r.Project,
		Status: r.Status, Operation: r.Operation, Tier: r.Tier, Account: r.Account, Environment: r.Environment, ErrorType: r.ErrorType,
		Emitter: r.Emitter, Quality: r.Quality, Session: r.Session, parquetSums: parquetSumsOf(&r.Measured),
	}
	if c := r.Compared; c != nil {
		before, difference := parquetSumsOf(&c.Before), parquetSumsOf(&c.Difference)
		out.Before, out.Difference, out.ChangeShare, out.Contribution = &before, &difference, c.ChangeShare, c.Contribution
	}
	return out
}

// parquetRows are the rows that are handed over at a time.
const parquetRows = 512

// writeParquet writes the rows, and the total as the last one.
func (o *orderedRows) writeParquet(out io.Writer, version string) error {
	w := parquet.NewGenericWriter[breakdownParquet](out, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.CreatedBy("tokenboard", version, ""))
	rows := make([]breakdownParquet, 0, parquetRows)
	flush := func() error {
		if _, err := w.Write(rows); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		rows = rows[:0]
		return nil
	}
	for i := range o.rows {
		row := o.row(&o.rows[i])
		if rows = append(rows, parquetOf("group", &row)); len(rows) == parquetRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	total := BreakdownRow{Measured: o.total(), Compared: o.compared.total()}
	rows = append(rows, parquetOf("total", &total))
	if err := flush(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end the file: %w", err)
	}
	return nil
}
