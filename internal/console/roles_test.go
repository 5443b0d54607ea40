package console_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/channels"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/prices"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/promapi"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Who may use a route: the roles by their first letters (verifier is c, for it checks), in rising power.
const (
	anyone    = "-cmvoa"
	signedUp  = "mvoa"
	readers   = "mvoa" // a member's are narrowed to own keys
	keepers   = "moa"  // a member's are narrowed to own keys
	all       = "voa"  // who sees all
	operators = "oa"
	checkers  = "coa"
	admins    = "a"
)

// aRule is the body of a rule for routes that need one.
const aRule = `{"name":"rule","kind":"spend","severity":"info","enabled":false,"limit":5,"window":"day"}`

var letters = map[access.Role]string{
	access.Nobody: "-", access.Verifier: "c", access.Member: "m", access.Viewer: "v", access.Operator: "o", access.Admin: "a",
}

// expectation is what a route is meant to be: who may use it, and a request that succeeds where it is
// allowed, so that it would change something where it is not refused.
type expectation struct {
	route, who, target, body string
	status                   int // of an admin
}

// expectations are by hand, apart from the code, and in the order in which an admin can ask for all of
// them. Whoever adds a route adds it here, and thinks about who may use it.
var expectations = []expectation{
	{"GET /api/console/stats", readers, "", "", 200},
	{"GET /api/console/usage-trend", readers, "", "", 200},
	{"GET /api/console/logs", readers, "", "", 200},
	{"GET /api/console/logs/{id}", readers, api.Base + "/logs/{call}", "", 200},
	{"GET /api/console/logs/stream", readers, "", "", 200},
	{"GET /api/console/export", readers, "", "", 200},
	{"GET /api/console/export/focus", readers, "", "", 200},
	{"GET /api/console/breakdown", readers, api.Base + "/breakdown?by=model", "", 200},
	{"GET /api/console/breakdown/export", readers, api.Base + "/breakdown/export?by=model", "", 200},
	{"GET /api/console/breakdown/heatmap", readers, "", "", 200},
	{"GET /api/console/dimensions/{name}", readers, api.Base + "/dimensions/model", "", 200},
	{"GET /api/console/forecast", readers, "", "", 200},
	{"GET /api/console/changes", readers, api.Base + "/changes?from=2026-11-02T00:00:00Z", "", 200},
	{"GET /api/console/keys", readers, "", "", 200},
	{"POST /api/console/keys", keepers, "", `{"name":"made by {role}"}`, 201},
	{"GET /api/console/keys/{id}", readers, api.Base + "/keys/{key}", "", 200},
	{"PATCH /api/console/keys/{id}", keepers, api.Base + "/keys/{key}", `{"description":"by {role}"}`, 200},
	{"POST /api/console/keys/import", operators, "", `{"keys":[{"name":"imported","key":"an-imported-key"}]}`, 200},
	{"POST /api/console/keys/verify", checkers, "", `{"key":"{secret}"}`, 200},
	// without a key: the checks themselves say 401
	{"GET /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"POST /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"PUT /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"PATCH /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"DELETE /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"OPTIONS /api/console/keys/verify/forward-auth", checkers, "", "", 401},
	{"GET /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"POST /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"PUT /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"PATCH /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"DELETE /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"OPTIONS /api/console/keys/verify/forward-auth/{path...}", checkers, api.Base + "/keys/verify/forward-auth/v1", "", 401},
	{"POST /api/console/keys/{id}/rotate", keepers, api.Base + "/keys/{key}/rotate", `{}`, 201},
	{"DELETE /api/console/keys/{id}", keepers, api.Base + "/keys/{key}", "", 200},
	{"GET /api/console/key-sync", operators, "", "", 200},
	{"POST /api/console/key-sync/repair", operators, "", `{}`, 409}, // no proxy is there
	{"GET /api/console/teams", readers, "", "", 200},                // a member's are narrowed to own ones
	{"POST /api/console/teams", operators, "", `{"name":"team of {role}","users":["somebody"]}`, 201},
	{"GET /api/console/teams/{id}", readers, api.Base + "/teams/{team}", "", 200},
	{"PATCH /api/console/teams/{id}", operators, api.Base + "/teams/{team}", `{"description":"by {role}"}`, 200},
	{"GET /api/console/budgets", readers, "", "", 200},
	{"POST /api/console/budgets", operators, "", `{"name":"budget of {role}","scope":"team","subject":"{team}","period":"week","week_begins":"sunday","usd":5}`, 201},
	{"GET /api/console/budgets/{id}", readers, api.Base + "/budgets/{budget}", "", 200},
	{"PATCH /api/console/budgets/{id}", operators, api.Base + "/budgets/{budget}", `{"tokens":7}`, 200},
	{"DELETE /api/console/budgets/{id}", operators, api.Base + "/budgets/{budget}", "", 200},
	{"DELETE /api/console/teams/{id}", operators, api.Base + "/teams/{empty}", "", 200},
	{"GET /api/console/views", readers, "", "", 200},
	{"POST /api/console/views", readers, "", `{"name":"view","page":"explore","query":"by=user"}`, 201},
	{"PATCH /api/console/views/{id}", readers, api.Base + "/views/none", `{"shared":true}`, 404}, // everybody changes own ones only
	{"DELETE /api/console/views/{id}", readers, api.Base + "/views/none", "", 404},
	{"GET /api/console/quality", all, "", "", 200},
	{"GET /api/console/quality/flags", all, "", "", 200},
	{"GET /api/console/accounts", all, "", "", 200},
	{"GET /api/console/prices", all, "", "", 200},
	{"PUT /api/console/prices", operators, "", `{"price":{"model":"m of {role}","input":1,"output":2}}`, 200},
	{"POST /api/console/prices/preview", operators, "", `{"price":{"model":"m","input":1,"output":2}}`, 200},
	{"DELETE /api/console/prices/{id}", operators, api.Base + "/prices/{price}", "", 200},
	{"GET /api/console/prices/book", all, "", "", 200},
	{"PUT /api/console/prices/book", operators, "", aBook, 200},
	{"DELETE /api/console/prices/book", operators, "", "", 200},
	{"GET /api/console/prices/sheet", all, "", "", 200},
	{"POST /api/console/prices/sheet", operators, api.Base + "/prices/sheet?format=csv", "model,input,output\nof {role},1,2\n", 200},
	{"GET /api/console/prices/reprice", all, "", "", 200},
	{"DELETE /api/console/prices/reprice", operators, "", "", 404}, // none runs
	{"PUT /api/console/prices/currency", operators, "", `{"code":"CNY","rates":[{"per_usd":7.1}]}`, 200},
	{"DELETE /api/console/prices/currency", operators, "", "", 200},
	{"POST /api/console/reprice", operators, "", `{"from":"2026-11-01T00:00:00Z"}`, 200},
	{"POST /api/console/prices/reprice", operators, "", `{}`, 202},
	{"POST /api/console/logs/import", operators, api.Base + "/logs/import?format=ndjson", `{}`, 200},
	{"GET /api/console/settings", all, "", "", 200},
	{"GET /api/console/otlp", readers, "", "", 200},
	{"GET /metrics", all, "", "", 200},
	{"GET /prometheus/api/v1/query", readers, "/prometheus/api/v1/query?query=1", "", 200},
	{"POST /prometheus/api/v1/query", readers, "/prometheus/api/v1/query?query=1", "", 200},
	{"GET /prometheus/api/v1/query_range", readers, "/prometheus/api/v1/query_range?query=1&start=1&end=2&step=1", "", 200},
	{"POST /prometheus/api/v1/query_range", readers, "/prometheus/api/v1/query_range?query=1&start=1&end=2&step=1", "", 200},
	{"GET /prometheus/api/v1/series", readers, "/prometheus/api/v1/series?match[]=x", "", 200},
	{"POST /prometheus/api/v1/series", readers, "/prometheus/api/v1/series?match[]=x", "", 200},
	{"GET /prometheus/api/v1/labels", readers, "/prometheus/api/v1/labels", "", 200},
	{"POST /prometheus/api/v1/labels", readers, "/prometheus/api/v1/labels", "", 200},
	{"GET /prometheus/api/v1/label/{name}/values", readers, "/prometheus/api/v1/label/model/values", "", 200},
	{"GET /prometheus/api/v1/metadata", readers, "/prometheus/api/v1/metadata", "", 200},
	{"GET /prometheus/api/v1/status/buildinfo", readers, "/prometheus/api/v1/status/buildinfo", "", 200},
	{"GET /prometheus/api/v1/rules", readers, "/prometheus/api/v1/rules", "", 200},
	{"GET /prometheus/api/v1/alerts", readers, "/prometheus/api/v1/alerts", "", 200},
	{"GET /prometheus/api/v1/query_exemplars", readers, "/prometheus/api/v1/query_exemplars", "", 200},
	{"POST /prometheus/api/v1/query_exemplars", readers, "/prometheus/api/v1/query_exemplars", "", 200},
	{"POST /mcp", readers, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, 400}, // without the header Accept of the protocol
	{"GET /api/console/dashboards", all, "", "", 200},
	{"GET /api/console/dashboards/{file}", all, api.Base + "/dashboards/overview.json", "", 200},
	{"GET /console/from-grafana", anyone, "", "", 302},
	{"GET /api/console/alerts/channels", all, "", "", 200},
	{"GET /api/console/alerts/channels/kinds", all, "", "", 200},
	{"POST /api/console/alerts/channels", operators, "", `{"name":"made by {role}","kind":"alertmanager","settings":{"url":"https://am.example"}}`, 201},
	{"GET /api/console/alerts/channels/{id}", all, api.Base + "/alerts/channels/{channel}", "", 200},
	{"PATCH /api/console/alerts/channels/{id}", operators, api.Base + "/alerts/channels/{channel}", `{"name":"changed by {role}"}`, 200},
	{"POST /api/console/alerts/channels/{id}/test", operators, api.Base + "/alerts/channels/{channel}/test", "", 200},
	{"GET /api/console/alerts/deliveries", all, "", "", 200},
	{"POST /api/console/alerts/deliveries/{id}/retry", operators, api.Base + "/alerts/deliveries/{delivery}/retry", "", 200},
	{"DELETE /api/console/alerts/channels/{id}", operators, api.Base + "/alerts/channels/{channel}", "", 200},
	{"GET /api/console/alerts", all, "", "", 200},
	{"GET /api/console/alerts/{id}", all, api.Base + "/alerts/alr_1", "", 200},
	{"GET /api/console/alerts/rules", all, "", "", 200},
	{"GET /api/console/alerts/rules/templates", all, "", "", 200},
	{"POST /api/console/alerts/rules", operators, "", `{"name":"made by {role}","kind":"silence","severity":"info","enabled":true,"limit":60}`, 201},
	{"GET /api/console/alerts/rules/{id}", all, api.Base + "/alerts/rules/{rule}", "", 200},
	{"PATCH /api/console/alerts/rules/{id}", operators, api.Base + "/alerts/rules/{rule}", `{"enabled":false}`, 200},
	{"POST /api/console/alerts/rules/dry-run", operators, "", `{"kind":"silence","severity":"info","enabled":true,"limit":60}`, 200},
	{"DELETE /api/console/alerts/rules/{id}", operators, api.Base + "/alerts/rules/{rule}", "", 200},
	{"GET /api/console/audit", admins, "", "", 200},
	{"GET /api/console/audit/export", admins, "", "", 200},
	{"GET /api/console/users", admins, "", "", 200},
	{"POST /api/console/users", admins, "", `{"name":"made-by-{role}","role":"admin","password":"a password of somebody"}`, 201},
	{"PATCH /api/console/users/{id}", admins, api.Base + "/users/usr_victim", `{"role":"admin"}`, 200},
	{"DELETE /api/console/users/{id}/sessions", admins, api.Base + "/users/usr_victim/sessions", "", 200},
	{"DELETE /api/console/users/{id}", admins, api.Base + "/users/usr_victim", "", 200},
	{"GET /api/console/tokens", signedUp, "", "", 200},
	{"POST /api/console/tokens", signedUp, "", `{"name":"t","role":"{role}"}`, 201},
	{"DELETE /api/console/tokens/{id}", signedUp, api.Base + "/tokens/{token}", "", 200},
	{"GET /api/console/session", anyone, "", "", 200},
	{"POST /api/console/session", anyone, "", `{"username":"nobody","password":"wrong"}`, 401},
	{"POST /api/console/session/setup", anyone, "", `{"token":"wrong","username":"x","password":"x"}`, 403},
	{"GET /api/console/cluster", admins, "", "", 200},
	{"GET /api/console/health", anyone, "", "", 200},
	{"GET /api/console/ready", anyone, "", "", 200},
	{"GET /api/console/docs", anyone, "", "", 200},
	{"GET /api/console/docs.css", anyone, "", "", 200},
	{"GET /api/console/openapi.json", anyone, "", "", 200},
	{"GET /api/console/openapi.yaml", anyone, "", "", 200},
	{"GET /api/console/openapi-3.0.json", anyone, "", "", 200},
	{"GET /api/console/openapi-3.0.yaml", anyone, "", "", 200},
	{"GET /console/", anyone, "", "", 200},
	{"GET /console", anyone, "", "", 302},
	{"GET /{$}", anyone, "/", "", 302},
	{"GET /health", anyone, "", "", 200},
	{"GET /ready", anyone, "", "", 200},
	{"GET /api/console/session/oidc/login", anyone, "", "", 502}, // no provider is there
	{"GET /api/console/session/oidc/callback", anyone, "", "", 403},
	{"POST /api/console/session/password", signedUp, "", `{"old_password":"` + consoletest.TestPassword + `","new_password":"another long password"}`, 200},
	{"DELETE /api/console/session", anyone, "", "", 200},
}

// notByToken are the routes that make people or credentials: an API token that leaks would make a way in
// there that its revocation does not close.
var notByToken = []string{
	"POST /api/console/users", "PATCH /api/console/users/{id}", "DELETE /api/console/users/{id}/sessions", "DELETE /api/console/users/{id}",
	"POST /api/console/tokens", "POST /api/console/session/password",
}

func TestEveryRouteIsExpected(t *testing.T) {
	o := consoletest.NewSecured(t, consoletest.WithProvider(t))
	known := map[string]expectation{}
	for _, e := range expectations {
		require.NotContains(t, known, e.route)
		known[e.route] = e
	}
	for _, p := range o.Console.Router.Routes {
		name := p.Method + " " + p.Path
		e, ok := known[name]
		require.True(t, ok, "%s is new: say in expectations (roles_test.go) who may use it", name)
		delete(known, name)
		for role, letter := range letters {
			require.Equal(t, strings.Contains(e.who, letter), role.May(p.Need), "%s in role %q", name, role)
			token := access.Principal{Role: role, Token: "tok"}
			require.Equal(t, strings.Contains(e.who, letter) && !slices.Contains(notByToken, name), token.May(p.Need), "%s by a token of role %q", name, role)
		}
	}
	require.Empty(t, known, "expectations of routes that are not there")
}

// TestEveryRouteInEveryRole walks every route without a role and in each, signed in and by API token. What
// is not allowed is refused, and changes nothing.
func TestEveryRouteInEveryRole(t *testing.T) {
	for role := access.Nobody; role <= access.Admin; role++ {
		for _, how := range []string{"session", "token"} {
			if role == access.Nobody && how == "token" || role == access.Verifier && how == "session" {
				continue
			}
			t.Run(role.String()+" by "+how, func(t *testing.T) { walk(t, role, how) })
		}
	}
}

// aBook is a price book of one model.
const aBook = `{"version":"9","providers":[{"id":"p","models":[{"id":"x","match":{"equals":"x"},"prices":[{"prices":{"input_mtok":1,"output_mtok":2}}]}]}]}`

// budgeted makes a team with a budget, and one without, and returns a replacer for their ids.
func budgeted(t *testing.T, root *consoletest.Person) []string {
	t.Helper()
	team := consoletest.Read[budgets.Team](t, root.Do("POST", "/teams", `{"name":"team","users":["somebody"]}`), 201).ID
	empty := consoletest.Read[budgets.Team](t, root.Do("POST", "/teams", `{"name":"empty"}`), 201).ID
	made := consoletest.Read[budgets.Budget](t, root.Do("POST", "/budgets", `{"name":"b","scope":"team","subject":"`+team+`","period":"month","tokens":5}`), 201)
	price := consoletest.Read[prices.SetPrice](t, root.Do("PUT", "/prices", `{"price":{"model":"priced","input":1,"output":2}}`), 200).ID
	return []string{"{team}", team, "{empty}", empty, "{budget}", made.ID, "{price}", price}
}

func walk(t *testing.T, role access.Role, how string) {
	o := consoletest.NewSecured(t, consoletest.WithProvider(t))
	o.Calls(consoletest.TestNow)
	root := o.NewPerson("root", access.Admin)
	o.User("victim", access.Viewer)
	o.SignIn("victim")
	key := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"key","owner":"somebody"}`), 201)
	call := consoletest.Read[calls.LogPage](t, root.Do("GET", "/logs", ""), 200).Items[0].ID
	channel, delivery := aChannel(t, root)
	rule := consoletest.Read[alerts.Rule](t, root.Do("POST", "/alerts/rules", aRule), 201).ID
	who := &consoletest.Person{Secured: o, Name: "", Header: nil}
	token := consoletest.Read[users.NewToken](t, root.Do("POST", "/tokens", `{"name":"other","role":"viewer"}`), 201).ID
	made := budgeted(t, root)
	switch {
	case role == access.Verifier:
		who = root.Token(role)
	case role != access.Nobody:
		who = o.NewPerson("somebody", role)
		token = consoletest.Read[users.NewToken](t, who.Do("POST", "/tokens", `{"name":"other","role":"`+role.String()+`"}`), 201).ID
		if how == "token" {
			who = who.Token(role)
		}
	}
	if role != access.Nobody {
		require.Equal(t, 200, who.Do("GET", "/session", "").Code) // its use is noted
	}
	ask := func(e expectation) *httptest.ResponseRecorder {
		method, target, _ := strings.Cut(e.route, " ")
		if e.target != "" {
			target = e.target
		}
		fill := strings.NewReplacer(append(made, "{call}", call, "{key}", key.ID, "{secret}", key.Secret, "{token}", token, "{rule}", rule, "{role}", role.String(), "{channel}", channel, "{delivery}", delivery)...).Replace
		if strings.HasSuffix(e.route, "/stream") {
			return o.Beginning(method, target, who.Header)
		}
		return o.Do(method, fill(target), fill(e.body), who.Header)
	}
	before := o.Dump()
	refused := 401
	if role != access.Nobody {
		refused = 403
	}
	may := func(e expectation) bool {
		return strings.Contains(e.who, letters[role]) && (how != "token" || !slices.Contains(notByToken, e.route))
	}
	for _, e := range expectations {
		switch w := ask; {
		case may(e):
		case strings.Contains(e.route, " "+promapi.Base): // in Prometheus' form
			require.Contains(t, w(e).Body.String(), `{"status":"error","errorType":"`+map[int]string{401: "unauthorized", 403: "forbidden"}[refused], e.route)
		default:
			require.Equal(t, refused, consoletest.RequireProblem(t, w(e), refused).Code, e.route)
		}
	}
	require.Equal(t, before, o.Dump(), "what is refused changes nothing")
	for _, e := range expectations {
		if !may(e) {
			continue
		}
		w := ask(e)
		switch {
		case role == access.Admin && how == "session":
			require.Equal(t, e.status, w.Code, "%s: %s", e.route, w.Body)
		case how == "token" && e.route == "DELETE /api/console/tokens/{id}":
			require.Equal(t, 404, w.Code, "another token of its owner")
		case e.status < 400:
			require.NotContains(t, []int{401, 403}, w.Code, "%s: %s", e.route, w.Body)
		}
	}
}

