package keys_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRevokedKeysTakeNoMemory: neither when they are revoked nor after a restart.
func TestRevokedKeysTakeNoMemory(t *testing.T) {
	const n = 2_000
	b := consoletest.NewBench(t, nil)
	patterns := make([]string, 20)
	for i := range patterns {
		patterns[i] = fmt.Sprintf("%03d", i) + strings.Repeat("m", 197)
	}
	var stored []store.Key
	var entries []store.AuditEntry
	for i := range n {
		at := time.Time{}
		if i >= n/2 {
			at = consoletest.TestNow
		}
		stored = append(stored, store.Key{
			ID: fmt.Sprintf("key_%d", i), Name: fmt.Sprint("key ", i), Description: strings.Repeat("d", 1000), Fingerprint: usage.Fingerprint(fmt.Sprint(i)),
			Owner: "mallory", CreatedAt: consoletest.TestNow, Models: patterns, RevokedAt: at,
		})
		entries = append(entries, store.AuditEntry{Action: "test.key", Time: consoletest.TestNow})
	}
	require.NoError(t, b.Directory.AddKeys(context.Background(), n, stored, entries...))
	clear(stored) // what they hold must not be in the heap that is measured
	clear(entries)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	c := console.New(console.Options{Ledger: b.Ledger, Directory: b.Directory, Open: true, Now: func() time.Time { return consoletest.TestNow }})
	before := heap()
	index, err := c.Keys.Index(context.Background())
	require.NoError(t, err)
	grown := heap() - before
	pared, whole := 0, 0
	for _, k := range index.Ring.All() {
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
	k := consoletest.Data[keys.Key](b, "GET", "/keys/key_1999", "", 200)
	require.Equal(t, []any{"revoked", 1000, patterns}, []any{k.Status, len(k.Description), k.Models})
	page := consoletest.Data[[]keys.Key](b, "GET", "/keys?status=revoked&limit=1000", "", 200)
	require.Len(t, page, n/2)
	for i := range page {
		require.Equal(t, patterns, page[i].Models)
	}
}
