package users_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

func TestTokens(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	p := o.NewPerson("alice", access.Operator)
	for body, status := range map[string]int{
		`{"name":"","role":"viewer"}`: 400, `{"name":"a\nb","role":"viewer"}`: 400, `{"name":"a","role":"root"}`: 400, `{"name":"a"}`: 400,
		`{"name":"a","role":"viewer","expires_at":"2020-01-01T00:00:00Z"}`: 400,
	} {
		consoletest.RequireProblem(t, p.Do("POST", "/tokens", body), status)
	}
	until := consoletest.TestNow.Add(time.Hour)
	made := consoletest.Read[users.NewToken](t, p.Do("POST", "/tokens", `{"name":"ci","role":"viewer","expires_at":"`+until.Format(time.RFC3339)+`"}`), 201)
	require.True(t, strings.HasPrefix(made.Secret, "tbt-"))
	require.GreaterOrEqual(t, len(made.Secret), 4+43)
	require.Nil(t, made.LastUsedAt)
	for _, header := range []map[string]string{{"Authorization": "Bearer " + made.Secret}, {"Authorization": "bearer  " + made.Secret}, {"X-Tokenboard-Token": made.Secret, "Authorization": "Bearer tb-a-key-to-verify"}} {
		ci := &consoletest.Person{Secured: o, Name: "", Header: header}
		require.Equal(t, "token", consoletest.Read[users.Session](t, ci.Do("GET", "/session", ""), 200).User.Via)
		consoletest.RequireProblem(t, ci.Do("POST", "/keys", `{"name":"x"}`), 403)
		consoletest.RequireProblem(t, ci.Do("DELETE", "/session", ""), 409)
	}
	listed := consoletest.Read[[]users.Token](t, p.Do("GET", "/tokens", ""), 200)
	require.Equal(t, consoletest.TestNow, *listed[0].LastUsedAt)
	require.Equal(t, until, *listed[0].ExpiresAt)
	o.Now = until
	consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", map[string]string{"Authorization": "Bearer " + made.Secret}), 401)
	entries := 0
	require.NoError(t, o.Directory.Audit(context.Background(), store.AuditFilter{Actions: []string{"token"}}, func(e *store.AuditEntry) error {
		entries++
		require.Equal(t, store.AuditActor{ID: "usr_alice", Name: "alice", Via: "session"}, e.Actor)
		require.JSONEq(t, fmt.Sprintf(`{"name":"ci","owner":"alice","role":"viewer","display":%q,"expires_at":%q}`, made.Display, until.Format(time.RFC3339)), string(e.After))
		return nil
	}))
	require.Equal(t, 1, entries)
	for range users.TokensPerUser - 1 {
		require.Equal(t, 201, p.Do("POST", "/tokens", `{"name":"many","role":"viewer"}`).Code)
	}
	consoletest.RequireProblem(t, p.Do("POST", "/tokens", `{"name":"one more","role":"viewer"}`), 409)
}
