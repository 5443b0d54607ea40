package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memberAttacks are what people try who may sign in and not much more.
func memberAttacks() []attack {
	return []attack{
		{"members", "guesses of short keys by the fingerprint filter", []string{"local", "oidc"}, guessedFingerprints},
		{"members", "a flood of changes, to push others' out of the audit log", []string{"local"}, floodedAudit},
	}
}

// guessedFingerprints has a key that is short enough to be guessed in telemetry, and asks for calls and keys
// by its fingerprint, and by that of a key that nobody has. Nothing is revealed to others: the answers are
// the same.
func guessedFingerprints(t *testing.T, b *target) string {
	fingerprint := func(key string) string {
		sum := sha256.Sum256([]byte(key))
		return hex.EncodeToString(sum[:])
	}
	const short = "dev-1234"
	b.calls(3, func(i int) call {
		return call{id: 9_000_000 + i, start: time.Now(), model: "guessed", key: short, input: 1, output: 1}
	})
	found := func(of reply) bool { return strings.Contains(string(of.body), "guessed") }
	require.True(t, found(b.admin.get(api+"/logs?key="+fingerprint(short)).must(t, 200)), "the key has a call")
	require.False(t, found(b.admin.get(api+"/logs?key="+fingerprint("dev-1235")).must(t, 200)))

	tried := 0
	for _, who := range []*caller{b.member, b.viewer} {
		for _, path := range []string{
			"/stats?key=%s", "/logs?key=%s", "/logs?q=key:%s", "/logs?q=%s", "/breakdown?by=model&key=%s", "/usage-trend?key=%s", "/export?format=ndjson&key=%s",
			"/keys?q=%s", "/dimensions/key?q=%s", "/dimensions/model?key=%s", "/stats?key=none&key=%s", "/breakdown/heatmap?key=%s",
			"/forecast?key=%s", "/changes?from=2026-01-01T00:00:00Z&by=key&key=%s",
		} {
			for _, form := range []func(string) string{
				func(f string) string { return f }, strings.ToUpper, func(f string) string { return f[:48] }, func(f string) string { return f[:16] },
				func(f string) string { return "ext_" + f[:16] }, func(f string) string { return " " + f }, func(f string) string { return f + "*" },
				func(f string) string { return "sha256:" + f },
			} {
				ask := func(key string) (int, string) {
					r := who.get(api + fmt.Sprintf(path, url.QueryEscape(form(fingerprint(key)))))
					require.NoError(t, r.err)
					require.Less(t, r.status, 500, "%s: %s", path, r.message())
					return r.status, r.message()
				}
				right, says := ask(short)
				wrong, saysToo := ask("dev-1235")
				require.Equal(t, wrong, right, "%s reveals to %s whether a key exists", path, who.name)
				require.Equal(t, saysToo, says)
				r := who.get(api + fmt.Sprintf(path, url.QueryEscape(form(fingerprint(short)))))
				require.False(t, found(r), "%s shows %s the calls of a guessed key", path, who.name)
				tried++
			}
		}
		whole := who.get(api + "/logs?key=" + fingerprint(short))
		require.Equal(t, http.StatusForbidden, whole.status, who.name)
		refused := who.post(api+"/keys/import", map[string]any{"name": "guess", "fingerprint": fingerprint(short)})
		require.Equal(t, http.StatusForbidden, refused.status, who.name)
	}
	return fmt.Sprintf("%d guesses, nothing learned", tried)
}

// floodedAudit fills an audit log that holds few entries with a member's changes, by all the ways that a
// member has, after an admin and an operator have changed something.
func floodedAudit(t *testing.T, _ *target) string {
	const entries, changes = 50, 600
	b := runWith(t, "local", func(config string) string {
		const console = "  tokenconsole:\n"
		return strings.Replace(config, console, fmt.Sprintf("%s    audit: {max_entries: %d}\n", console, entries), 1)
	})
	defer b.stop()
	b.admin.post(api+"/users", map[string]any{"name": "marked", "role": "viewer", "password": password}).must(t, 201)
	b.operator.post(api+"/keys", map[string]any{"name": "marked by the operator"}).must(t, 201)
	b.admin.post(api+"/keys", map[string]any{"name": "marked by the admin"}).must(t, 201)

	var key struct{ Data struct{ ID string } }
	b.member.post(api+"/keys", map[string]any{"name": "flood"}).must(t, 201).read(t, &key)
	statuses := map[int]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range changes / 4 {
				r := b.member.do(t.Context(), http.MethodPatch, api+"/keys/"+key.Data.ID, jsonOf(map[string]any{"description": fmt.Sprint(w, i)}))
				mu.Lock()
				statuses[r.status]++
				mu.Unlock()
			}
		})
	}
	for range 100 { // each sign-in is an entry, too
		b.nobody.with("Origin", "http://"+b.console).post(api+"/session", map[string]any{"username": "member", "password": password})
	}
	all.Wait()
	require.NotZero(t, statuses[429], "a member may change without end")

	var log []string
	for _, actor := range []string{"root", "operator", "member"} {
		var page struct {
			Data struct {
				Items []struct {
					Action string
					Target struct{ Name string }
				}
			}
		}
		b.admin.get(api+"/audit?limit=1000&actor="+actor).must(t, 200).read(t, &page)
		for _, e := range page.Data.Items {
			log = append(log, actor+" "+e.Action+" "+e.Target.Name)
		}
		if actor == "member" {
			require.LessOrEqual(t, len(page.Data.Items), entries+entries/10+1, "the log keeps more than it may")
		}
	}
	for _, kept := range []string{"root user.create marked", "operator key.create marked by the operator", "root key.create marked by the admin", "root user.create member"} {
		require.Contains(t, log, kept, "a member pushed it out")
	}
	return fmt.Sprintf("%d of %d changes are taken, and none of others' is lost", statuses[200], changes)
}
