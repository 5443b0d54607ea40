package keyindex_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestGuessesOfShortKeys: nobody but those who manage keys finds out by filters, searches or names which short key
// was used, be it by 90 guesses in one request.
func TestGuessesOfShortKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	const short = "hunter2"
	fingerprint := usage.Fingerprint(short)
	b.Spend(1, fingerprint, "m", 5)
	guesses := url.Values{}
	for i := range 90 {
		guesses.Add("key", usage.Fingerprint(fmt.Sprint("guess ", i)))
	}
	guesses.Set("key", fingerprint)
	for _, role := range []access.Role{access.Viewer, access.Member} {
		who := b.As(access.Principal{Name: "eve", Role: role, Via: "session"})
		for _, target := range []string{"/stats?", "/usage-trend?", "/logs?", "/export?", "/breakdown?by=model&", "/dimensions/model?"} {
			consoletest.RequireProblem(t, who.Do("GET", api.Base+target+guesses.Encode(), "", nil), 403)
			consoletest.RequireProblem(t, who.Do("GET", api.Base+target+"key="+strings.ToUpper(fingerprint), "", nil), 403)
		}
		for _, q := range []string{"key:" + fingerprint, fingerprint, "-key:" + fingerprint} {
			found := len(consoletest.Data[calls.LogPage](who, "GET", "/logs?q="+url.QueryEscape(q), "", 200).Items)
			if strings.HasPrefix(q, "-") && role == access.Viewer {
				require.Equal(t, 1, found, "as for any key that is none")
				continue
			}
			require.Zero(t, found, q)
		}
	}
	require.EqualValues(t, 5, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+fingerprint, "", 200).Used, "who manages keys may")
	viewer := b.As(access.Principal{Name: "eve", Role: access.Viewer, Via: "session"})
	shown := *consoletest.Data[calls.LogPage](viewer, "GET", "/logs", "", 200).Items[0].Key
	require.NotEqual(t, keyindex.ExternalName(fingerprint), shown.ID, "the name cannot be worked out from the key")
	require.EqualValues(t, 5, consoletest.Data[stats.Stats](viewer, "GET", "/stats?key="+shown.ID, "", 200).Used)

	another := consoletest.NewBench(t, nil)
	another.Spend(1, fingerprint, "m", 5)
	require.NotEqual(t, shown.ID, consoletest.Data[calls.LogPage](another, "GET", "/logs", "", 200).Items[0].Key.ID, "every installation has names of its own")
}

// TestNoFingerprintOnDisk: neither the database nor a copy of it has a fingerprint that short keys could be tried
// against; the secret is in a file of its own.
func TestNoFingerprintOnDisk(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	const short = "hunter2"
	b.Spend(1, usage.Fingerprint(short), "m", 5)
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"made"}`, 201)
	consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"imported","key":"1234"}]}`, 200)
	path := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, b.Ledger.Backup(context.Background(), path))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, key := range []string{short, made.Secret, "1234"} {
		f := usage.Fingerprint(key)
		require.NotContains(t, string(text), f)
		require.Contains(t, string(text), b.Ledger.KeyedFingerprint(f))
	}
	secret, err := os.ReadFile(path + sqlite.SecretSuffix)
	require.NoError(t, err)
	require.NotContains(t, string(text), strings.TrimSpace(string(secret)))
	info, err := os.Stat(path + sqlite.SecretSuffix)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
}
