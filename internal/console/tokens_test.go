package console

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
)

func (p *person) tokenIDs() (ids []string) {
	for _, t := range read[[]Token](p.t, p.do("GET", "/tokens", ""), 200) {
		ids = append(ids, t.ID)
	}
	return ids
}

// TestTokensSeeThemselvesOnly: a token of an admin that leaks, whatever its role, shows and revokes none of the
// owner's other tokens, such as those by which proxies verify keys.
func TestTokensSeeThemselvesOnly(t *testing.T) {
	for _, role := range []access.Role{access.Member, access.Viewer, access.Operator, access.Admin} {
		t.Run(role.String(), func(t *testing.T) {
			o := newTown(t, nil)
			root := o.newPerson("root", access.Admin)
			proxy := read[NewToken](t, root.do("POST", "/tokens", `{"name":"proxy","role":"verifier"}`), 201)
			leaked := root.token(role)
			own := leaked.tokenIDs()
			require.Len(t, own, 1)
			require.NotEqual(t, proxy.ID, own[0])
			requireProblem(t, leaked.do("DELETE", "/tokens/"+proxy.ID, ""), 404)
			requireProblem(t, leaked.do("POST", "/tokens", `{"name":"next","role":"member"}`), 403)
			requireProblem(t, leaked.do("POST", "/users", `{"name":"mallory","role":"admin","password":"`+testPassword+`"}`), 403)
			requireProblem(t, leaked.do("PATCH", "/users/usr_root", `{"password":"a password of mallory"}`), 403)
			requireProblem(t, leaked.do("DELETE", "/users/usr_root/sessions", ""), 403)
			require.NotContains(t, read[Session](t, leaked.do("GET", "/session", ""), 200).Permissions, "manage_users")
			require.Len(t, root.tokenIDs(), 2, "nothing was revoked")

			read[Deleted](t, leaked.do("DELETE", "/tokens/"+own[0], ""), 200)
			requireProblem(t, leaked.do("GET", "/tokens", ""), 401)
		})
	}
}

// TestTokensThatManageUsers: a program that provisions users has a token that says so. It makes no tokens.
func TestTokensThatManageUsers(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	proxy := read[NewToken](t, root.do("POST", "/tokens", `{"name":"proxy","role":"verifier"}`), 201)
	for _, role := range []string{"operator", "viewer", "member", "verifier"} {
		p := requireProblem(t, root.do("POST", "/tokens", `{"name":"x","role":"`+role+`","scope":"manage_users"}`), 400)
		require.Contains(t, p.Message, "scope")
	}
	requireProblem(t, root.do("POST", "/tokens", `{"name":"x","role":"admin","scope":"make_own_credentials"}`), 400)
	made := read[NewToken](t, root.do("POST", "/tokens", `{"name":"provisioning","role":"admin","scope":"manage_users"}`), 201)
	require.Equal(t, "manage_users", made.Scope)
	program := &person{town: o, name: "root", header: map[string]string{"Authorization": "Bearer " + made.Secret}}
	u := read[User](t, program.do("POST", "/users", `{"name":"alice","role":"viewer","password":"`+testPassword+`"}`), 201)
	read[User](t, program.do("PATCH", "/users/"+u.ID, `{"disabled":true}`), 200)
	require.Contains(t, read[Session](t, program.do("GET", "/session", ""), 200).Permissions, "manage_users")
	requireProblem(t, program.do("POST", "/tokens", `{"name":"next","role":"member"}`), 403)
	requireProblem(t, program.do("POST", "/session/password", `{"old_password":"x","new_password":"`+testPassword+`"}`), 403)
	require.Len(t, program.tokenIDs(), 2)
	read[Deleted](t, program.do("DELETE", "/tokens/"+proxy.ID, ""), 200)

	// What its owner may not do any more it may not do either.
	o.user("boss", access.Admin)
	boss := o.signIn("boss")
	read[User](t, boss.do("PATCH", "/users/usr_root", `{"role":"viewer"}`), 200)
	requireProblem(t, program.do("GET", "/users", ""), 401)
}
