package sqlite

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// totalsStep is how much time one statement of Totals covers: the database sorts what it groups,
// and has to keep that small.
const totalsStep = 24 * time.Hour

// fieldColumns are the columns that hold a field.
var fieldColumns = [...]string{
	store.FieldModel: "c.model", store.FieldProvider: "c.provider", store.FieldKey: "c.api_key", store.FieldUser: "c.user",
	store.FieldService: "c.service", store.FieldProject: "c.project",
	store.FieldStatus:    "CASE WHEN c.status > 0 THEN c.status ELSE -(c.state >> 1 & 1) END", // 0 is ok, -1 an error
	store.FieldOperation: "c.request",
}

// totalColumns are the sums, in the order in which sumRow reads them. The numbers are those of
// usage.TokenFields and usage.Quality.
var totalColumns = strings.Join([]string{
	"count(*)", "sum(c.state >> 1 & 1)", "sum(c.fields & " + strconv.Itoa(int(usage.HasInput|usage.HasOutput)) + " = 0)",
	sumFlag(usage.Unpriced), sumFlag(usage.Inconsistent), sumFlag(usage.Estimated),
	"sum(c.input_uncached)", "sum(c.cache_read)", "sum(c.cache_write)", "sum(c.output_text)", "sum(c.reasoning)",
	"sum(CASE WHEN c.quality & " + strconv.Itoa(int(usage.Unpriced)) + " THEN 0 ELSE c.cost END)",
}, ", ")

func sumFlag(q usage.Quality) string { return "sum(c.quality & " + strconv.Itoa(int(q)) + " != 0)" }

// Totals sums by fields, a day of records at a time.
func (e *Engine) Totals(ctx context.Context, f store.Filter, by []store.Field, limit int) ([]store.Total, error) {
	f.Superseded = false
	from, to, err := e.extent(ctx, f.From, f.To)
	if err != nil || !from.Before(to) {
		return nil, err
	}
	t := &totals{engine: e, by: by, limit: limit, groups: map[string]*store.Total{}}
	for at := from; at.Before(to); at = f.To {
		f.From, f.To = at, at.Add(totalsStep)
		if to.Before(f.To) {
			f.To = to
		}
		if err := t.sum(ctx, &f); err != nil {
			return nil, err
		}
	}
	out := make([]store.Total, 0, len(t.groups))
	for _, g := range t.groups {
		out = append(out, *g)
	}
	return out, nil
}

// extent narrows a range of time to that of the stored records.
func (e *Engine) extent(ctx context.Context, from, to time.Time) (time.Time, time.Time, error) {
	var first, last *int64
	err := e.readDB.QueryRowContext(ctx, "SELECT (SELECT min(key) FROM calls), (SELECT max(key) FROM calls)").Scan(&first, &last)
	if err != nil || first == nil || last == nil {
		return from, from, mapError("find the oldest and the newest record", err)
	}
	// a row may stand later than its record started, see rowKey
	oldest := time.UnixMicro(*first>>idBits - maxProbes).UTC()
	newest := time.UnixMicro(*last>>idBits + 1).UTC()
	if from.Before(oldest) {
		from = oldest
	}
	if to.IsZero() || newest.Before(to) {
		to = newest
	}
	return from, to, nil
}

// totals collects what the statements of one call of Totals give.
type totals struct {
	engine *Engine
	by     []store.Field
	limit  int
	groups map[string]*store.Total // by the values
}

func (t *totals) sum(ctx context.Context, f *store.Filter) error {
	columns := make([]string, len(t.by))
	numbers := make([]string, len(t.by))
	for i, b := range t.by {
		columns[i], numbers[i] = fieldColumns[b], strconv.Itoa(i+1)
	}
	tables := "calls c"
	if len(f.Text) > 0 {
		tables = callTables
	}
	c := t.engine.where(f)
	query := "SELECT " + strings.Join(append(columns, totalColumns), ", ") + " FROM " + tables + " WHERE " + c.sql()
	if len(numbers) > 0 {
		query += " GROUP BY " + strings.Join(numbers, ", ")
	}
	rows, err := t.engine.readDB.QueryContext(ctx, query, c.args...)
	if err != nil {
		return mapError("sum the records", err)
	}
	defer rows.Close()
	ids := make([]int64, len(t.by))
	var row store.Total
	dest := make([]any, 0, len(ids)+12)
	for i := range ids {
		dest = append(dest, &ids[i])
	}
	var sums [11]*int64
	dest = append(dest, &row.Calls)
	for i := range sums {
		dest = append(dest, &sums[i])
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return mapError("read a sum", err)
		}
		if row.Calls == 0 { // without groups there is a row even where there are no records
			continue
		}
		if err := t.add(ids, row.Calls, &sums); err != nil {
			return err
		}
	}
	return mapError("sum the records", rows.Err())
}

func (t *totals) add(ids []int64, calls int64, sums *[11]*int64) error {
	values := make([]string, len(ids))
	for i, id := range ids {
		v, err := t.engine.fieldValue(t.by[i], id)
		if err != nil {
			return err
		}
		values[i] = v
	}
	k := strings.Join(values, sep)
	g := t.groups[k]
	if g == nil {
		if len(t.groups) >= t.limit {
			return store.ErrTooMany
		}
		g = &store.Total{Values: values}
		t.groups[k] = g
	}
	g.Calls += calls
	for i, into := range [...]*int64{
		&g.Errors, &g.NoUsage, &g.Unpriced, &g.Inconsistent, &g.Estimated, &g.Tokens.InputUncached, &g.Tokens.CacheRead,
		&g.Tokens.CacheWrite, &g.Tokens.OutputText, &g.Tokens.Reasoning, (*int64)(&g.Cost),
	} {
		*into += *sums[i]
	}
	return nil
}

// fieldValue is what a column of fieldColumns stands for.
func (e *Engine) fieldValue(f store.Field, id int64) (string, error) {
	if f == store.FieldStatus {
		switch {
		case id > 0:
			return strconv.FormatInt(id, 10), nil
		case id < 0:
			return "error", nil
		}
		return "ok", nil
	}
	text, err := e.dims.text(id)
	return first(text), err // of a key, its fingerprint; of a request, its operation
}
