package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func openKeyed(t *testing.T, path string, keyed bool) (*ledger.Ledger, *Engine) {
	t.Helper()
	e, err := Open(ctx, Options{Path: path, Keyed: keyed})
	require.NoError(t, err)
	l, err := ledger.Open(ctx, e, ledger.Options{KeySecret: e.KeySecret()})
	require.NoError(t, err)
	return l, e
}

// TestPlainFingerprintsAreKeyed: of a database that has fingerprints plain, all are keyed when it is opened, and all
// is found again under the keyed ones: calls, sums, series, keys with their older secrets, what retention dropped.
func TestPlainFingerprintsAreKeyed(t *testing.T) {
	for _, pieces := range []int{1, 2, keyedAtOnce} {
		t.Run(fmt.Sprint(pieces, " at one time"), func(t *testing.T) {
			was := keyedAtOnce
			keyedAtOnce = pieces
			defer func() { keyedAtOnce = was }()
			keyPlainFingerprints(t)
		})
	}
}

func keyPlainFingerprints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	now := time.Now().UTC().Truncate(time.Hour)
	fingerprints := []string{usage.Fingerprint("one"), usage.Fingerprint("two"), usage.Fingerprint("of a stranger"), ""}
	l, e := openKeyed(t, path, false)
	require.NoError(t, e.Directory().AddKeys(ctx, 10, []store.Key{
		{ID: "a", Name: "a", Fingerprint: fingerprints[0], CreatedAt: now, Older: []store.Secret{{Fingerprint: fingerprints[1], Until: now}}},
	}, store.AuditEntry{Action: "test"}))
	call := func(i int, of string) usage.Call {
		c := usage.Call{
			Role: usage.RoleCall, Start: now.Add(-time.Duration(i) * time.Hour), Model: "m", KeyFingerprint: of, KeyDisplay: "sk-…",
			Trace: usage.TraceID{1, byte(i)}, Span: usage.SpanID{2, byte(i)}, Tokens: usage.Tokens{OutputText: int64(i + 1), Fields: usage.HasOutput},
		}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		return c
	}
	var all usage.Batch
	for i := range 40 {
		all.Calls = append(all.Calls, call(i, fingerprints[i%len(fingerprints)]))
	}
	require.NoError(t, l.Commit(ctx, all))
	spent := func(l *ledger.Ledger) map[string]int64 {
		out := map[string]int64{}
		of := map[string]bool{}
		for _, f := range fingerprints {
			of[l.KeyedFingerprint(f)] = true
		}
		_, err := l.Spending(ctx, of, func(time.Time, time.Time) bool { return true }, func(s store.Spent) { out[s.Fingerprint] += s.Tokens })
		require.NoError(t, err)
		return out
	}
	before := spent(l)
	require.Len(t, before, len(fingerprints))
	require.NoError(t, l.Close())

	for range 2 { // the second time nothing is left to do
		l, e = openKeyed(t, path, true)
		want := map[string]int64{}
		for f, n := range before {
			want[l.KeyedFingerprint(f)] = n
		}
		require.Equal(t, want, spent(l))
		records := 0
		require.NoError(t, l.Scan(ctx, store.Filter{Keys: []string{l.KeyedFingerprint(fingerprints[2])}}, func(r *store.Record) error {
			records++
			require.Equal(t, "sk-…", r.KeyDisplay)
			return nil
		}))
		require.Equal(t, 10, records)
		keys, _, err := e.Directory().Keys(ctx, 0)
		require.NoError(t, err)
		require.Equal(t, []string{l.KeyedFingerprint(fingerprints[0]), l.KeyedFingerprint(fingerprints[1])}, keys[0].Fingerprints())
		require.NoError(t, l.Commit(ctx, all), "a record that comes again is the same")
		require.Equal(t, want, spent(l))
		require.NoError(t, l.Close())
	}
	for _, file := range []string{path, path + "-wal"} {
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for _, f := range fingerprints[:3] {
			require.NotContains(t, string(text), f, file)
		}
	}
}

// TestLostSecret: a database without its secret is not opened, and the error says what to do.
func TestLostSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	l, _ := openKeyed(t, path, true)
	f := usage.Fingerprint("one")
	old := l.KeyedFingerprint(f)
	require.NoError(t, l.Close())
	secret, err := os.ReadFile(path + SecretSuffix)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path+SecretSuffix))
	_, err = Open(ctx, Options{Path: path, Keyed: true})
	require.ErrorIs(t, err, store.ErrSecret)
	require.ErrorContains(t, err, path+SecretSuffix)
	_, err = os.Stat(path + SecretSuffix)
	require.ErrorIs(t, err, os.ErrNotExist, "none is made unasked")
	for _, wrong := range []string{"nonsense", string(secret[:10]), "00" + string(secret[2:])} {
		if wrong == string(secret) {
			continue
		}
		require.NoError(t, os.WriteFile(path+SecretSuffix, []byte(wrong), 0o600))
		_, err = Open(ctx, Options{Path: path, Keyed: true})
		require.ErrorIs(t, err, store.ErrSecret, wrong)
	}
	require.NoError(t, os.WriteFile(path+SecretSuffix, secret, 0o644))
	l, _ = openKeyed(t, path, true)
	require.Equal(t, old, l.KeyedFingerprint(f))
	require.NoError(t, l.Close())
	info, err := os.Stat(path + SecretSuffix)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)

	require.NoError(t, os.WriteFile(path+SecretSuffix, nil, 0o600))
	l, _ = openKeyed(t, path, true)
	fresh := l.KeyedFingerprint(f)
	require.NotEqual(t, old, fresh, "an empty file asks for a new one")
	require.NoError(t, l.Close())
	l, _ = openKeyed(t, path, true)
	require.Equal(t, fresh, l.KeyedFingerprint(f))
	require.NoError(t, l.Close())
}
