package budgets_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// spend commits calls of 1,000 tokens and a dollar each.
func spend(t *testing.T, b *consoletest.Bench, n int, change func(*usage.Call)) {
	t.Helper()
	var batch usage.Batch
	for range n {
		salt++
		c := usage.Call{
			Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Hour), Model: "m", Provider: "p",
			Trace: usage.TraceID{9, byte(salt >> 8), byte(salt)}, Span: usage.SpanID{9, byte(salt >> 8), byte(salt)},
			Tokens: usage.Tokens{InputUncached: 900, OutputText: 100, Fields: usage.HasInput | usage.HasOutput}, ReportedCost: 1e9, HasReportedCost: true,
		}
		change(&c)
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, b.Ledger.Commit(t.Context(), batch))
}

var salt int

// TestBudgetLife: a budget is made, counted, changed, checked by keys, shown with what it is for, and deleted; each change
// is in the audit log.
func TestBudgetLife(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"ci","owner":"alice"}`, 201)
	spend(t, b, 3, func(c *usage.Call) { c.KeyFingerprint, c.User = usage.Fingerprint(key.Secret), "bob" })
	spend(t, b, 2, func(c *usage.Call) { c.User = "bob" })
	team := consoletest.Data[budgets.Team](b, "POST", "/teams", `{"name":"Research","keys":["`+key.ID+`"],"users":["bob","bob"],"projects":["x"]}`, 201)
	require.Equal(t, []budgets.TeamKey{{ID: key.ID, Name: "ci"}}, team.Keys)
	require.Equal(t, []string{"bob"}, team.Users)

	made := consoletest.Data[budgets.Budget](b, "POST", "/budgets", `{"name":"month","scope":"team","subject":"research","period":"month","month_begins":31,"tokens":20000,"hard":true}`, 201)
	require.Equal(t, team.ID, made.Subject)
	require.Equal(t, "Research", made.SubjectName)
	require.Equal(t, &budgets.Amounts[int64]{Limit: 20000, Used: 5000, Left: 15000}, made.Tokens, "each call counts once")
	require.InDelta(t, 0.25, made.Share, 0)
	require.Equal(t, "2026-10-31T00:00:00Z", made.BeginsAt.Format(time.RFC3339))
	require.Equal(t, "2026-11-30T00:00:00Z", made.ResetsAt.Format(time.RFC3339))
	require.Nil(t, made.Projected, "there is no history")

	check := fmt.Sprintf(`{"key":%q,"estimate":14000}`, key.Secret)
	consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", check, 200)
	w := b.Do("POST", api.Base+"/keys/verify", check, nil)
	consoletest.RequireProblem(t, w, 429)
	require.Equal(t, "budget."+made.ID, w.Header().Get("X-Tokenboard-Limit"))
	require.Equal(t, "5", w.Header().Get("Retry-After"), "only a reservation is in the way")
	require.EqualValues(t, 1000, consoletest.Data[budgets.Budget](b, "GET", "/budgets/"+made.ID, "", 200).Tokens.Left)

	changed := consoletest.Data[budgets.Budget](b, "PATCH", "/budgets/"+made.ID, fmt.Sprintf(`{"usd":4.5,"period":"week","version":%d}`, made.Version), 200)
	require.Nil(t, changed.Tokens)
	require.Equal(t, api.Money(5e9), changed.USD.Used)
	require.Zero(t, changed.USD.Left)
	require.Equal(t, "monday", *changed.Weekday)
	require.True(t, changed.Projected.Exhausted)
	consoletest.RequireProblem(t, b.Do("PATCH", api.Base+"/budgets/"+made.ID, fmt.Sprintf(`{"usd":4,"version":%d}`, made.Version), nil), 409)
	consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/budgets/"+made.ID+fmt.Sprintf("?version=%d", made.Version), "", nil), 409)
	w = b.Do("POST", api.Base+"/keys/verify", check, nil)
	require.Equal(t, fmt.Sprint(int((5*24+5)*3600+40*60)), w.Header().Get("Retry-After"), "until Monday")

	own := consoletest.Data[budgets.Budget](b, "POST", "/budgets", `{"name":"of the key","scope":"key","subject":"`+key.ID+`","period":"total","tokens":4000}`, 201)
	require.EqualValues(t, 3000, own.Tokens.Used)
	require.Nil(t, own.ResetsAt)
	require.Equal(t, own.ID, consoletest.Data[keys.Key](b, "GET", "/keys/"+key.ID, "", 200).Budgets[0].ID)
	require.Equal(t, made.ID, consoletest.Data[budgets.Team](b, "GET", "/teams/"+team.ID, "", 200).Budgets[0].ID)

	consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/teams/"+team.ID, "", nil), 409)
	consoletest.Data[budgets.Removed](b, "DELETE", "/budgets/"+made.ID, "", 200)
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/budgets/"+made.ID, "", nil), 404)
	consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", check, 200)
	consoletest.Data[budgets.Team](b, "PATCH", "/teams/"+team.ID, `{"users":[]}`, 200)
	consoletest.Data[budgets.Removed](b, "DELETE", "/teams/"+team.ID, "", 200)
	var actions []string
	for _, i := range consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items {
		actions = append(actions, i.Action)
	}
	require.Equal(t, []string{"team.delete", "team.change", "budget.delete", "budget.create", "budget.change", "budget.create", "team.create", "key.create"}, actions)
	require.Contains(t, string(consoletest.Data[audit.Page](b, "GET", "/audit?action=budget.change", "", 200).Items[0].Before), `"limit":20000`)
}

// TestBudgetOfAnAccount: it counts the calls that the account served; no key check can hold it.
func TestBudgetOfAnAccount(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	account := usage.AccountDisplay("alice@example.com", "1")
	spend(t, b, 3, func(c *usage.Call) { c.Account = account })
	spend(t, b, 2, func(c *usage.Call) { c.User = account })
	text, err := json.Marshal(account)
	require.NoError(t, err)
	body := func(hard bool) string {
		return fmt.Sprintf(`{"name":"of an account","scope":"account","subject":%s,"period":"day","tokens":10000,"hard":%t}`, text, hard)
	}
	require.Equal(t, api.Reason("budget_hard_account"), consoletest.RequireProblem(t, b.Do("POST", api.Base+"/budgets", body(true), nil), 400).Reason)
	made := consoletest.Data[budgets.Budget](b, "POST", "/budgets", body(false), 201)
	require.EqualValues(t, 3000, made.Tokens.Used)
	require.Equal(t, account, made.SubjectName)
	spend(t, b, 1, func(c *usage.Call) { c.Account = account })
	require.EqualValues(t, 4000, consoletest.Data[budgets.Budget](b, "GET", "/budgets/"+made.ID, "", 200).Tokens.Used)
	require.Equal(t, 400, b.Do("PATCH", api.Base+"/budgets/"+made.ID, `{"hard":true}`, nil).Code)
	require.Len(t, consoletest.Data[[]budgets.Budget](b, "GET", "/budgets?scope=account&subject="+url.QueryEscape(account), "", 200), 1)
}

// TestBudgetRefusals: what makes no budget or team names its reason, and changes nothing.
func TestBudgetRefusals(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	consoletest.Data[budgets.Budget](b, "POST", "/budgets", `{"name":"Taken","scope":"all","period":"day","tokens":1}`, 201)
	consoletest.Data[budgets.Team](b, "POST", "/teams", `{"name":"Taken"}`, 201)
	for body, reason := range map[string]api.Reason{
		`{"name":"TAKEN","scope":"all","period":"day","tokens":1}`:                                            "budget_name_taken",
		`{"name":" ","scope":"all","period":"day","tokens":1}`:                                                "name_empty",
		`{"scope":"all","period":"day","tokens":1}`:                                                           "name_empty",
		`{"name":"a\u202eb","scope":"all","period":"day","tokens":1}`:                                         "text_invisible",
		`{"name":"x","period":"day","tokens":1}`:                                                              "budget_subject",
		`{"name":"x","scope":"all","subject":"y","period":"day","tokens":1}`:                                  "budget_subject",
		`{"name":"x","scope":"user","period":"day","tokens":1}`:                                               "budget_subject",
		`{"name":"x","scope":"key","subject":"key_0","period":"day","tokens":1}`:                              "key_unknown",
		`{"name":"x","scope":"team","subject":"nobody","period":"day","tokens":1}`:                            "team_unknown",
		`{"name":"x","scope":"all","tokens":1}`:                                                               "budget_first_day",
		`{"name":"x","scope":"all","period":"day","month_begins":1,"tokens":1}`:                               "budget_first_day",
		`{"name":"x","scope":"all","period":"month","week_begins":"monday","tokens":1}`:                       "budget_first_day",
		`{"name":"x","scope":"all","period":"day"}`:                                                           "budget_unit",
		`{"name":"x","scope":"all","period":"day","tokens":1,"usd":1}`:                                        "budget_unit",
		`{"name":"x","scope":"all","period":"day","usd":0.0000000001}`:                                        "limit_unfit",
		`{"name":"x","scope":"all","period":"day","usd":-1}`:                                                  "limit_unfit",
		`{"name":"x","scope":"all","period":"day","usd":1000000001}`:                                          "limit_unfit",
		`{"name":"x","scope":"all","period":"month","month_begins":32,"tokens":1}`:                            "number_too_large",
		`{"name":"x","scope":"mood","subject":"a","period":"day","tokens":1}`:                                 "value_not_listed",
		`{"name":"x","scope":"user","subject":"` + strings.Repeat("ä", 1001) + `","period":"day","tokens":1}`: "text_too_long",
	} {
		p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/budgets", body, nil), map[api.Reason]int{"budget_name_taken": 409}[reason]+map[bool]int{true: 400}[reason != "budget_name_taken"])
		got := p.Reason
		if len(p.Details) == 1 {
			got = p.Details[0].Reason
		}
		require.Equal(t, reason, got, body)
	}
	many, err := json.Marshal(map[string]any{"name": "x", "users": make([]string, 1001)})
	require.NoError(t, err)
	for _, body := range []string{`{"name":"taken"}`, `{"name":"x","keys":["key_0"]}`, `{"name":"x","users":[""]}`, string(many), `{"name":"x","users":["a\nb"]}`} {
		w := b.Do("POST", api.Base+"/teams", body, nil)
		require.Contains(t, []int{400, 409}, w.Code, w.Body)
	}
	require.Len(t, consoletest.Data[[]budgets.Budget](b, "GET", "/budgets", "", 200), 1)
	require.Len(t, consoletest.Data[[]budgets.Team](b, "GET", "/teams", "", 200), 1)
}

// TestHostileNames: names that break statements, documents and pages are names like others.
func TestHostileNames(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for i, name := range []string{"'; DROP TABLE budgets; --", `<script>alert(1)</script>`, "=cmd()", "%_*?[", `a"b\c`, "名 🙂", "../../x"} {
		quoted, err := json.Marshal(name)
		require.NoError(t, err)
		spend(t, b, 1, func(c *usage.Call) { c.User = name })
		team := consoletest.Data[budgets.Team](b, "POST", "/teams", fmt.Sprintf(`{"name":%s,"users":[%s]}`, quoted, quoted), 201)
		require.Equal(t, name, team.Name)
		made := consoletest.Data[budgets.Budget](b, "POST", "/budgets", fmt.Sprintf(`{"name":%s,"scope":"user","subject":%s,"period":"day","tokens":2000}`, quoted, quoted), 201)
		require.EqualValues(t, 1000, made.Tokens.Used, name)
		of := consoletest.Data[budgets.Budget](b, "POST", "/budgets", fmt.Sprintf(`{"name":"of team %d","scope":"team","subject":%s,"period":"day","usd":1}`, i, quoted), 201)
		require.Equal(t, team.ID, of.Subject)
		require.EqualValues(t, 1e9, of.USD.Used)
		found := consoletest.Data[[]budgets.Budget](b, "GET", "/budgets?q="+url.QueryEscape(name)+"&scope=user", "", 200)
		require.Len(t, found, 1, name)
	}
}

