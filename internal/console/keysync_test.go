package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// withProxies gives a console proxies whose keys follow its own.
func withProxies(t *testing.T, proxies ...*cliproxytest.Proxy) func(*Options) {
	return func(o *Options) {
		o.KeySync = syncOf(t, o.Directory, o.Ledger.KeyedFingerprint, proxies...)
	}
}

func syncOf(t *testing.T, d store.Directory, identity func(string) string, proxies ...*cliproxytest.Proxy) *keysync.Sync {
	options := keysync.Options{Keys: d.Keys, Identity: identity, Poll: 5 * time.Millisecond, Check: 50 * time.Millisecond}
	for i, p := range proxies {
		client, err := cliproxy.New(cliproxy.Options{Endpoint: p.URL(), Key: "management", HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
		require.NoError(t, err)
		options.Proxies = append(options.Proxies, keysync.Proxy{Name: string(rune('a' + i)), Endpoint: p.URL(), Client: client})
	}
	s := keysync.New(options)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// TestKeySync: each change of a key by the API takes effect in the proxy.
func TestKeySync(t *testing.T) {
	const existing = "sk-existing-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{existing}})
	b := newBench(t, withProxies(t, proxy))
	has := func(keys ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return len(keys) == len(proxy.ClientKeys()) && subset(keys, proxy.ClientKeys()) }, 2*time.Minute, 2*time.Millisecond,
			"%v", proxy.ClientKeys())
	}
	made := data[NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	has(existing, made.Secret)
	state := func() SyncedProxy { return data[KeySyncState](b, "GET", "/key-sync", "", 200).Proxies[0] }
	require.Eventually(t, func() bool { return state().Known == 1 }, 2*time.Minute, 2*time.Millisecond)
	s := state()
	require.Equal(t, []any{"a", proxy.URL(), "drift", 2}, []any{s.Name, s.Endpoint, s.Status, s.Keys})
	require.Equal(t, []KeyDrift{{Kind: "unknown", Fingerprint: strangerName(b.ledger.KeyedFingerprint(usage.Fingerprint(existing))), Display: usage.DisplayKey(existing), Remedy: s.Drift[0].Remedy}}, s.Drift)
	require.NotEmpty(t, s.Drift[0].Remedy)

	data[Revoked](b, "DELETE", "/keys/"+made.ID, "", 200)
	has(existing)
	second := data[NewKey](b, "POST", "/keys", `{"name":"bob"}`, 201)
	has(existing, second.Secret)
	requireProblem(t, b.do("POST", base+"/key-sync/repair", `{"proxy":"nobody"}`, nil), 404)
	data[KeySyncState](b, "POST", "/key-sync/repair", `{"proxy":"a"}`, 200)
	has(existing, second.Secret)
	after := data[KeySyncState](b, "POST", "/key-sync/repair", `{"remove_unknown":true}`, 200)
	has(second.Secret)
	require.Equal(t, "in_sync", after.Proxies[0].Status)
	for _, path := range []string{"/key-sync", "/audit", "/keys"} {
		text := b.do("GET", base+path, "", nil).Body.String()
		for _, secret := range []string{existing, made.Secret, second.Secret, "management\""} {
			require.NotContains(t, text, secret, path)
		}
	}
	require.Contains(t, b.do("GET", base+"/audit", "", nil).Body.String(), `"key_sync.repair"`)
	proxy.Down()
	requireProblem(t, b.do("POST", base+"/key-sync/repair", "", nil), 502)
	require.Equal(t, "unreachable", state().Status)
}

func TestNoKeySync(t *testing.T) {
	b := newBench(t, nil)
	require.Empty(t, data[KeySyncState](b, "GET", "/key-sync", "", 200).Proxies)
	requireProblem(t, b.do("POST", base+"/key-sync/repair", `{}`, nil), 409)
}

func subset(some, all []string) bool {
	for _, s := range some {
		found := false
		for _, a := range all {
			found = found || a == s
		}
		if !found {
			return false
		}
	}
	return true
}
