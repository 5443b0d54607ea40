package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestKeySync: each change of a key by the API takes effect in the proxy.
func TestKeySync(t *testing.T) {
	const existing = "sk-existing-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{existing}})
	b := consoletest.NewBench(t, consoletest.WithProxies(t, proxy))
	has := func(keys ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return len(keys) == len(proxy.ClientKeys()) && subset(keys, proxy.ClientKeys()) }, 2*time.Minute, 2*time.Millisecond,
			"%v", proxy.ClientKeys())
	}
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	has(existing, made.Secret)
	state := func() keys.SyncedProxy {
		return consoletest.Data[keys.KeySyncState](b, "GET", "/key-sync", "", 200).Proxies[0]
	}
	require.Eventually(t, func() bool { return state().Known == 1 }, 2*time.Minute, 2*time.Millisecond)
	s := state()
	require.Equal(t, []any{"a", proxy.URL(), "drift", 2}, []any{s.Name, s.Endpoint, s.Status, s.Keys})
	require.Equal(t, []keys.KeyDrift{{Kind: "unknown", Fingerprint: keyindex.ExternalName(b.Ledger.KeyedFingerprint(usage.Fingerprint(existing))), Display: usage.DisplayKey(existing), Remedy: s.Drift[0].Remedy}}, s.Drift)
	require.NotEmpty(t, s.Drift[0].Remedy)

	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+made.ID, "", 200)
	has(existing)
	second := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"bob"}`, 201)
	has(existing, second.Secret)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/key-sync/repair", `{"proxy":"nobody"}`, nil), 404)
	consoletest.Data[keys.KeySyncState](b, "POST", "/key-sync/repair", `{"proxy":"a"}`, 200)
	has(existing, second.Secret)
	after := consoletest.Data[keys.KeySyncState](b, "POST", "/key-sync/repair", `{"remove_unknown":true}`, 200)
	has(second.Secret)
	require.Equal(t, "in_sync", after.Proxies[0].Status)
	for _, path := range []string{"/key-sync", "/audit", "/keys"} {
		text := b.Do("GET", api.Base+path, "", nil).Body.String()
		for _, secret := range []string{existing, made.Secret, second.Secret, "management\""} {
			require.NotContains(t, text, secret, path)
		}
	}
	require.Contains(t, b.Do("GET", api.Base+"/audit", "", nil).Body.String(), `"key_sync.repair"`)
	proxy.Down()
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/key-sync/repair", "", nil), 502)
	require.Equal(t, "unreachable", state().Status)
}

func TestNoKeySync(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.Empty(t, consoletest.Data[keys.KeySyncState](b, "GET", "/key-sync", "", 200).Proxies)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/key-sync/repair", `{}`, nil), 409)
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