// TestPagesOfBudgets: pages follow one another without gap, and filters apply to all of them.
func TestPagesOfBudgets(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Budgets = []store.BudgetRow{{ID: "cfg_1", Name: "zz", Scope: store.ScopeAll, Limit: 1, Period: store.Monthly, First: 1}}
	})
	for i := range 7 {
		consoletest.Data[budgets.Budget](b, "POST", "/budgets", fmt.Sprintf(`{"name":"b%d","scope":"model","subject":"m%d","period":"day","tokens":1}`, i, i%2), 201)
	}
	var names []string
	for target := "/budgets?limit=3&projected=false"; target != ""; {
		w := b.Do("GET", api.Base+target, "", nil)
		require.Equal(t, "8", w.Header().Get("X-Total-Count"))
		for _, x := range consoletest.Decode[[]budgets.Budget](t, w) {
			names = append(names, x.Name)
		}
		target = ""
		if next := w.Header().Get("X-Next-Cursor"); next != "" {
			require.Contains(t, w.Header().Get("Link"), "projected=false")
			target = "/budgets?limit=3&projected=false&cursor=" + next
		}
	}
	require.Equal(t, []string{"zz", "b0", "b1", "b2", "b3", "b4", "b5", "b6"}, names)
	require.Len(t, consoletest.Data[[]budgets.Budget](b, "GET", "/budgets?scope=model&subject=m1", "", 200), 3)
	fixed := consoletest.Data[budgets.Budget](b, "GET", "/budgets/cfg_1", "", 200)
	require.Equal(t, "configuration", fixed.Source)
	for _, w := range []*httptest.ResponseRecorder{
		b.Do("PATCH", api.Base+"/budgets/cfg_1", `{"tokens":2}`, nil), b.Do("DELETE", api.Base+"/budgets/cfg_1", "", nil),
	} {
		require.EqualValues(t, "budget_of_configuration", consoletest.RequireProblem(t, w, 409).Reason)
	}
}

