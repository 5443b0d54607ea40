package audit_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

// auditBench is a console that tests of the audit log call from within.
func auditBench(t *testing.T, now *time.Time) (*console.Console, *consoletest.Bench) {
	t.Helper()
	var o console.Options
	b := consoletest.NewBench(t, func(with *console.Options) {
		with.Now = func() time.Time { return *now }
		o = *with
	})
	c := console.New(o)
	b.Handler = c.Handler()
	return c, b
}

func TestAuditOfKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"ci","owner":"alice"}`, 201)
	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+key.ID, "", 200)
	consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/keys/"+key.ID, "", nil), 404)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys", `{"name":""}`, nil), 400)
	page := consoletest.Data[audit.Page](b, "GET", "/audit", "", 200)
	require.Len(t, page.Items, 2, "what failed changed nothing and is not logged")
	require.Empty(t, page.NextCursor)
	made := page.Items[1]
	require.Equal(t, audit.Actor{Name: "local", Via: "open"}, made.Actor)
	require.Equal(t, "192.0.2.1", made.Source, "as httptest says")
	require.Equal(t, "key.create", made.Action)
	require.Equal(t, audit.Target{Type: "key", ID: key.ID, Name: "ci"}, made.Target)
	require.Equal(t, consoletest.TestNow, made.Time)
	require.JSONEq(t, `null`, string(made.Before))
	require.JSONEq(t, `{"name":"ci","owner":"alice","display":"`+key.Display+`"}`, string(made.After))
	require.Equal(t, "key.revoke", page.Items[0].Action)
	require.JSONEq(t, string(made.After), string(page.Items[0].Before))
}

func TestAuditFiltersAndPages(t *testing.T) {
	now := consoletest.TestNow.Add(-10 * time.Hour)
	c, b := auditBench(t, &now)
	for i := range 10 {
		ctx := access.With(context.Background(), access.Principal{ID: fmt.Sprintf("usr_%d", i%2), Name: fmt.Sprintf("user%d", i%2), Via: "session"})
		action, kind := "key.create", "key"
		if i%3 == 0 {
			action, kind = "user.update", "user"
		}
		require.NoError(t, c.Audit.Note(ctx, action, store.AuditTarget{Type: kind, ID: fmt.Sprint("t", i), Name: "=name"}, nil, nil))
		now = now.Add(time.Hour)
	}
	ids := func(query string) (out []int64) {
		for _, i := range consoletest.Data[audit.Page](b, "GET", "/audit?"+query, "", 200).Items {
			out = append(out, i.ID)
		}
		return out
	}
	for query, want := range map[string][]int64{
		"actor=usr_1":             {10, 8, 6, 4, 2},
		"actor=user1&action=user": {10, 4},
		"action=key.create":       {9, 8, 6, 5, 3, 2},
		"action=key.":             nil,
		"action=%25":              nil,
		"target=t3&target=t4":     {5, 4},
		"target=user":             {10, 7, 4, 1},
		"actor=%27+OR+1%3D1+--":   nil,
		"from=" + consoletest.TestNow.Add(-150*time.Minute).Format(time.RFC3339): {10, 9},
		"to=" + consoletest.TestNow.Add(-8*time.Hour).Format(time.RFC3339):       {2, 1},
	} {
		require.Equal(t, want, ids(query), query)
	}
	var all []int64
	for cursor := ""; ; {
		page := consoletest.Data[audit.Page](b, "GET", "/audit?limit=3&cursor="+cursor, "", 200)
		for _, i := range page.Items {
			all = append(all, i.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Equal(t, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, all)
	for _, query := range []string{"cursor=x", "cursor=-1", "cursor=0", "limit=0", "limit=1001", "from=soon", "color=red", "cursor=99999999999999999999"} {
		consoletest.RequireProblem(t, b.Do("GET", api.Base+"/audit?"+query, "", nil), 400)
	}
	w := b.Do("GET", api.Base+"/audit/export?action=user", "", nil)
	require.Equal(t, 200, w.Code)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	require.Len(t, lines, 4)
	var first audit.Item
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &first))
	require.EqualValues(t, 10, first.ID)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.Do("GET", api.Base+"/audit/export?format=csv", "", nil).Body.String(), "\uFEFF"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 11)
	require.Equal(t, "'=name", rows[1][9], "no formula")
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		consoletest.RequireProblem(t, b.Do(method, api.Base+"/audit", "", nil), 405)
		consoletest.RequireProblem(t, b.Do(method, api.Base+"/audit/1", "", nil), 404)
	}
}

func TestAuditRetention(t *testing.T) {
	now := consoletest.TestNow
	c, b := auditBench(t, &now)
	c.Audit.MaxAge, c.Audit.Max = 48*time.Hour, 3
	note := func() {
		t.Helper()
		require.NoError(t, c.Audit.Note(context.Background(), "test.note", store.AuditTarget{}, nil, nil))
	}
	stored := func() (n int) {
		require.NoError(t, b.Directory.Audit(context.Background(), store.AuditFilter{}, func(*store.AuditEntry) error { n++; return nil }))
		return n
	}
	for range 5 {
		note()
	}
	require.Equal(t, 4, stored(), "three, and the new one")
	now = now.Add(49 * time.Hour)
	require.Empty(t, consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items, "old ones are not shown, also where nothing has dropped them")
	note()
	require.Equal(t, 1, stored())
	require.EqualValues(t, 6, consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items[0].ID, "no id is given twice")
}

// TestAuditPruningKeepsUp: however many entries there are above the most, and however many come at one time.
func TestAuditPruningKeepsUp(t *testing.T) {
	now := consoletest.TestNow
	c, b := auditBench(t, &now)
	stored := func() (n int) {
		require.NoError(t, b.Directory.Audit(context.Background(), store.AuditFilter{}, func(*store.AuditEntry) error { n++; return nil }))
		return n
	}
	c.Audit.Max = 300
	for i := range 400 {
		require.NoError(t, c.Audit.Note(context.Background(), "test.note", store.AuditTarget{}, nil, nil))
		if i > 300 && i%10 == 0 {
			require.LessOrEqual(t, stored(), 304, "a hundredth above")
		}
	}
	c.Audit.Max = 100 // the setting was lowered
	for range 30 {
		require.NoError(t, c.Audit.Note(context.Background(), "test.note", store.AuditTarget{}, nil, nil))
	}
	require.LessOrEqual(t, stored(), 101)
}

// TestAuditKeepsRights: whatever members change of their own, what admins did is still there.
func TestAuditKeepsRights(t *testing.T) {
	o := consoletest.NewSecured(t, func(p *console.Options) { p.AuditMax = 50 })
	root := o.NewPerson("root", access.Admin)
	consoletest.Read[users.User](t, root.Do("POST", "/users", `{"name":"mallory","role":"member","password":"`+consoletest.TestPassword+`"}`), 201)
	consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"by root"}`), 201)
	mallory := o.SignIn("mallory")
	for i := range 100 {
		k := consoletest.Read[keys.NewKey](t, mallory.Do("POST", "/keys", fmt.Sprintf(`{"name":"key %d"}`, i)), 201)
		consoletest.Read[keys.Revoked](t, mallory.Do("DELETE", "/keys/"+k.ID, ""), 200)
		o.Now = o.Now.Add(time.Minute)
	}
	for _, action := range []string{"user.create", "key.create&target=by%20root", "session.create&actor=root"} {
		require.Len(t, consoletest.Read[audit.Page](t, root.Do("GET", "/audit?action="+action, ""), 200).Items, 1, action)
	}
	require.LessOrEqual(t, len(consoletest.Read[audit.Page](t, root.Do("GET", "/audit?actor=mallory&limit=1000", ""), 200).Items), 51)
}

