package console

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNobodyFloodsWithChanges: a person's changes are bounded, whichever of the person's tokens they come by.
func TestNobodyFloodsWithChanges(t *testing.T) {
	o := newTown(t, nil)
	mallory, viewer := o.newPerson("mallory", access.Member), o.newPerson("victor", access.Viewer)
	root := o.newPerson("root", access.Admin)
	key := read[NewKey](t, mallory.do("POST", "/keys", `{"name":"a"}`), 201)
	by := []*person{mallory, mallory.token(access.Member), mallory.token(access.Member)}
	codes := map[int]int{}
	for i := range 600 {
		w := by[i%3].do("PATCH", "/keys/"+key.ID, fmt.Sprintf(`{"description":"%d"}`, i))
		if codes[w.Code]++; w.Code == 429 {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{200: 117, 429: 483}, codes)
	codes = map[int]int{}
	for range 300 { // whatever it is that is changed
		w := viewer.do("POST", "/tokens", `{"name":"a","role":"viewer"}`)
		codes[w.Code]++
		if w.Code == 201 {
			codes[viewer.do("DELETE", "/tokens/"+read[NewToken](t, w, 201).ID, "").Code]++
		}
	}
	require.Equal(t, map[int]int{201: 60, 200: 60, 429: 240}, codes)
	for range 300 {
		require.Equal(t, 200, mallory.do("GET", "/keys", "").Code, "reading is no change")
		require.Equal(t, 200, root.do("PATCH", "/keys/"+key.ID, `{"description":"x"}`).Code, "nobody else waits")
	}
	o.now = o.now.Add(time.Minute)
	codes = map[int]int{}
	for range 20 {
		codes[mallory.do("PATCH", "/keys/"+key.ID, `{"description":"y"}`).Code]++
	}
	require.Equal(t, map[int]int{200: 10, 429: 10}, codes)
	codes = map[int]int{}
	for range 100 {
		codes[o.do("POST", base+"/session", credentials("mallory", testPassword), nil).Code]++
	}
	require.LessOrEqual(t, codes[200], 60, "each sign-in is an entry in the audit log")
}

// TestRevokedKeysTakeNoMemory: neither when they are revoked nor after a restart.
func TestRevokedKeysTakeNoMemory(t *testing.T) {
	const n = 2_000
	b := newBench(t, nil)
	patterns := make([]string, 20)
	for i := range patterns {
		patterns[i] = fmt.Sprintf("%03d", i) + strings.Repeat("m", 197)
	}
	var keys []store.Key
	var entries []store.AuditEntry
	for i := range n {
		at := time.Time{}
		if i >= n/2 {
			at = testNow
		}
		keys = append(keys, store.Key{
			ID: fmt.Sprintf("key_%d", i), Name: fmt.Sprint("key ", i), Description: strings.Repeat("d", 1000), Fingerprint: usage.Fingerprint(fmt.Sprint(i)),
			Owner: "mallory", CreatedAt: testNow, Models: patterns, RevokedAt: at,
		})
		entries = append(entries, store.AuditEntry{Action: "test.key", Time: testNow})
	}
	require.NoError(t, b.directory.AddKeys(context.Background(), n, keys, entries...))
	clear(keys) // what they hold must not be in the heap that is measured
	clear(entries)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	c := New(Options{Ledger: b.ledger, Directory: b.directory, Open: true, Now: func() time.Time { return testNow }})
	before := heap()
	index, err := c.Keys.Index(context.Background())
	require.NoError(t, err)
	grown := heap() - before
	pared, whole := 0, 0
	for _, k := range index.ring.All() {
		for _, m := range k.Models {
			whole += len(m)
		}
		if k.Pared {
			require.Empty(t, k.Models)
			require.Empty(t, k.Description)
			pared++
		}
	}
	require.Equal(t, n/2, pared)
	require.Equal(t, n/2*4_000, whole)
	t.Logf("%d B a key", grown/n)
	require.Less(t, grown, int64(n/2*(6_500+1_500)), "1.5 kB of each that is revoked")
	runtime.KeepAlive(c)

	// What was pared is shown all the same.
	k := data[Key](b, "GET", "/keys/key_1999", "", 200)
	require.Equal(t, []any{"revoked", 1000, patterns}, []any{k.Status, len(k.Description), k.Models})
	page := data[[]Key](b, "GET", "/keys?status=revoked&limit=1000", "", 200)
	require.Len(t, page, n/2)
	for i := range page {
		require.Equal(t, patterns, page[i].Models)
	}
}

// TestKeysOfOneMember: what a member may have is bounded, revoked keys and rotations included.
func TestKeysOfOneMember(t *testing.T) {
	o := newTown(t, nil)
	mallory := o.newPerson("mallory", access.Member)
	rotated := store.Key{ID: "key_r", Name: "rotated", Fingerprint: usage.Fingerprint("r"), Owner: "mallory", CreatedAt: testNow, RevokedAt: testNow, ByOwner: true}
	for i := range 970 {
		rotated.Older = append(rotated.Older, store.Secret{Fingerprint: usage.Fingerprint(fmt.Sprint(i)), Until: testNow})
	}
	require.NoError(t, o.directory.AddKeys(context.Background(), 10, []store.Key{rotated}, store.AuditEntry{Action: "test.key", Time: testNow}))
	made := 971
	var k NewKey
	for made < maxOwnSecrets {
		k = read[NewKey](t, mallory.do("POST", "/keys", fmt.Sprintf(`{"name":"key %d"}`, made)), 201)
		if made++; made < maxOwnSecrets {
			read[NewKey](t, mallory.do("POST", "/keys/"+k.ID+"/rotate", `{}`), 201)
			made++
		}
		read[Revoked](t, mallory.do("DELETE", "/keys/"+k.ID, ""), 200)
		o.now = o.now.Add(time.Minute)
	}
	require.Contains(t, requireProblem(t, mallory.do("POST", "/keys", `{"name":"more"}`), 409).Message, "ask an operator")
	root := o.newPerson("root", access.Admin)
	k = read[NewKey](t, root.do("POST", "/keys", `{"name":"one more","owner":"mallory"}`), 201)
	requireProblem(t, mallory.do("POST", "/keys/"+k.ID+"/rotate", `{}`), 409)
	read[NewKey](t, root.do("POST", "/keys/"+k.ID+"/rotate", `{}`), 201)
	requireProblem(t, root.do("POST", "/keys", `{"name":"patterns","models":["`+strings.Repeat(strings.Repeat("x", 190)+`","`, 30)+`x"]}`), 400)
}

// TestListsArePaged: by default, and so that all pages together are the list.
func TestListsArePaged(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	var keys []store.Key
	var entries []store.AuditEntry
	for i := range 2_050 {
		id := fmt.Sprintf("%04d", i)
		keys = append(keys, store.Key{ID: "key_" + id, Name: id, Fingerprint: usage.Fingerprint(id), CreatedAt: testNow})
		entries = append(entries, store.AuditEntry{Action: "test.key", Time: testNow})
		if i >= 1_050 {
			continue
		}
		u := store.User{ID: "usr_" + id, Name: "user" + id, Role: "viewer", CreatedAt: testNow}
		require.NoError(t, o.directory.AddUser(context.Background(), u, store.AuditEntry{Action: "test.user", Time: testNow}))
		k := store.Token{ID: "tok_" + id, Name: id, User: u.ID, Role: "viewer", Hash: id, CreatedAt: testNow.Add(time.Duration(i%3) * time.Second)}
		require.NoError(t, o.directory.AddToken(context.Background(), k, 1, store.AuditEntry{Action: "test.token", Time: testNow}))
	}
	require.NoError(t, o.directory.AddKeys(context.Background(), 10_000, keys, entries...))
	type entry struct {
		ID string `json:"id"`
	}
	for path, all := range map[string]int{"/keys": 2_050, "/users": 1_051, "/tokens": 1_050} {
		seen := map[string]bool{}
		pages := 0
		for target := base + path; target != ""; pages++ {
			w := o.do("GET", target, "", root.header)
			page := read[[]entry](t, w, 200)
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
			requireProblem(t, root.do("GET", path+"?"+strings.ReplaceAll(query, " ", "%20"), ""), 400)
		}
	}
}