// TestMembersSeeTheirs: a member sees the budgets of its keys, of itself and of its teams, and of these only itself.
func TestMembersSeeTheirs(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	mia := o.NewPerson("mia", access.Member)
	viewer := o.NewPerson("vic", access.Viewer)
	hers := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"hers","owner":"mia"}`), 201)
	other := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"other","owner":"bob"}`), 201)
	in := consoletest.Read[budgets.Team](t, root.Do("POST", "/teams", `{"name":"in","keys":["`+hers.ID+`","`+other.ID+`"],"users":["mia","bob"]}`), 201)
	out := consoletest.Read[budgets.Team](t, root.Do("POST", "/teams", `{"name":"out","keys":["`+other.ID+`"],"users":["bob"]}`), 201)
	for name, of := range map[string]string{
		"1 seen": `"scope":"key","subject":"` + hers.ID, "2 seen": `"scope":"user","subject":"mia`, "3 seen": `"scope":"team","subject":"` + in.ID,
		"4": `"scope":"key","subject":"` + other.ID, "5": `"scope":"user","subject":"bob`, "6": `"scope":"team","subject":"` + out.ID,
		"7": `"scope":"model","subject":"m`, "8": `"scope":"provider","subject":"p`,
	} {
		consoletest.Read[budgets.Budget](t, root.Do("POST", "/budgets", `{"name":"`+name+`",`+of+`","period":"day","tokens":1}`), 201)
	}
	hidden := consoletest.Read[budgets.Budget](t, root.Do("POST", "/budgets", `{"name":"9","scope":"all","period":"day","tokens":1}`), 201)
	var names []string
	for _, x := range consoletest.Read[[]budgets.Budget](t, mia.Do("GET", "/budgets", ""), 200) {
		names = append(names, x.Name)
	}
	require.Equal(t, []string{"1 seen", "2 seen", "3 seen"}, names)
	consoletest.RequireProblem(t, mia.Do("GET", "/budgets/"+hidden.ID, ""), 404)
	consoletest.RequireProblem(t, mia.Do("GET", "/teams/"+out.ID, ""), 404)
	teams := consoletest.Read[[]budgets.Team](t, mia.Do("GET", "/teams", ""), 200)
	require.Len(t, teams, 1)
	require.Equal(t, []budgets.TeamKey{{ID: hers.ID, Name: "hers"}}, teams[0].Keys)
	require.Equal(t, []string{"mia"}, teams[0].Users)
	require.Len(t, teams[0].Budgets, 1)
	require.NotContains(t, mia.Do("GET", "/teams", "").Body.String(), "bob")
	require.Len(t, consoletest.Read[[]keys.Key](t, mia.Do("GET", "/keys", ""), 200)[0].Budgets, 1)
	require.Len(t, consoletest.Read[[]budgets.Budget](t, viewer.Do("GET", "/budgets", ""), 200), 9)
	require.Len(t, consoletest.Read[[]budgets.Team](t, viewer.Do("GET", "/teams", ""), 200)[0].Users, 2)
	for _, u := range consoletest.Read[[]users.User](t, root.Do("GET", "/users", ""), 200) {
		require.Len(t, u.Budgets, map[string]int{"mia": 1}[u.Name], u.Name)
	}
}

