package keys_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestKeySyncLife: rotation, disabling, and the naming of a key that the proxy had before.
func TestKeySyncLife(t *testing.T) {
	const existing = "sk-existing-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{existing}})
	b := consoletest.NewBench(t, consoletest.WithProxies(t, proxy))
	has := func(keys ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return len(keys) == len(proxy.ClientKeys()) && subset(keys, proxy.ClientKeys()) }, 2*time.Minute, 2*time.Millisecond)
	}
	first := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	has(existing, first.Secret)
	second := consoletest.Data[keys.NewKey](b, "POST", "/keys/"+first.ID+"/rotate", "", 201)
	has(existing, second.Secret)
	consoletest.Data[keys.Key](b, "PATCH", "/keys/"+first.ID, `{"disabled":true}`, 200)
	has(existing)
	consoletest.Data[keys.Key](b, "PATCH", "/keys/"+first.ID, `{"disabled":false}`, 200)
	has(existing, second.Secret)

	imported := consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"before","fingerprint":"`+usage.Fingerprint(existing)+`"}]}`, 200)
	require.Eventually(t, func() bool {
		return consoletest.Data[keys.KeySyncState](b, "GET", "/key-sync", "", 200).Proxies[0].Status == "in_sync"
	}, 2*time.Minute, 5*time.Millisecond)
	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+imported.Keys[0].ID, "", 200)
	has(second.Secret)
}
