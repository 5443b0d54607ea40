package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// valueOf is a call's value of a dimension, worked out apart from the ledger.
func valueOf(d GroupBy, c *usage.Call) string {
	switch d {
	case ByModel:
		return c.Model
	case ByProvider:
		return c.Provider
	case ByKey:
		return c.KeyFingerprint
	case ByUser:
		return c.User
	case ByService:
		return c.Service
	case ByProject:
		return c.Project
	case ByOperation:
		return c.Operation
	case ByTier:
		return c.Tier.String()
	case ByAccount:
		return c.Account
	case ByEnvironment:
		return c.Environment
	case ByErrorType:
		return c.ErrorType
	case ByEmitter:
		return c.Scope
	case ByQuality:
		return strings.Join(c.Quality.Names(), ",")
	case BySession:
		return c.Session
	case ByStatus:
		switch {
		case c.Status != 0:
			return fmt.Sprint(c.Status)
		case c.Failed:
			return "error"
		}
		return "ok"
	}
	return "?"
}

// in reports whether a value is one of those asked for; none is all.
func in(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

// statusIn reports whether a call has one of the outcomes asked for, worked out apart from the ledger.
func statusIn(wanted []string, c *usage.Call) bool {
	outcome := "ok"
	if c.Failed {
		outcome = "error"
	}
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		class, isClass := strings.CutSuffix(w, "xx")
		return w == outcome || c.Status != 0 && (w == fmt.Sprint(c.Status) || isClass && strings.HasPrefix(fmt.Sprint(c.Status), class))
	})
}

// TestBreakdownEqualsRecords: by whatever pair and filter, from memory or from the store, the rows
// are those of a plain loop over the stored records.
func TestBreakdownEqualsRecords(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	b := variedCalls(200)
	for i := range b.Calls {
		c := &b.Calls[i]
		if c.Operation = "chat"; i%9 == 0 {
			c.Operation, c.Status = "embeddings", 0
		}
		if i%5 == 0 {
			c.Tokens = usage.Tokens{}
		} else if i%7 == 0 {
			c.HasReportedCost, c.ReportedCost = true, usage.NanoUSD(i)
		}
		if i%11 == 0 {
			c.Quality |= usage.Estimated
		}
		if i%13 == 0 {
			c.Quality |= usage.Inconsistent
		}
		c.KeyDisplay, c.Tier, c.Account = "shown", usage.Tier(i%4), []string{"", "a (01)"}[i%2]
		c.Environment, c.Scope, c.Session = fmt.Sprint("e", i%2), fmt.Sprint("s", i%3), fmt.Sprint("session ", i%17)
	}
	require.NoError(t, l.Commit(context.Background(), b))
	records := stored(t, l)
	rapid.Check(t, func(t *rapid.T) {
		q := BreakdownQuery{Times: rapid.Bool().Draw(t, "times")}
		for _, d := range rapid.SliceOfNDistinct(rapid.IntRange(int(ByModel), int(BySession)), 1, 2, rapid.ID[int]).Draw(t, "by") {
			q.By = append(q.By, GroupBy(d))
		}
		if rapid.Bool().Draw(t, "range") {
			q.Filter.From = testStart.Add(-time.Duration(rapid.Int64Range(0, 80*60).Draw(t, "from")) * time.Minute)
		}
		if rapid.Bool().Draw(t, "end") {
			q.Filter.To = testStart.Add(-time.Duration(rapid.Int64Range(0, 80*60).Draw(t, "to")) * time.Minute)
		}
		if rapid.Bool().Draw(t, "by user") {
			q.Filter.Users = []string{"u1", "u2"}
		}
		if rapid.Bool().Draw(t, "by status") {
			q.Filter.Statuses = []string{"error"}
		}
		if rapid.Bool().Draw(t, "by tier") {
			q.Filter.Tiers = []string{"batch", ""}
		}
		if rapid.Bool().Draw(t, "by session") {
			q.Filter.Sessions, q.Filter.Environments = []string{"session 1", "session 2", "session 3"}, []string{"e1"}
		}
		got, err := l.Breakdown(context.Background(), q)
		require.NoError(t, err)

		want := map[string]*Sums{}
		for i := range records {
			c := &records[i].Call
			f := q.Filter
			if (!f.From.IsZero() && c.Start.Before(f.From)) || (!f.To.IsZero() && !c.Start.Before(f.To)) || !in(f.Users, c.User) || !in(f.Tiers, c.Tier.String()) || !in(f.Sessions, c.Session) || !in(f.Environments, c.Environment) || !statusIn(f.Statuses, c) {
				continue
			}
			var values []string
			for _, d := range q.By {
				values = append(values, valueOf(d, c))
			}
			k := strings.Join(values, "|")
			if want[k] == nil {
				want[k] = &Sums{}
			}
			want[k].Add(c, 1)
		}
		require.Len(t, got.Rows, len(want))
		for i := range got.Rows {
			w := want[strings.Join(got.Rows[i].Values, "|")]
			require.NotNil(t, w, got.Rows[i].Values)
			if !q.Times || slices.Contains(q.By, BySession) {
				w.Duration, w.TTFT = Histogram{}, Histogram{}
			}
			requireSums(t, w, &got.Rows[i].Sums)
		}
	})
	require.NoError(t, l.Close())
}

