package users_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// TestTokensSeeThemselvesOnly: a token of an admin that leaks, whatever its role, shows and revokes none of the
// owner's other tokens, such as those by which proxies verify keys.
func TestTokensSeeThemselvesOnly(t *testing.T) {
	for _, role := range []access.Role{access.Member, access.Viewer, access.Operator, access.Admin} {
		t.Run(role.String(), func(t *testing.T) {
			o := consoletest.NewSecured(t, nil)
			root := o.NewPerson("root", access.Admin)
			proxy := consoletest.Read[users.NewToken](t, root.Do("POST", "/tokens", `{"name":"proxy","role":"verifier"}`), 201)
			leaked := root.Token(role)
			own := leaked.TokenIDs()
			require.Len(t, own, 1)
			require.NotEqual(t, proxy.ID, own[0])
			consoletest.RequireProblem(t, leaked.Do("DELETE", "/tokens/"+proxy.ID, ""), 404)
			consoletest.RequireProblem(t, leaked.Do("POST", "/tokens", `{"name":"next","role":"member"}`), 403)
			consoletest.RequireProblem(t, leaked.Do("POST", "/users", `{"name":"mallory","role":"admin","password":"`+consoletest.TestPassword+`"}`), 403)
			consoletest.RequireProblem(t, leaked.Do("PATCH", "/users/usr_root", `{"password":"a password of mallory"}`), 403)
			consoletest.RequireProblem(t, leaked.Do("DELETE", "/users/usr_root/sessions", ""), 403)
			require.NotContains(t, consoletest.Read[users.Session](t, leaked.Do("GET", "/session", ""), 200).Permissions, "manage_users")
			require.Len(t, root.TokenIDs(), 2, "nothing was revoked")

			consoletest.Read[users.Deleted](t, leaked.Do("DELETE", "/tokens/"+own[0], ""), 200)
			consoletest.RequireProblem(t, leaked.Do("GET", "/tokens", ""), 401)
		})
	}
}

// TestTokensThatManageUsers: a program that provisions users has a token that says so. It makes no tokens.
func TestTokensThatManageUsers(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	proxy := consoletest.Read[users.NewToken](t, root.Do("POST", "/tokens", `{"name":"proxy","role":"verifier"}`), 201)
	for _, role := range []string{"operator", "viewer", "member", "verifier"} {
		p := consoletest.RequireProblem(t, root.Do("POST", "/tokens", `{"name":"x","role":"`+role+`","scope":"manage_users"}`), 400)
		require.Contains(t, p.Message, "scope")
	}
	consoletest.RequireProblem(t, root.Do("POST", "/tokens", `{"name":"x","role":"admin","scope":"make_own_credentials"}`), 400)
	made := consoletest.Read[users.NewToken](t, root.Do("POST", "/tokens", `{"name":"provisioning","role":"admin","scope":"manage_users"}`), 201)
	require.Equal(t, "manage_users", made.Scope)
	program := &consoletest.Person{Secured: o, Name: "root", Header: map[string]string{"Authorization": "Bearer " + made.Secret}}
	u := consoletest.Read[users.User](t, program.Do("POST", "/users", `{"name":"alice","role":"viewer","password":"`+consoletest.TestPassword+`"}`), 201)
	consoletest.Read[users.User](t, program.Do("PATCH", "/users/"+u.ID, `{"disabled":true}`), 200)
	require.Contains(t, consoletest.Read[users.Session](t, program.Do("GET", "/session", ""), 200).Permissions, "manage_users")
	consoletest.RequireProblem(t, program.Do("POST", "/tokens", `{"name":"next","role":"member"}`), 403)
	consoletest.RequireProblem(t, program.Do("POST", "/session/password", `{"old_password":"x","new_password":"`+consoletest.TestPassword+`"}`), 403)
	require.Len(t, program.TokenIDs(), 2)
	consoletest.Read[users.Deleted](t, program.Do("DELETE", "/tokens/"+proxy.ID, ""), 200)

	// What its owner may not do any more it may not do either.
	o.User("boss", access.Admin)
	boss := o.SignIn("boss")
	consoletest.Read[users.User](t, boss.Do("PATCH", "/users/usr_root", `{"role":"viewer"}`), 200)
	consoletest.RequireProblem(t, program.Do("GET", "/users", ""), 401)
}
