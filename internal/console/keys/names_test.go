package keys_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNamesOfOthersAreNotFoundOut: no answer to a member depends on what others call their keys.
func TestNamesOfOthersAreNotFoundOut(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	alice, bob := o.NewPerson("alice", access.Member), o.NewPerson("bob", access.Member)
	secret := consoletest.Read[keys.NewKey](t, alice.Do("POST", "/keys", `{"name":"Project X"}`), 201)
	consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"nobody's"}`), 201)
	for _, name := range []string{"Project X", "project x", "nobody's"} {
		k := consoletest.Read[keys.NewKey](t, bob.Do("POST", "/keys", `{"name":"`+name+`"}`), 201)
		consoletest.Read[keys.Key](t, bob.Do("PATCH", "/keys/"+k.ID, `{"name":"renamed"}`), 200)
		consoletest.Read[keys.Key](t, bob.Do("PATCH", "/keys/"+k.ID, `{"name":"`+name+`"}`), 200)
		require.Contains(t, consoletest.RequireProblem(t, bob.Do("POST", "/keys", `{"name":"`+strings.ToUpper(name)+`"}`), 409).Message, "its owner has a key of this name")
		consoletest.Read[keys.Revoked](t, bob.Do("DELETE", "/keys/"+k.ID, ""), 200)
	}
	mine := consoletest.Read[keys.NewKey](t, bob.Do("POST", "/keys", `{"name":"Project X"}`), 201)
	p := consoletest.RequireProblem(t, root.Do("PATCH", "/keys/"+mine.ID, `{"owner":"alice"}`), 409)
	require.Contains(t, p.Message, "name")

	// Whoever sees all can distinguish them.
	o.Spend(1, usage.Fingerprint(secret.Secret), "m", 5)
	o.Spend(2, usage.Fingerprint(mine.Secret), "m", 7)
	require.EqualValues(t, 12, consoletest.Read[stats.Stats](t, root.Do("GET", "/stats?key=Project%20X", ""), 200).Used)
	require.EqualValues(t, 7, consoletest.Read[stats.Stats](t, bob.Do("GET", "/stats?key=Project%20X", ""), 200).Used)
	require.EqualValues(t, 5, consoletest.Read[stats.Stats](t, root.Do("GET", "/stats?key="+secret.ID, ""), 200).Used)
	metrics := o.Do("GET", "/metrics", "", root.Header).Body.String()
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
			o := consoletest.NewSecured(t, nil)
			root, alice := o.NewPerson("root", access.Operator), o.NewPerson("alice", access.Member)
			own := consoletest.Read[keys.NewKey](t, alice.Do("POST", "/keys", `{"name":"own limits","limits":{"usd":{"day":1}},"models":["gpt-*"]}`), 201)
			k := consoletest.Read[keys.NewKey](t, alice.Do("POST", "/keys", `{"name":"k"}`), 201)
			consoletest.Read[keys.Key](t, alice.Do("PATCH", "/keys/"+own.ID, `{"disabled":true}`), 200)
			consoletest.Read[keys.Key](t, root.Do("PATCH", "/keys/"+k.ID, `{"description":"seen"}`), 200)
			consoletest.Read[keys.NewKey](t, alice.Do("POST", "/keys", `{"name":"another"}`), 201)

			consoletest.Read[keys.Key](t, root.Do("PATCH", "/keys/"+k.ID, restrict), 200)
			refused := func() {
				t.Helper()
				require.Contains(t, consoletest.RequireProblem(t, alice.Do("POST", "/keys", `{"name":"free"}`), 403).Message, "restricted")
			}
			refused()
			consoletest.RequireProblem(t, alice.Do("POST", "/keys", `{"name":"free","limits":{"usd":{"day":1000000}}}`), 403)
			consoletest.Read[keys.Revoked](t, alice.Do("DELETE", "/keys/"+k.ID, ""), 200)
			refused()
			o.Console.Keys.Forget()
			refused()
			for _, key := range consoletest.Read[[]keys.Key](t, alice.Do("GET", "/keys?status=active", ""), 200) {
				require.NotEqual(t, "free", key.Name)
			}
			// The operator gives another one, and lifts the restriction by it or not.
			o.Now = o.Now.Add(time.Minute)
			next := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"next","owner":"alice","limits":{"usd":{"day":10}}}`), 201)
			refused()
			consoletest.Read[keys.Key](t, root.Do("PATCH", "/keys/"+next.ID, `{"limits":null}`), 200)
			consoletest.Read[keys.NewKey](t, alice.Do("POST", "/keys", `{"name":"free"}`), 201)
		})
	}
}
