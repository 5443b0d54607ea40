package focus_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/focus"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// column is a column of the specification.
type column struct{ level, nulls, kind string }

func specification(t *testing.T) map[string]column {
	t.Helper()
	b, err := os.ReadFile("testdata/columns-1.2.tsv")
	require.NoError(t, err)
	all := map[string]column{}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 && !strings.HasPrefix(line, "#") {
			all[f[0]] = column{f[1], f[2], f[3]}
		}
	}
	require.Len(t, all, 57)
	return all
}

// table is a CSV file: its header, and its rows by the names of the columns.
func table(t *testing.T, b *consoletest.Bench, query string) (header []string, rows []map[string]string) {
	t.Helper()
	w := b.Do("GET", api.Base+focus.Path+query, "", nil)
	require.Equal(t, 200, w.Code, w.Body.String())
	all, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	for _, cells := range all[1:] {
		r := map[string]string{}
		for i, name := range all[0] {
			r[name] = cells[i]
		}
		rows = append(rows, r)
	}
	return all[0], rows
}

// allowed are the values that the specification allows in columns that have such a list, as far as they are used.
var allowed = map[string][]string{
	"ChargeCategory": {"Usage"}, "ChargeClass": {""}, "ChargeFrequency": {"Usage-Based"}, "PricingCategory": {"Standard", "Other"},
	"ServiceCategory": {"AI and Machine Learning"}, "ServiceSubcategory": {"Generative AI"}, "BillingCurrency": {"USD"},
}

// TestColumns: every mandatory column is there, every column is one of the specification or has the prefix of custom ones, and
// each value is of its column's type.
func TestColumns(t *testing.T) {
	spec := specification(t)
	b := consoletest.BookBench(t, ledger.Options{})
	b.History()
	b.Mixed(50, consoletest.TestNow)
	header, rows := table(t, b, "")
	require.NotEmpty(t, rows)
	for name, c := range spec {
		if c.level == "Mandatory" {
			require.Contains(t, header, name)
		}
	}
	for _, name := range header {
		c, known := spec[name]
		require.True(t, known || strings.HasPrefix(name, "x_"), name)
		for _, r := range rows {
			value := r[name]
			if values, limited := allowed[name]; limited {
				require.Contains(t, values, value, name)
			}
			if c.nulls == "False" {
				require.NotEmpty(t, value, name)
			}
			switch {
			case value == "" || !known:
			case c.kind == "Decimal":
				_, err := strconv.ParseFloat(value, 64)
				require.NoError(t, err, name)
			case c.kind == "Date/Time":
				at, err := time.Parse("2006-01-02T15:04:05Z", value)
				require.NoError(t, err, name)
				require.Equal(t, at, at.Truncate(24*time.Hour))
			case c.kind == "JSON":
				require.NoError(t, json.Unmarshal([]byte(value), &map[string]string{}))
			}
		}
	}
	for _, r := range rows {
		require.Equal(t, r["BilledCost"], r["ListCost"])
		require.Equal(t, r["SkuId"]+"/", r["SkuPriceId"][:len(r["SkuId"])+1])
		require.Less(t, r["ChargePeriodStart"], r["ChargePeriodEnd"])
		require.LessOrEqual(t, r["BillingPeriodStart"], r["ChargePeriodStart"])
		require.GreaterOrEqual(t, r["BillingPeriodEnd"], r["ChargePeriodEnd"])
	}
}