func TestAuditTakesNoSecrets(t *testing.T) {
	now := consoletest.TestNow
	c, b := auditBench(t, &now)
	fingerprint := strings.Repeat("0123456789abcdef", 4)
	for _, secret := range []string{
		"tb-" + strings.Repeat("Ab1_", 11), "tbt-" + strings.Repeat("Ab1-", 11), "sk-proj-0123456789abcdefghij", fingerprint, strings.ToUpper(fingerprint),
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Bearer abcdefgh12345678",
	} {
		ctx := access.With(context.Background(), access.Principal{Name: "by " + secret})
		target := store.AuditTarget{Type: "key", ID: secret, Name: "my " + secret}
		require.NoError(t, c.Audit.Note(ctx, "key.create", target, map[string]any{"name": secret}, map[string]any{"list": []string{"x " + secret}}))
		out := b.Do("GET", api.Base+"/audit?limit=1", "", nil).Body.String()
		require.NotContains(t, out, secret)
		require.Contains(t, out, "my [redacted]")
	}
	for _, v := range []any{
		map[string]any{"password": "x"}, map[string]any{"a": []any{map[string]any{"fingerprint": "x"}}}, struct {
			Key string `json:"key"`
		}{"x"}, "no object", 5,
	} {
		require.Error(t, c.Audit.Note(context.Background(), "key.create", store.AuditTarget{}, nil, v), v)
	}
	require.NoError(t, c.Audit.Note(context.Background(), "key.update", store.AuditTarget{Name: "gpt-4o-mini-2024-07-18"}, nil, map[string]any{
		"display": "tb-Ab…9f3a", "models": []string{"claude-sonnet-4-5-20250929", "gpt-4o-mini-2024-07-18"}, "note": strings.Repeat("x", 20<<10),
	}))
	item := consoletest.Data[audit.Page](b, "GET", "/audit?limit=1", "", 200).Items[0]
	require.Equal(t, "gpt-4o-mini-2024-07-18", item.Target.Name)
	require.Contains(t, string(item.After), "bytes_left_out")
}
