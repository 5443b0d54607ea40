package bills_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/bills"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// allBills returns the bills of all pages, with their lines.
func allBills(b *consoletest.Bench, query string) (out bills.Bills) {
	for cursor := ""; ; {
		page := consoletest.Data[bills.Bills](b, "GET", "/bills?lines=true&limit=7"+query+"&cursor="+cursor, "", 200)
		all := slices.Concat(out.Bills, page.Bills)
		out = page
		out.Bills = all
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

// rows are the rows of a CSV file by the names of the columns.
func rows(b *consoletest.Bench, query string) (out []map[string]string) {
	b.T.Helper()
	w := b.Do("GET", api.Base+"/bills/export?"+query, "", nil)
	require.Equal(b.T, 200, w.Code, w.Body.String())
	all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
	require.NoError(b.T, err)
	for _, cells := range all[1:] {
		r := map[string]string{}
		for i, name := range all[0] {
			r[name] = cells[i]
		}
		out = append(out, r)
	}
	return out
}

// money reads an amount exactly.
func money(t require.TestingT, s string) api.Money {
	var m api.Money
	require.NoError(t, m.UnmarshalJSON([]byte(s)))
	return m
}

// sumsOf are the sums of an answer of /stats.
func sumsOf(s *stats.Stats) stats.Sums {
	return stats.Sums{
		Calls: s.Calls, Errors: s.Errors, Input: s.Input, Output: s.Output, CacheRead: s.CacheRead, CacheWrite: s.CacheWrite,
		Reasoning: s.Reasoning, Total: s.Used, Cost: s.Cost, NoUsage: s.NoUsage, Unpriced: s.Unpriced,
	}
}

// world has calls of all kinds in two months, more than 500 combinations of holder and model, models without a price, and teams
// that have calls in common.
func world(t *testing.T) *consoletest.Bench {
	b := consoletest.BookBench(t, ledger.Options{})
	b.History()
	b.ManyGroups()
	b.Mixed(700, consoletest.TestNow)
	for i, body := range []string{`"users":["u1","u2"]`, `"users":["u2"],"projects":["none"]`, `"users":["nobody"]`} {
		consoletest.Data[budgets.Team](b, "POST", "/teams", fmt.Sprintf(`{"name":"team %d",%s}`, i, body), 201)
	}
	return b
}

// TestBillsEqualStats: each bill, the lines of a bill together, the total, and the rows of the file are what /stats says for the
// month, to the nano-dollar, whatever the bills are by.
func TestBillsEqualStats(t *testing.T) {
	b := world(t)
	for _, zone := range []string{"UTC", "Asia/Shanghai"} {
		for _, by := range []string{"team", "user", "key", "project", "service"} {
			query := "&month=2026-11&by=" + by + "&timezone=" + zone
			got := allBills(b, query)
			require.Len(t, got.Bills, got.Count, query)
			require.NotEmpty(t, got.Bills)
			require.True(t, got.Unfinished)
			during := "from=" + url.QueryEscape(got.From.Format(time.RFC3339)) + "&to=" + url.QueryEscape(got.To.Format(time.RFC3339))
			whole := consoletest.Data[stats.Stats](b, "GET", "/stats?"+during, "", 200)
			require.Positive(t, whole.Calls)
			require.Equal(t, sumsOf(&whole), got.Total.Sums.Sums, query)
			if by != "team" {
				require.Equal(t, whole.Cost, got.Total.Charged, "nothing is added")
			}
			file := map[[2]string][]map[string]string{}
			for _, r := range rows(b, query[1:]) {
				file[[2]string{r["row"], r["holder"]}] = append(file[[2]string{r["row"], r["holder"]}], r)
			}
			for i := range got.Bills {
				bill := &got.Bills[i]
				if by != "team" || bill.Holder != "" { // no filter is for calls without a team
					want := consoletest.Data[stats.Stats](b, "GET", "/stats?"+during+"&"+by+"="+url.QueryEscape(bill.Holder), "", 200)
					require.Equal(t, sumsOf(&want), bill.Sums.Sums, "%s %q", query, bill.Holder)
				}
				require.Equal(t, bill.Cost, bill.Charged)
				require.Equal(t, bill.Unpriced > 0, bill.AtLeast)
				var lines stats.Sums
				for _, l := range bill.Lines {
					lines.Calls, lines.Cost, lines.Total, lines.Unpriced = lines.Calls+l.Calls, lines.Cost+l.Cost, lines.Total+l.Total, lines.Unpriced+l.Unpriced
				}
				require.Equal(t, stats.Sums{Calls: bill.Calls, Cost: bill.Cost, Total: bill.Total, Unpriced: bill.Unpriced}, lines)
				require.Len(t, file[[2]string{"model", bill.Holder}], len(bill.Lines))
				require.Equal(t, bill.AtLeast, len(file[[2]string{"unpriced", bill.Holder}]) == 1)
				row := file[[2]string{"bill", bill.Holder}][0]
				require.Equal(t, bill.Due.Due, money(t, row["due_usd"]))
				require.Equal(t, strconv.FormatBool(bill.AtLeast), row["at_least"])
				one := consoletest.Data[bills.Bills](b, "GET", "/bills?lines=true"+query+"&holder="+url.QueryEscape(bill.Holder), "", 200)
				require.Equal(t, []bills.Bill{*bill}, one.Bills, "the bill of one holder is the one in the list")
			}
			total := file[[2]string{"total", ""}][0]
			require.Equal(t, whole.Cost, money(t, total["cost_usd"]))
			require.Equal(t, strconv.FormatInt(whole.Used, 10), total["total_tokens"])
		}
	}
}

// TestTerms: charges are the cost times a factor or prices of tokens, by the terms of the month; other months keep theirs.
func TestTerms(t *testing.T) {
	b := world(t)
	set := func(body string) bills.StoredTerms {
		return consoletest.Data[bills.StoredTerms](b, "PUT", "/bills/terms", body, 200)
	}
	of := func(month string) bills.Bills { return allBills(b, "&by=user&month="+month) }
	before := of("2026-10")
	require.NotEmpty(t, before.Bills, "calls of two months")
	first := set(`{"from":"2026-11","factor":1.1,"rules":[{"provider":"OpenAI","model":"GPT-4*","factor":2},{"model":"m7","prices":{"input_usd_per_mtok":3,"output_usd_per_mtok":0.5,"request_usd":0.001}},{"model":"m7","factor":9}]}`)
	checked := map[string]bool{}
	now := of("2026-11")
	require.InDelta(t, 1.1, now.Terms.Factor, 0)
	var sum api.Money
	for _, bill := range now.Bills {
		var charged api.Money
		for _, l := range bill.Lines {
			want := (l.Cost*11 + 5) / 10
			switch {
			case l.Provider == "openai" && strings.HasPrefix(l.Model, "gpt-4"):
				want = 2 * l.Cost
				checked["factor"] = true
			case l.Model == "m7":
				require.Positive(t, l.Unpriced)
				require.Nil(t, l.Factor)
				require.Zero(t, l.Uncharged, "prices of tokens charge calls without a known cost too")
				want = api.Money(3000*l.Input + 500*l.Output + 1_000_000*l.Calls)
				checked["prices"] = true
			default:
				require.Equal(t, l.Unpriced, l.Uncharged)
				checked["rest"] = checked["rest"] || l.Cost > 0
			}
			require.Equal(t, want, l.Charged, "%s %s", l.Provider, l.Model)
			charged += l.Charged
		}
		require.Equal(t, charged, bill.Charged)
		sum += charged
	}
	require.Len(t, checked, 3, "the calls have all kinds")
	require.Equal(t, sum, now.Total.Charged)
	require.Equal(t, before, of("2026-10"), "terms begin in their month")

	set(`{"factor":0}`)
	require.Zero(t, of("2026-10").Total.Charged, "those without a month hold before all others")
	require.Equal(t, now.Total.Charged, of("2026-11").Total.Charged)
	list := consoletest.Data[[]bills.StoredTerms](b, "GET", "/bills/terms", "", 200)
	require.Equal(t, []string{"terms-always", "terms-2026-11"}, []string{list[0].ID, list[1].ID})
	change := func(version int64) string {
		return fmt.Sprintf(`{"from":"2026-11","factor":3,"version":%d}`, version)
	}
	set(change(first.Version))
	require.EqualValues(t, "changed_meanwhile", consoletest.RequireProblem(t, b.Do("PUT", api.Base+"/bills/terms", change(first.Version), nil), 409).Reason)
	consoletest.RequireProblem(t, b.Do("DELETE", fmt.Sprintf("%s/bills/terms/terms-2026-11?version=%d", api.Base, first.Version), "", nil), 409)
	consoletest.Data[bills.Removed](b, "DELETE", "/bills/terms/terms-2026-11", "", 200)
	consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/bills/terms/terms-2026-11", "", nil), 404)
	require.Zero(t, of("2026-11").Total.Charged, "the ones without a month go on")
	for body, field := range map[string]string{
		`{"factor":-1}`: "factor", `{"factor":1e99}`: "factor", `{"from":"2026-13","factor":1}`: "from", `{"factor":1,"rules":[{"model":"m"}]}`: "rules[0]",
		`{"factor":1,"rules":[{"model":" ","factor":1}]}`: "rules[0].model", `{"factor":1,"rules":[{"model":"m","factor":1,"prices":{"input_usd_per_mtok":1,"output_usd_per_mtok":1}}]}`: "rules[0]",
		`{"factor":1,"rules":[{"model":"m","prices":{"input_usd_per_mtok":-1,"output_usd_per_mtok":1}}]}`: "rules[0].prices",
	} {
		require.Contains(t, consoletest.RequireProblem(t, b.Do("PUT", api.Base+"/bills/terms", body, nil), 400).Message, field, body)
	}
}

// TestCredits: a credit is taken off the bill of its holder and month, with its reason, also where the holder has used nothing;
// every change is in the audit log.
func TestCredits(t *testing.T) {
	b := world(t)
	of := func(by, holder string) bills.Bill {
		list := consoletest.Data[bills.Bills](b, "GET", "/bills?month=2026-11&by="+by+"&holder="+url.QueryEscape(holder), "", 200).Bills
		require.Len(t, list, 1)
		return list[0]
	}
	plain := of("user", "u1")
	require.Positive(t, plain.Charged)
	give := func(by, holder string) bills.Credit {
		return consoletest.Data[bills.Credit](b, "POST", "/bills/credits", fmt.Sprintf(`{"by":%q,"holder":%q,"month":"2026-11","amount_usd":0.000000001,"reason":" outage "}`, by, holder), 201)
	}
	credit := give("user", "u1")
	require.Equal(t, "outage", credit.Reason)
	got := of("user", "u1")
	require.Equal(t, plain.Charged-1, got.Due.Due)
	require.Equal(t, []bills.Credit{credit}, got.Credits)
	require.Equal(t, plain.Cost, got.Cost, "costs stay")
	var team string
	for _, x := range consoletest.Data[[]budgets.Team](b, "GET", "/teams", "", 200) {
		if x.Name == "team 2" {
			team = x.ID
		}
	}
	require.Equal(t, team, give("team", "TEAM 2").Holder, "a name is taken too")
	nothing := of("team", team)
	require.Equal(t, []any{"team 2", int64(0), api.Money(-1)}, []any{nothing.Name, nothing.Calls, nothing.Due.Due})
	for _, r := range rows(b, "by=user&month=2026-11&holder=u1") {
		if r["row"] == "credit" {
			require.Equal(t, []string{"0.000000001", "outage"}, []string{r["credit_usd"], r["note"]})
		}
	}
	path := api.Base + "/bills/credits/" + credit.ID
	body := func(version int64) string {
		return fmt.Sprintf(`{"by":"user","holder":"u1","month":"2026-11","amount_usd":2,"reason":"more","version":%d}`, version)
	}
	changed := consoletest.Read[bills.Credit](t, b.Do("PUT", path, body(credit.Version), nil), 200)
	require.Equal(t, credit.At, changed.At, "when it was given stays")
	consoletest.RequireProblem(t, b.Do("PUT", path, body(credit.Version), nil), 409)
	consoletest.RequireProblem(t, b.Do("DELETE", path+fmt.Sprintf("?version=%d", credit.Version), "", nil), 409)
	require.Equal(t, plain.Charged-2_000_000_000, of("user", "u1").Due.Due)
	consoletest.Read[bills.Removed](t, b.Do("DELETE", path, "", nil), 200)
	consoletest.RequireProblem(t, b.Do("DELETE", path, "", nil), 404)
	require.Equal(t, plain, of("user", "u1"))
	var actions []string
	for _, i := range consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items {
		if i.Target.Type == "credit" {
			actions = append(actions, i.Action)
		}
	}
	require.Equal(t, []string{"credit.delete", "credit.change", "credit.create", "credit.create"}, actions)
	for body, reason := range map[string]api.Reason{
		`{"by":"user","holder":"u","month":"2026-11","amount_usd":0,"reason":"r"}`:        "credit_unfit",
		`{"by":"user","holder":"u","month":"2026-11","amount_usd":-1,"reason":"r"}`:       "credit_unfit",
		`{"by":"user","holder":"u","month":"2026-11","amount_usd":1,"reason":" "}`:        "credit_unfit",
		`{"by":"user","holder":"u","month":"soon","amount_usd":1,"reason":"r"}`:           "credit_unfit",
		`{"by":"key","holder":"nobody","month":"2026-11","amount_usd":1,"reason":"r"}`:    "holder_unknown",
		`{"by":"team","holder":"nobody","month":"2026-11","amount_usd":1,"reason":"r"}`:   "holder_unknown",
		`{"by":"user","holder":"a\u202eb","month":"2026-11","amount_usd":1,"reason":"r"}`: "text_invisible",
	} {
		require.Equal(t, reason, consoletest.RequireProblem(t, b.Do("POST", api.Base+"/bills/credits", body, nil), 400).Reason, body)
	}
	require.EqualValues(t, "month_unfit", consoletest.RequireProblem(t, b.Do("GET", api.Base+"/bills?by=user&month=2026-00", "", nil), 400).Reason)
}

// TestLastMonth: without a month, bills are those of the month before, in the zone that is asked for.
func TestLastMonth(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	first := time.Date(2026, 10, 31, 15, 59, 59, 0, time.UTC) // the last second of October in Shanghai
	b.Calls(first, first.Add(time.Second), first.Add(9*time.Hour))
	for zone, want := range map[string]int64{"UTC": 2, "Asia/Shanghai": 1, "America/New_York": 3} {
		got := consoletest.Data[bills.Bills](b, "GET", "/bills?by=service&timezone="+zone, "", 200)
		require.Equal(t, []any{"2026-10", false, want}, []any{got.Month, got.Unfinished, got.Total.Calls}, zone)
	}
}

// TestMembersSeeOwnBills: a member's bills are of the calls of own keys, whatever they are by, without credits of others.
func TestMembersSeeOwnBills(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	mine := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"mine","owner":"mia"}`, 201)
	other := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"other","owner":"max"}`, 201)
	b.Spend(1, usage.Fingerprint(mine.Secret), "m", 5)
	b.Spend(2, usage.Fingerprint(other.Secret), "m", 7)
	for _, body := range []string{
		`{"name":"hers","keys":["` + mine.ID + `","` + other.ID + `"]}`, `{"name":"theirs","users":["max"]}`,
	} {
		consoletest.Data[budgets.Team](b, "POST", "/teams", body, 201)
	}
	for _, c := range []string{`"by":"key","holder":"mine"`, `"by":"key","holder":"other"`, `"by":"team","holder":"hers"`, `"by":"team","holder":"theirs"`, `"by":"user","holder":"max"`} {
		consoletest.Data[bills.Credit](b, "POST", "/bills/credits", `{`+c+`,"month":"2026-11","amount_usd":1,"reason":"of `+strings.ReplaceAll(c, `"`, "")+`"}`, 201)
	}
	consoletest.Data[bills.StoredTerms](b, "PUT", "/bills/terms", `{"factor":1,"rules":[{"model":"another","factor":7}]}`, 200)
	mia := b.As(access.Principal{Name: "mia", Role: access.Member})
	for _, by := range []string{"team", "user", "key", "project", "service"} {
		got := allBills(mia, "&month=2026-11&by="+by)
		require.True(t, got.OwnOnly)
		require.EqualValues(t, 1, got.Total.Calls, by)
		require.EqualValues(t, 5, got.Total.Total)
		require.Len(t, got.Bills, 1, by)
		require.Empty(t, got.Terms.Rules)
		reasons := 0
		for _, r := range rows(mia, "month=2026-11&by="+by) {
			if r["row"] == "credit" {
				require.Equal(t, []string{"key", mine.ID}, []string{r["by"], r["holder"]})
				reasons++
			}
		}
		require.Equal(t, by == "key", reasons == 1)
	}
	require.Empty(t, consoletest.Data[bills.Bills](mia, "GET", "/bills?month=2026-11&by=key&holder="+other.ID, "", 200).Bills)
	require.Len(t, allBills(b, "&month=2026-11&by=key").Bills, 2)
}