// aChannel adds a channel, with an alert and a delivery of it that was given up.
func aChannel(t *testing.T, root *consoletest.Person) (channel, delivery string) {
	t.Helper()
	channel = consoletest.Read[channels.Channel](t, root.Do("POST", "/alerts/channels",
		`{"name":"channel","kind":"alertmanager","settings":{"url":"https://am.example"},"secrets":{"token":"a-token-of-alertmanager"}}`), 201).ID
	d := store.AlertDelivery{
		ID: "dlv_1", Channel: channel, Alert: "alr_1", Rule: "rul_1", Notification: json.RawMessage(`{"state":"firing","rule_name":"r"}`),
		CreatedAt: consoletest.TestNow, UpdatedAt: consoletest.TestNow, NextAt: consoletest.TestNow, Status: store.DeliveryWaiting, Version: 1,
	}
	require.NoError(t, root.Directory.WriteAlerts(t.Context(), store.AlertWrite{
		Alerts:     []store.Alert{{ID: "alr_1", Rule: "rul_1", Severity: "warning", StartedAt: consoletest.TestNow, Document: d.Notification}},
		Deliveries: []store.AlertDelivery{d},
	}))
	d.Attempts, d.Status, d.LastError = 1, store.DeliveryDead, "HTTP 404"
	require.NoError(t, root.Directory.UpdateDelivery(t.Context(), 0, d))
	return channel, "dlv_1"
}

