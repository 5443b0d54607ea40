package console_test

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
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNobodyFloodsWithChanges: a person's changes are bounded, whichever of the person's tokens they come by.
func TestNobodyFloodsWithChanges(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	mallory, viewer := o.NewPerson("mallory", access.Member), o.NewPerson("victor", access.Viewer)
	root := o.NewPerson("root", access.Admin)
	key := consoletest.Read[keys.NewKey](t, mallory.Do("POST", "/keys", `{"name":"a"}`), 201)
	by := []*consoletest.Person{mallory, mallory.Token(access.Member), mallory.Token(access.Member)}
	codes := map[int]int{}
	for i := range 600 {
		w := by[i%3].Do("PATCH", "/keys/"+key.ID, fmt.Sprintf(`{"description":"%d"}`, i))
		if codes[w.Code]++; w.Code == 429 {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{200: 117, 429: 483}, codes)
	codes = map[int]int{}
	for range 300 { // whatever it is that is changed
		w := viewer.Do("POST", "/tokens", `{"name":"a","role":"viewer"}`)
		codes[w.Code]++
		if w.Code == 201 {
			codes[viewer.Do("DELETE", "/tokens/"+consoletest.Read[users.NewToken](t, w, 201).ID, "").Code]++
		}
	}
	require.Equal(t, map[int]int{201: 60, 200: 60, 429: 240}, codes)
	for range 300 {
		require.Equal(t, 200, mallory.Do("GET", "/keys", "").Code, "reading is no change")
		require.Equal(t, 200, root.Do("PATCH", "/keys/"+key.ID, `{"description":"x"}`).Code, "nobody else waits")
	}
	o.Now = o.Now.Add(time.Minute)
	codes = map[int]int{}
	for range 20 {
		codes[mallory.Do("PATCH", "/keys/"+key.ID, `{"description":"y"}`).Code]++
	}
	require.Equal(t, map[int]int{200: 10, 429: 10}, codes)
	codes = map[int]int{}
	for range 100 {
		codes[o.Do("POST", api.Base+"/session", consoletest.Credentials("mallory", consoletest.TestPassword), nil).Code]++
	}
	require.LessOrEqual(t, codes[200], 60, "each sign-in is an entry in the audit log")
}

// TestListsArePaged: by default, and so that all pages together are the list.
func TestListsArePaged(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	var keys []store.Key
	var entries []store.AuditEntry
	for i := range 2_050 {
		id := fmt.Sprintf("%04d", i)
		keys = append(keys, store.Key{ID: "key_" + id, Name: id, Fingerprint: usage.Fingerprint(id), CreatedAt: consoletest.TestNow})
		entries = append(entries, store.AuditEntry{Action: "test.key", Time: consoletest.TestNow})
		if i >= 1_050 {
			continue
		}
		u := store.User{ID: "usr_" + id, Name: "user" + id, Role: "viewer", CreatedAt: consoletest.TestNow}
		require.NoError(t, o.Directory.AddUser(context.Background(), u, store.AuditEntry{Action: "test.user", Time: consoletest.TestNow}))
		k := store.Token{ID: "tok_" + id, Name: id, User: u.ID, Role: "viewer", Hash: id, CreatedAt: consoletest.TestNow.Add(time.Duration(i%3) * time.Second)}
		require.NoError(t, o.Directory.AddToken(context.Background(), k, 1, store.AuditEntry{Action: "test.token", Time: consoletest.TestNow}))
	}
	require.NoError(t, o.Directory.AddKeys(context.Background(), 10_000, keys, entries...))
	type entry struct {
		ID string `json:"id"`
	}
	for path, all := range map[string]int{"/keys": 2_050, "/users": 1_051, "/tokens": 1_050} {
		seen := map[string]bool{}
		pages := 0
		for target := api.Base + path; target != ""; pages++ {
			w := o.Do("GET", target, "", root.Header)
			page := consoletest.Read[[]entry](t, w, 200)
			require.LessOrEqual(t, len(page), 1_000, path)
			require.Equal(t, fmt.Sprint(all), w.Header().Get("X-Total-Count"), path)
			for _, e := range page {
				require.False(t, seen[e.ID], "%s: %s twice", path, e.ID)
				seen[e.ID] = true
			}
			target = strings.TrimSuffix(strings.TrimPrefix(w.Header().Get("Link"), "<"), `>; rel="next"`)
			require.Equal(t, target == "", w.Header().Get("X-Next-Cursor") == "")
		}
		require.Len(t, seen, all, path)
		require.Equal(t, (all+999)/1_000, pages, path)
		for _, query := range []string{"limit=0", "limit=1001", "cursor=x", "cursor=' OR 1=1"} {
			consoletest.RequireProblem(t, root.Do("GET", path+"?"+strings.ReplaceAll(query, " ", "%20"), ""), 400)
		}
	}
}