// TestConverted: amounts due are shown in the currency that is set, by the rate of the month's last day; files have it where it is
// asked for.
func TestConverted(t *testing.T) {
	b := world(t)
	require.Nil(t, consoletest.Data[bills.Bills](b, "GET", "/bills?by=user&month=2026-10", "", 200).Total.Converted)
	w := b.Do("PUT", api.Base+"/prices/currency", `{"code":"CNY","rates":[{"from":"2026-10-31","per_usd":7.25},{"from":"2026-11-01","per_usd":7.5}]}`, nil)
	require.Equal(t, 200, w.Code, w.Body.String())
	for month, rate := range map[string]float64{"2026-10": 7.25, "2026-11": 7.5} {
		got := consoletest.Data[bills.Bills](b, "GET", "/bills?by=user&month="+month, "", 200).Total
		require.InDelta(t, rate, got.Converted.Rate, 0)
		require.Equal(t, "CNY", got.Converted.Code)
		require.InDelta(t, float64(got.Due.Due)/1e9*rate, got.Converted.Amount, .005000001)
		file := rows(b, "by=user&currency=true&month="+month)
		last := file[len(file)-1]
		require.Equal(t, []string{"total", "CNY", strconv.FormatFloat(rate, 'f', -1, 64)}, []string{last["row"], last["currency"], last["per_usd"]})
		require.NotContains(t, rows(b, "by=user&month="+month)[0], "currency")
	}
	require.Nil(t, consoletest.Data[bills.Bills](b, "GET", "/bills?by=user&month=2026-09", "", 200).Total.Converted, "no rate holds yet")
	for query, rate := range map[string]float64{"?to=2026-11-01T00:00:00Z": 7.25, "?from=2026-11-01T00:00:00Z": 7.5, "": 7.5} {
		s := consoletest.Data[stats.Stats](b, "GET", "/stats"+query, "", 200)
		require.InDelta(t, rate, s.Converted.Rate, 0, query)
		require.InDelta(t, float64(s.Cost)/1e9*rate, s.Converted.Amount, .005000001)
	}
}
