package alerts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/store"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const spend = `{"name":"spend","kind":"spend","severity":"warning","enabled":true,"limit":12.5,"window":"day","timezone":"Europe/Berlin",
"filter":{"model":["m"],"key":["ci"]},"for_seconds":60,"repeat_seconds":3600,"send_resolved":true,"quiet":[{"from":"22:00","to":"07:00","timezone":"Asia/Shanghai","days":[1]}]}`

// TestRules: a rule comes back as it was made; a change is made to the version that was read; names are unique; each change is
// in the audit log.
func TestRules(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	made := consoletest.Read[alerts.Rule](t, root.Do("POST", "/alerts/rules", spend), 201)
	require.Equal(t, alert.Rule{
		Kind: alert.Spend, Severity: alert.Warning, Enabled: true, Limit: 12.5, Window: "day", TimeZone: "Europe/Berlin", For: 60, Repeat: 3600, Resolved: true,
		Filter: alert.Filter{Model: []string{"m"}, Key: []string{"ci"}},
		Quiet:  []alert.Quiet{{Days: []int{1}, From: "22:00", To: "07:00", TimeZone: "Asia/Shanghai"}},
	}, made.Rule)
	require.Equal(t, alert.USD, made.Unit)
	require.Equal(t, []alerts.Rule{made}, consoletest.Read[[]alerts.Rule](t, root.Do("GET", "/alerts/rules", ""), 200))
	require.Equal(t, made, consoletest.Read[alerts.Rule](t, root.Do("GET", "/alerts/rules/"+made.ID, ""), 200))
	require.Equal(t, "rule_name_taken", string(consoletest.RequireProblem(t, root.Do("POST", "/alerts/rules", spend), 409).Reason))
	for body, location := range map[string]string{
		`{"name":"x","kind":"spend","severity":"info","enabled":true,"limit":0,"window":"day"}`:                                         "body.limit",
		`{"name":"x","kind":"spend","severity":"info","enabled":true,"limit":1}`:                                                        "body.window",
		`{"name":" ","kind":"silence","severity":"info","enabled":true,"limit":1}`:                                                      "body.name",
		`{"name":"x","kind":"silence","severity":"info","enabled":true,"limit":1,"filter":{"key":["` + fmt.Sprintf("%064d", 1) + `"]}}`: "body.filter.key",
		`{"name":"x","kind":"silence","severity":"info","enabled":true,"limit":1,"quiet":[{"from":"1","to":"07:00","timezone":"UTC"}]}`: "body.quiet.from",
	} {
		p := consoletest.RequireProblem(t, root.Do("POST", "/alerts/rules", body), 400)
		require.Equal(t, location, p.Details[0].Location, body)
	}
	off := consoletest.Read[alerts.Rule](t, root.Do("PATCH", "/alerts/rules/"+made.ID, fmt.Sprintf(`{"enabled":false,"version":%d}`, made.Version)), 200)
	require.False(t, off.Enabled)
	require.InDelta(t, 12.5, off.Limit, 0)
	require.Equal(t, "changed_meanwhile", string(consoletest.RequireProblem(t, root.Do("PATCH", "/alerts/rules/"+made.ID, fmt.Sprintf(`{"name":"y","version":%d}`, made.Version)), 409).Reason))
	other := consoletest.Read[alerts.Rule](t, root.Do("PATCH", "/alerts/rules/"+made.ID, `{"name":"errors","rule":{"kind":"error_share","severity":"critical","enabled":true,"limit":5,"window":"1h"}}`), 200)
	require.Equal(t, alert.Rule{Kind: alert.ErrorShare, Severity: alert.Critical, Enabled: true, Limit: 5, Window: "1h"}, other.Rule)
	require.Equal(t, 400, root.Do("PATCH", "/alerts/rules/"+made.ID, `{}`).Code)
	require.Equal(t, made.ID, consoletest.Read[alerts.Deleted](t, root.Do("DELETE", "/alerts/rules/"+made.ID, ""), 200).ID)
	for _, method := range []string{"GET", "DELETE"} {
		require.Equal(t, "rule_unknown", string(consoletest.RequireProblem(t, root.Do(method, "/alerts/rules/"+made.ID, ""), 404).Reason))
	}
	var actions []string
	require.NoError(t, o.Directory.Audit(context.Background(), store.AuditFilter{Actions: []string{"alert_rule"}}, func(e *store.AuditEntry) error {
		actions = append(actions, e.Action+" "+e.Target.Name)
		return nil
	}))
	require.Equal(t, []string{"alert_rule.delete errors", "alert_rule.update errors", "alert_rule.update spend", "alert_rule.create spend"}, actions)
}

// TestTemplatesCanBeMade: each template is accepted as it is.
func TestTemplatesCanBeMade(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	for _, x := range consoletest.Read[[]alerts.Template](t, root.Do("GET", "/alerts/rules/templates", ""), 200) {
		body, err := json.Marshal(alerts.NewRule{Name: x.Title, Rule: x.Rule})
		require.NoError(t, err)
		consoletest.Read[alerts.Rule](t, root.Do("POST", "/alerts/rules", string(body)), 201)
	}
}

// TestAlerts: alerts are listed newest first, page by page, and by state, rule and severity; each can be read by its id.
func TestAlerts(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	at := consoletest.TestNow
	var w store.AlertWrite
	for i := range 5 {
		document, err := json.Marshal(alert.Notification{
			RuleName: "r", Kind: alert.Spend, Subject: "s", Value: 7, Limit: 5, Unit: alert.USD, Window: "day", Path: "/explore?model=m",
			Causes: []alert.Cause{{Dimension: "model", Name: "m", Value: 6, Unit: alert.USD}},
		})
		require.NoError(t, err)
		a := store.Alert{ID: fmt.Sprint("a", i), Rule: fmt.Sprint("r", i%2), Severity: "warning", StartedAt: at.Add(time.Duration(i) * time.Minute), Document: document}
		if i > 0 {
			a.EndedAt = at.Add(time.Hour)
		}
		w.Alerts = append(w.Alerts, a)
	}
	require.NoError(t, o.Directory.WriteAlerts(context.Background(), w))
	ids := func(query string) (out []string) {
		for _, a := range consoletest.Read[[]alerts.Alert](t, root.Do("GET", "/alerts"+query, ""), 200) {
			out = append(out, a.ID)
		}
		return out
	}
	require.Equal(t, []string{"a4", "a3", "a2", "a1", "a0"}, ids(""))
	require.Equal(t, []string{"a0"}, ids("?state=firing"))
	require.Equal(t, []string{"a3", "a1"}, ids("?state=ended&rule=r1&severity=warning"))
	require.Equal(t, []string{"a4"}, ids("?from="+at.Add(4*time.Minute).Format("2006-01-02T15:04:05Z")))
	first := root.Do("GET", "/alerts?limit=2&state=ended", "")
	require.Equal(t, "4", first.Header().Get("X-Total-Count"))
	require.Contains(t, first.Header().Get("Link"), "state=ended")
	require.Equal(t, []string{"a2", "a1"}, ids("?limit=2&state=ended&cursor="+first.Header().Get("X-Next-Cursor")))
	require.Equal(t, "cursor_unknown", string(consoletest.RequireProblem(t, root.Do("GET", "/alerts?cursor=none", ""), 400).Reason))
	require.Equal(t, 400, root.Do("GET", "/alerts?severity=loud", "").Code)
	one := consoletest.Read[[]alerts.Alert](t, root.Do("GET", "/alerts?state=firing", ""), 200)[0]
	require.Equal(t, alerts.Alert{
		ID: "a0", Rule: alerts.RuleName{ID: "r0", Name: "r"}, Kind: alert.Spend, Severity: alert.Warning, State: "firing", Subject: "s", Value: 7, Limit: 5,
		Unit: alert.USD, Window: "day", Causes: []alert.Cause{{Dimension: "model", Name: "m", Value: 6, Unit: alert.USD}}, Path: "/explore?model=m",
		StartedAt: at,
	}, one)
	require.Equal(t, one, consoletest.Read[alerts.Alert](t, root.Do("GET", "/alerts/a0", ""), 200))
	require.Equal(t, "alert_unknown", string(consoletest.RequireProblem(t, root.Do("GET", "/alerts/none", ""), 404).Reason))
}

// TestDryRun: a rule is tried on what is stored, and nothing of it is kept.
func TestDryRun(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	o.Calls(consoletest.TestNow.Add(-48 * time.Hour))
	root := o.NewPerson("root", access.Admin)
	before := o.Dump()["alert_rules"]
	run := consoletest.Read[alerts.DryRun](t, root.Do("POST", "/alerts/rules/dry-run", `{"kind":"tokens","severity":"info","enabled":true,"limit":1,"window":"1h"}`), 200)
	require.True(t, run.Available)
	require.NotEmpty(t, run.Firings)
	require.Equal(t, alert.TokenCount, run.Unit)
	require.Equal(t, 90*24*time.Hour, run.To.Sub(run.From))
	run = consoletest.Read[alerts.DryRun](t, root.Do("POST", "/alerts/rules/dry-run", `{"kind":"store_trouble","severity":"info","enabled":true}`), 200)
	require.False(t, run.Available)
	require.Equal(t, 400, root.Do("POST", "/alerts/rules/dry-run", `{"kind":"tokens","severity":"info","enabled":true}`).Code)
	require.Equal(t, before, o.Dump()["alert_rules"])
}
