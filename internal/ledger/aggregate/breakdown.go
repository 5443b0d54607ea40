package aggregate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// BreakdownQuery asks for sums by one to three dimensions together.
type BreakdownQuery struct {
	Filter store.Filter // Superseded is refused
	By     []GroupBy    // one to three, different ones, none of them ByNothing; with Times at most two
	// Times fills the histograms of the rows. Those by session have none.
	Times bool
}

// Row is the sums of one combination of values. Its histograms are empty unless the query asks for times.
type Row struct {
	Values []string // in the order of BreakdownQuery.By; "" where absent
	Sums
}

// Breakdown is the answer to a BreakdownQuery.
type Breakdown struct {
	Rows []Row     // in no order; combinations without calls are left out
	AsOf time.Time // time of the last commit that the sums include
	// Total is the sums of all calls, each once, where rows have calls in common; nil: no rows have.
	Total *Sums
	// Once is, where rows have calls in common, the rows by the dimension that is not the cause, each call once; its other value
	// is "". Nil where there is one dimension.
	Once []Row
}

// MaxRows bounds the rows of a Breakdown.
const MaxRows = 50_000

// ErrTooMany reports a Breakdown of more than MaxRows rows.
var ErrTooMany = fmt.Errorf("%w: more than %d combinations", ErrQuery, MaxRows)

var fieldOf = map[GroupBy]store.Field{
	ByModel: store.FieldModel, ByProvider: store.FieldProvider, ByKey: store.FieldKey, ByUser: store.FieldUser,
	ByService: store.FieldService, ByProject: store.FieldProject, ByStatus: store.FieldStatus, ByOperation: store.FieldOperation,
	ByTier: store.FieldTier, ByAccount: store.FieldAccount, ByEnvironment: store.FieldEnvironment, ByErrorType: store.FieldErrorType,
	ByEmitter: store.FieldEmitter, ByQuality: store.FieldQuality, BySession: store.FieldSession,
}

// Breakdown sums what counts by the values of dimensions. Where they and the filter touch no more
// than what the sums in memory keep apart, it is answered from there; otherwise the store sums its
// records, which takes the longer the more records lie in the range.
func (x *State) Breakdown(ctx context.Context, q BreakdownQuery) (Breakdown, error) {
	if !q.fit() {
		return Breakdown{}, fmt.Errorf("%w: it needs one to three different dimensions, and calls that count", ErrQuery)
	}
	if mq, ok := inMemory(q); ok {
		return x.breakdownFromSums(ctx, mq, q.By)
	}
	fields := make([]store.Field, len(q.By))
	for i, by := range q.By {
		f, known := fieldOf[by]
		if !known {
			return Breakdown{}, fmt.Errorf("%w: a dimension is not known", ErrQuery)
		}
		fields[i] = f
	}
	if q.Times && !slices.Contains(q.By, BySession) {
		return x.timed(ctx, q)
	}
	asOf := x.LastCommit()
	totals, err := x.engine.Totals(ctx, x.Kept(q.Filter), fields, MaxRows)
	if err == store.ErrTooMany { //nolint:errorlint // the engine returns it bare
		return Breakdown{}, ErrTooMany
	}
	if err != nil {
		return Breakdown{}, fmt.Errorf("sum stored records: %w", err)
	}
	out := Breakdown{AsOf: asOf, Rows: make([]Row, len(totals))}
	for i := range totals {
		t := &totals[i]
		out.Rows[i] = Row{Values: t.Values, Sums: Sums{Counts: t.Counts}}
	}
	return out, nil
}

// fit reports whether a query can be answered.
func (q *BreakdownQuery) fit() bool {
	most := 3
	if q.Times {
		most = 2
	}
	for i, by := range q.By {
		if by == ByNothing || slices.Contains(q.By[:i], by) {
			return false
		}
	}
	return len(q.By) >= 1 && len(q.By) <= most && !q.Filter.Superseded
}

// timed is a breakdown with histograms, which the store does not sum: it visits the records.
func (x *State) timed(ctx context.Context, q BreakdownQuery) (Breakdown, error) {
	out := Breakdown{AsOf: x.LastCommit()}
	at := map[[2]string]int{}
	err := x.engine.Figures(ctx, x.Kept(q.Filter), func(r *store.Record) error {
		var k [2]string
		for i, by := range q.By {
			k[i] = valueOf(by, &r.Call)
		}
		n, known := at[k]
		if !known {
			if n = len(out.Rows); n == MaxRows {
				return ErrTooMany
			}
			at[k] = n
			out.Rows = append(out.Rows, Row{Values: slices.Clone(k[:len(q.By)])})
		}
		out.Rows[n].Add(&r.Call, 1)
		return nil
	})
	if errors.Is(err, ErrTooMany) {
		return Breakdown{}, ErrTooMany
	}
	if err != nil {
		return Breakdown{}, fmt.Errorf("sum stored records: %w", err)
	}
	return out, nil
}

// inMemory returns the query by one dimension that holds the answer, and false where none does: model and provider are
// the only two dimensions whose sums are kept together.
func inMemory(q BreakdownQuery) (Query, bool) {
	mq := Query{Filter: q.Filter, By: q.By[0], CountsOnly: !q.Times}
	for _, by := range q.By {
		if !by.hasSums() || dimensionOf(by) != dimensionOf(q.By[0]) {
			return mq, false
		}
	}
	if len(q.By) == 2 {
		mq.By = ByModel // its groups have both
	}
	_, ok := dimensionFor(mq)
	return mq, ok && len(q.Filter.Text) == 0
}

func (x *State) breakdownFromSums(ctx context.Context, q Query, by []GroupBy) (Breakdown, error) {
	a, err := x.Query(ctx, q)
	if err != nil {
		return Breakdown{}, err
	}
	out := Breakdown{AsOf: a.AsOf}
	at := map[string]int{} // rows by their values: one model of two providers is one row
	for i := range a.Groups {
		g := &a.Groups[i]
		values := make([]string, len(by))
		for j, d := range by {
			values[j] = g.Value
			if d == ByProvider && q.By == ByModel {
				values[j] = g.Provider
			}
		}
		k := strings.Join(values, "\x1f")
		n, known := at[k]
		if !known {
			n = len(out.Rows)
			at[k] = n
			out.Rows = append(out.Rows, Row{Values: values})
		}
		out.Rows[n].Merge(&g.Points[0])
	}
	return out, nil
}

// hasSums reports whether sums are kept by a dimension. By the others the records are summed.
func (d GroupBy) hasSums() bool { return d < ByOperation }

// String is a dimension's name in the API; "" of ByNothing.
func (d GroupBy) String() string {
	names := [groupByCount]string{"", "model", "provider", "key", "user", "service", "project", "status", "operation", "service_tier", "account", "environment", "error_type", "emitter", "quality", "session", "team"}
	if int(d) < len(names) {
		return names[d]
	}
	return strconv.Itoa(int(d))
}