// TestProjection: with a steady history the projection is what the rest of the period brings, for every kind of target.
func TestProjection(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"k"}`, 201)
	for day := range 40 {
		for hour := range 24 {
			spend(t, b, 1, func(c *usage.Call) {
				c.Start = consoletest.TestNow.Add(-time.Duration(day*24+hour)*time.Hour - time.Minute)
				c.User, c.Project, c.KeyFingerprint = "u", "x", usage.Fingerprint(key.Secret)
			})
		}
	}
	team := consoletest.Data[budgets.Team](b, "POST", "/teams", `{"name":"t","users":["u"],"projects":["x"]}`, 201)
	for i, of := range []string{`"scope":"all"`, `"scope":"user","subject":"u"`, `"scope":"key","subject":"` + key.ID + `"`, `"scope":"team","subject":"` + team.ID + `"`, `"scope":"model","subject":"m"`, `"scope":"provider","subject":"p"`} {
		x := consoletest.Data[budgets.Budget](b, "POST", "/budgets", fmt.Sprintf(`{"name":"b%d",%s,"period":"month","tokens":360000}`, i, of), 201)
		s := consoletest.Data[stats.Stats](b, "GET", "/stats?from=2026-11-01T00:00:00Z", "", 200)
		require.Equal(t, s.Used, x.Tokens.Used)
		require.InEpsilon(t, 720_000, x.Projected.Tokens.Expected, 0.03, of)
		require.InEpsilon(t, 2, *x.Projected.Share, 0.03)
		require.WithinDuration(t, time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC), *x.Projected.Expected, 12*time.Hour)
		require.LessOrEqual(t, x.Projected.Tokens.Low, x.Projected.Tokens.Expected)
	}
}
