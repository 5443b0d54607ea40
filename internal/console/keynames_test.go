package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNamesOfOthersAreNotFoundOut: no answer to a member depends on what others call their keys.
func TestNamesOfOthersAreNotFoundOut(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	alice, bob := o.newPerson("alice", access.Member), o.newPerson("bob", access.Member)
	secret := read[NewKey](t, alice.do("POST", "/keys", `{"name":"Project X"}`), 201)
	read[NewKey](t, root.do("POST", "/keys", `{"name":"nobody's"}`), 201)
	for _, name := range []string{"Project X", "project x", "nobody's"} {
		k := read[NewKey](t, bob.do("POST", "/keys", `{"name":"`+name+`"}`), 201)
		read[Key](t, bob.do("PATCH", "/keys/"+k.ID, `{"name":"renamed"}`), 200)
		read[Key](t, bob.do("PATCH", "/keys/"+k.ID, `{"name":"`+name+`"}`), 200)
		require.Contains(t, requireProblem(t, bob.do("POST", "/keys", `{"name":"`+strings.ToUpper(name)+`"}`), 409).Message, "its owner has a key of this name")
		read[Revoked](t, bob.do("DELETE", "/keys/"+k.ID, ""), 200)
	}
	mine := read[NewKey](t, bob.do("POST", "/keys", `{"name":"Project X"}`), 201)
	p := requireProblem(t, root.do("PATCH", "/keys/"+mine.ID, `{"owner":"alice"}`), 409)
	require.Contains(t, p.Message, "name")

	// Whoever sees all tells them apart.
	o.spend(1, usage.Fingerprint(secret.Secret), "m", 5)
	o.spend(2, usage.Fingerprint(mine.Secret), "m", 7)
	require.EqualValues(t, 12, read[Stats](t, root.do("GET", "/stats?key=Project%20X", ""), 200).Used)
	require.EqualValues(t, 7, read[Stats](t, bob.do("GET", "/stats?key=Project%20X", ""), 200).Used)
	require.EqualValues(t, 5, read[Stats](t, root.do("GET", "/stats?key="+secret.ID, ""), 200).Used)
	metrics := o.do("GET", "/metrics", "", root.header).Body.String()
	for _, owner := range []string{"alice", "bob"} {
		require.Contains(t, metrics, fmt.Sprintf(`Project X (%s)"`, owner))
	}
	require.NotContains(t, metrics, `"Project X"`)
}

// TestNoKeyBesideARestrictedOne: what an operator does not allow one key of a member, the member does not get by
// making another one.
func TestNoKeyBesideARestrictedOne(t *testing.T) {
	for name, restrict := range map[string]string{
		"limits": `{"limits":{"usd":{"day":10}}}`, "models": `{"models":["gpt-4o-mini"]}`, "disabled": `{"disabled":true}`,
	} {
		t.Run(name, func(t *testing.T) {
			o := newTown(t, nil)
			root, alice := o.newPerson("root", access.Operator), o.newPerson("alice", access.Member)
			own := read[NewKey](t, alice.do("POST", "/keys", `{"name":"own limits","limits":{"usd":{"day":1}},"models":["gpt-*"]}`), 201)
			k := read[NewKey](t, alice.do("POST", "/keys", `{"name":"k"}`), 201)
			read[Key](t, alice.do("PATCH", "/keys/"+own.ID, `{"disabled":true}`), 200)
			read[Key](t, root.do("PATCH", "/keys/"+k.ID, `{"description":"seen"}`), 200)
			read[NewKey](t, alice.do("POST", "/keys", `{"name":"another"}`), 201)

			read[Key](t, root.do("PATCH", "/keys/"+k.ID, restrict), 200)
			refused := func() {
				t.Helper()
				require.Contains(t, requireProblem(t, alice.do("POST", "/keys", `{"name":"free"}`), 403).Message, "restricted")
			}
			refused()
			requireProblem(t, alice.do("POST", "/keys", `{"name":"free","limits":{"usd":{"day":1000000}}}`), 403)
			read[Revoked](t, alice.do("DELETE", "/keys/"+k.ID, ""), 200)
			refused()
			o.console.Keys.Forget()
			refused()
			for _, key := range read[[]Key](t, alice.do("GET", "/keys?status=active", ""), 200) {
				require.NotEqual(t, "free", key.Name)
			}
			// The operator gives another one, and lifts the restriction by it or not.
			o.now = o.now.Add(time.Minute)
			next := read[NewKey](t, root.do("POST", "/keys", `{"name":"next","owner":"alice","limits":{"usd":{"day":10}}}`), 201)
			refused()
			read[Key](t, root.do("PATCH", "/keys/"+next.ID, `{"limits":null}`), 200)
			read[NewKey](t, alice.do("POST", "/keys", `{"name":"free"}`), 201)
		})
	}
}
