package keys_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestKeysOfOneMember: what a member may have is bounded, revoked keys and rotations included.
func TestKeysOfOneMember(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	mallory := o.NewPerson("mallory", access.Member)
	rotated := store.Key{ID: "key_r", Name: "rotated", Fingerprint: usage.Fingerprint("r"), Owner: "mallory", CreatedAt: consoletest.TestNow, RevokedAt: consoletest.TestNow, ByOwner: true}
	for i := range 970 {
		rotated.Older = append(rotated.Older, store.Secret{Fingerprint: usage.Fingerprint(fmt.Sprint(i)), Until: consoletest.TestNow})
	}
	require.NoError(t, o.Directory.AddKeys(context.Background(), 10, []store.Key{rotated}, store.AuditEntry{Action: "test.key", Time: consoletest.TestNow}))
	made := 971
	var k keys.NewKey
	for made < keys.MaxOwnSecrets {
		k = consoletest.Read[keys.NewKey](t, mallory.Do("POST", "/keys", fmt.Sprintf(`{"name":"key %d"}`, made)), 201)
		if made++; made < keys.MaxOwnSecrets {
			consoletest.Read[keys.NewKey](t, mallory.Do("POST", "/keys/"+k.ID+"/rotate", `{}`), 201)
			made++
		}
		consoletest.Read[keys.Revoked](t, mallory.Do("DELETE", "/keys/"+k.ID, ""), 200)
		o.Now = o.Now.Add(time.Minute)
	}
	require.Contains(t, consoletest.RequireProblem(t, mallory.Do("POST", "/keys", `{"name":"more"}`), 409).Message, "ask an operator")
	root := o.NewPerson("root", access.Admin)
	k = consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"one more","owner":"mallory"}`), 201)
	consoletest.RequireProblem(t, mallory.Do("POST", "/keys/"+k.ID+"/rotate", `{}`), 409)
	consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys/"+k.ID+"/rotate", `{}`), 201)
	consoletest.RequireProblem(t, root.Do("POST", "/keys", `{"name":"patterns","models":["`+strings.Repeat(strings.Repeat("x", 190)+`","`, 30)+`x"]}`), 400)
}