// TestSums: the file adds up to what the console shows, to the nano-dollar, in both formats, with filters, and also where
// the rows do not all fit in memory.
func TestSums(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	b.History()
	b.ManyGroups()
	b.Mixed(300, consoletest.TestNow)
	for _, limit := range []int{10_000, 7} {
		restore := focus.SetMaxRows(limit)
		t.Cleanup(restore)
		for _, query := range []string{"", "?model=m1&model=spread", "?from=2026-10-30T07:00:00Z&to=2026-11-02T00:00:00Z", "?status=error"} {
			want := consoletest.Data[stats.Stats](b, "GET", "/stats"+query, "", 200)
			require.Positive(t, want.Calls, query)
			_, rows := table(t, b, query)
			var got stats.Sums
			number := func(r map[string]string, name string) int64 {
				n, err := strconv.ParseInt(r[name], 10, 64)
				require.NoError(t, err)
				return n
			}
			for _, r := range rows {
				cost, err := usage.ParseUSD(r["BilledCost"])
				require.NoError(t, err)
				got.Cost += api.Money(cost)
				got.Calls += number(r, "x_Calls")
				got.Errors += number(r, "x_FailedCalls")
				got.Unpriced += number(r, "x_UnpricedCalls")
				got.NoUsage += number(r, "x_CallsWithoutUsage")
				got.Input += number(r, "x_InputTokens")
				got.Output += number(r, "x_OutputTokens")
				got.CacheRead += number(r, "x_CacheReadTokens")
				got.CacheWrite += number(r, "x_CacheWriteTokens")
				got.Reasoning += number(r, "x_ReasoningTokens")
				got.Total += number(r, "ConsumedQuantity")
			}
			require.Equal(t, stats.Sums{
				Calls: want.Calls, Errors: want.Errors, Input: want.Input, Output: want.Output, CacheRead: want.CacheRead, CacheWrite: want.CacheWrite,
				Reasoning: want.Reasoning, Total: want.Used, Cost: want.Cost, NoUsage: want.NoUsage, Unpriced: want.Unpriced,
			}, got, "%s, %d rows in memory", query, limit)

			separator := "?"
			if query != "" {
				separator = "&"
			}
			w := b.Do("GET", api.Base+focus.Path+query+separator+"format=parquet", "", nil)
			require.Equal(t, 200, w.Code)
			same, err := parquet.Read[focus.Row](bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
			require.NoError(t, err)
			require.Len(t, same, len(rows))
			var cost, tokens int64
			for i := range same {
				cost += same[i].EffectiveCost
				tokens += same[i].PricingQuantity
			}
			require.Equal(t, int64(want.Cost), cost)
			require.Equal(t, want.Used, tokens)
		}
	}
}

// TestParquetColumns: the Parquet file has the columns of the CSV file, in its order.
func TestParquetColumns(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	header, rows := table(t, b, "")
	require.Empty(t, rows)
	w := b.Do("GET", api.Base+focus.Path+"?format=parquet", "", nil)
	file, err := parquet.OpenFile(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	require.NoError(t, err)
	var names []string
	for _, f := range file.Schema().Fields() {
		names = append(names, f.Name())
	}
	require.Equal(t, header, names)
	require.True(t, slices.IsSorted(header[:slices.Index(header, "x_CacheReadTokens")]))
	require.Contains(t, file.Schema().String(), "required int64 BilledCost (DECIMAL(18,9))")
	require.Contains(t, file.Schema().String(), "required int64 ChargePeriodStart (TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS))")
}

// TestFocusGroups: a row for each combination and day, with its key, tags and tier; the file begins with the first name.
func TestFocusGroups(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	hostile := `=cmd|' /C calc'!A0`
	for i := range 4 {
		b.Commit(consoletest.CallOf(i, func(c *usage.Call) {
			c.Start = time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC).Add(time.Duration(i/2) * time.Second)
			c.Provider, c.Model, c.User, c.Project, c.Tier = "openai", "gpt-5", hostile, `"`+"\n"+`,`, usage.TierBatch
			c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint("sk-other"), "sk-…"
		}))
	}
	w := b.Do("GET", api.Base+focus.Path, "", nil)
	require.True(t, strings.HasPrefix(w.Body.String(), "BilledCost,"))
	_, rows := table(t, b, "")
	require.Len(t, rows, 2)
	for i, month := range []string{"2026-10", "2026-11"} {
		r := rows[i]
		require.Equal(t, month+"-01T00:00:00Z", r["BillingPeriodStart"])
		require.Equal(t, "2", r["x_Calls"])
		require.Equal(t, "openai/gpt-5/batch", r["SkuPriceId"])
		require.Equal(t, "Other", r["PricingCategory"])
		require.Equal(t, "API Key", r["SubAccountType"])
		require.True(t, strings.HasPrefix(r["SubAccountId"], "ext_"))
		var tags map[string]string
		require.NoError(t, json.Unmarshal([]byte(r["Tags"]), &tags))
		require.Equal(t, map[string]string{"user": hostile, "project": "\"\n,"}, tags)
	}
	require.Equal(t, "2026-10-31T00:00:00Z", rows[0]["ChargePeriodStart"])
	require.Equal(t, "2026-11-01T00:00:00Z", rows[0]["ChargePeriodEnd"])
}

// TestMembersSeeTheirOwn: a member without keys gets no row, and nobody gets the file without the right to read.
func TestMembersSeeTheirOwn(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Calls(consoletest.TestNow.Add(-time.Hour))
	_, rows := table(t, b.As(access.Principal{Name: "carol", Role: access.Member}), "")
	require.Empty(t, rows)
	_, rows = table(t, b.As(access.Principal{Name: "dan", Role: access.Viewer}), "")
	require.Len(t, rows, 1)
	consoletest.RequireProblem(t, b.As(access.Principal{}).Do("GET", api.Base+focus.Path, "", nil), 401)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+focus.Path+"?format=xml", "", nil), 400)
	require.Contains(t, fmt.Sprint(b.Do("GET", api.Base+focus.Path+"?from=2026-11-01T00:00:00Z", "", nil).Header()), "tokenboard-focus-2026-11-01_2026-11-03.csv")
}