func TestNothingGoesWithoutAudit(t *testing.T) {
	o := consoletest.NewSecured(t, consoletest.WithProvider(t))
	o.Calls(consoletest.TestNow)
	root := o.NewPerson("root", access.Admin)
	o.User("victim", access.Viewer)
	key := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"key"}`), 201)
	token := consoletest.Read[users.NewToken](t, root.Do("POST", "/tokens", `{"name":"other","role":"viewer"}`), 201).ID
	made := budgeted(t, root)
	channel, delivery := aChannel(t, root)
	rule := consoletest.Read[alerts.Rule](t, root.Do("POST", "/alerts/rules", aRule), 201).ID
	entries := func() (n int) {
		require.NoError(t, o.Directory.Audit(context.Background(), store.AuditFilter{}, func(*store.AuditEntry) error { n++; return nil }))
		return n
	}
	for _, e := range expectations {
		method, target, _ := strings.Cut(e.route, " ")
		if method == "GET" || e.status >= 400 || strings.Contains(target, "/keys/verify") || strings.HasSuffix(target, "/dry-run") || strings.HasSuffix(target, "/preview") || strings.HasPrefix(target, promapi.Base) {
			// a check changes nothing that is stored, a question nothing at all
			continue
		}
		if e.target != "" {
			target = e.target
		}
		fill := strings.NewReplacer(append(made, "{key}", key.ID, "{secret}", key.Secret, "{token}", token, "{rule}", rule, "{role}", "admin", "{channel}", channel, "{delivery}", delivery)...).Replace
		before := entries()
		w := o.Do(method, fill(target), fill(e.body), root.Header)
		require.Equal(t, e.status, w.Code, "%s: %s", e.route, w.Body)
		require.Greater(t, entries(), before, "%s leaves no entry in the audit log", e.route)
		if len(w.Result().Cookies()) > 0 {
			root.Header["Cookie"] = consoletest.CookieOf(t, w).Name + "=" + consoletest.CookieOf(t, w).Value
		}
	}
}