func TestBreakdownRefuses(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	for name, q := range map[string]BreakdownQuery{
		"nothing":       {},
		"four":          {By: []GroupBy{ByModel, ByKey, ByUser, ByService}},
		"three timed":   {By: []GroupBy{ByModel, ByKey, ByUser}, Times: true},
		"one twice":     {By: []GroupBy{ByKey, ByKey}},
		"no dimension":  {By: []GroupBy{ByNothing}},
		"nothing twice": {By: []GroupBy{ByModel, ByNothing}},
		"superseded":    {By: []GroupBy{ByModel}, Filter: store.Filter{Superseded: true}},
	} {
		_, err := l.Breakdown(context.Background(), q)
		require.ErrorIs(t, err, ErrQuery, name)
	}
	empty, err := l.Breakdown(context.Background(), BreakdownQuery{By: []GroupBy{ByModel, ByKey}})
	require.NoError(t, err)
	require.Empty(t, empty.Rows)
	_, err = l.engine.Totals(context.Background(), store.Filter{}, []store.Field{store.FieldModel}, 0)
	require.NoError(t, err)
	require.NoError(t, l.Commit(context.Background(), variedCalls(20)))
	_, err = l.engine.Totals(context.Background(), store.Filter{}, []store.Field{store.FieldModel, store.FieldKey}, 3)
	require.ErrorIs(t, err, store.ErrTooMany)
	_, err = l.Query(context.Background(), Query{By: BySession})
	require.ErrorIs(t, err, ErrQuery)
	require.NoError(t, l.Close())
}

// TestBreakdownByThree: sums by three dimensions are those of a plain loop over the calls.
func TestBreakdownByThree(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	batch := variedCalls(300)
	require.NoError(t, l.Commit(context.Background(), batch))
	got, err := l.Breakdown(context.Background(), BreakdownQuery{By: []GroupBy{ByUser, ByProvider, ByModel}})
	require.NoError(t, err)
	want := map[string]*Sums{}
	require.NoError(t, l.Scan(context.Background(), store.Filter{}, func(r *store.Record) error {
		k := strings.Join([]string{r.User, r.Provider, r.Model}, "\x1f")
		if want[k] == nil {
			want[k] = &Sums{}
		}
		want[k].AddCounts(&r.Call, 1)
		return nil
	}))
	require.Len(t, got.Rows, len(want))
	require.Greater(t, len(want), 3)
	for i := range got.Rows {
		w := want[strings.Join(got.Rows[i].Values, "\x1f")]
		require.NotNil(t, w, got.Rows[i].Values)
		require.Equal(t, w.Counts, got.Rows[i].Counts)
	}
	require.NoError(t, l.Close())
}
