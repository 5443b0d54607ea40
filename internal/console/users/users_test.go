package users_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

func TestUsers(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	made := consoletest.Read[users.User](t, root.Do("POST", "/users", `{"name":"Alice","display_name":"Alice A.","role":"member","password":"a long password of hers"}`), 201)
	require.Equal(t, users.User{ID: made.ID, Name: "alice", DisplayName: "Alice A.", Role: "member", Source: "local", CreatedAt: consoletest.TestNow, Budgets: []budgets.Budget{}}, made)
	for body, status := range map[string]int{
		`{"name":"ALICE","role":"member","password":"a long password of hers"}`:                       409,
		`{"name":"a b","role":"member","password":"a long password of hers"}`:                         400,
		`{"name":"bob","role":"member","password":"short"}`:                                           400,
		`{"name":"bob","role":"member"}`:                                                              400,
		`{"name":"bob","role":"member","password":"a long password","display_name":"a\u0000b"}`:       400,
		`{"name":"bob","role":"member","password":"a long password of his","disabled":true,"id":"x"}`: 400,
	} {
		consoletest.RequireProblem(t, root.Do("POST", "/users", body), status)
	}
	consoletest.RequireProblem(t, root.Do("PATCH", "/users/"+made.ID, `{}`), 400)
	consoletest.RequireProblem(t, root.Do("PATCH", "/users/nobody", `{"disabled":true}`), 404)
	consoletest.RequireProblem(t, root.Do("DELETE", "/users/nobody", ""), 404)
	consoletest.RequireProblem(t, root.Do("DELETE", "/users/nobody/sessions", ""), 404)
	require.Equal(t, "Anna", consoletest.Read[users.User](t, root.Do("PATCH", "/users/"+made.ID, `{"display_name":"Anna","role":"operator"}`), 200).DisplayName)
	require.Len(t, consoletest.Read[[]users.User](t, root.Do("GET", "/users", ""), 200), 2)
	last := consoletest.Read[audit.Page](t, root.Do("GET", "/audit?target=alice&limit=1", ""), 200).Items[0]
	require.Equal(t, "user.update", last.Action)
	require.JSONEq(t, `{"name":"alice","display_name":"Alice A.","role":"member","source":"local"}`, string(last.Before))
	require.JSONEq(t, `{"name":"alice","display_name":"Anna","role":"operator","source":"local"}`, string(last.After))
}

// TestOpenHasNoSignIn shows what people meet who look for users where access is open.
func TestOpenHasNoSignIn(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	s := consoletest.Data[users.Session](b, "GET", "/session", "", 200)
	require.Equal(t, "open", s.AccessMode)
	require.Equal(t, &users.SessionUser{Name: "local", DisplayName: "local", Role: "admin", Via: "open"}, s.User)
	for _, r := range [][3]string{
		{"POST", "/session", consoletest.Credentials("a", "b")}, {"DELETE", "/session", ""}, {"POST", "/session/password", `{"old_password":"a","new_password":"b"}`},
		{"POST", "/tokens", `{"name":"a","role":"viewer"}`}, {"POST", "/session/setup", `{"token":"a","username":"b","password":"c"}`},
	} {
		consoletest.RequireProblem(t, b.Do(r[0], api.Base+r[1], r[2], nil), 409)
	}
}
