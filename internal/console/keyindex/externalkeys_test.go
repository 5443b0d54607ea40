package keyindex_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestExternalKeys: a key that was made elsewhere has a name that reveals nothing of its fingerprint, and is
// taken wherever a key can be named.
func TestExternalKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	const elsewhere = "sk-made-elsewhere-0123456789"
	fingerprint := usage.Fingerprint(elsewhere)
	b.Spend(1, fingerprint, "m", 5)
	b.Spend(2, usage.Fingerprint("another"), "m", 7)
	b.Spend(3, "", "m", 1)
	name := keyindex.ExternalName(b.Ledger.KeyedFingerprint(fingerprint))
	require.NotEqual(t, keyindex.ExternalName(fingerprint), name, "who has no secret cannot work it out")

	values := map[string]string{}
	for _, v := range consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/key", "", 200).Values {
		values[v.Value] = v.Label
	}
	other := keyindex.ExternalName(b.Ledger.KeyedFingerprint(usage.Fingerprint("another")))
	require.Equal(t, map[string]string{name: name, other: other, "": ""}, values)
	require.Len(t, consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/key?q="+fingerprint[:8], "", 200).Values, 0)
	for _, by := range []string{"key", "key,model"} {
		rows := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by="+by, "", 200).Rows
		require.Len(t, rows, 3)
		require.Equal(t, []string{other, other}, []string{*rows[0].Key, *rows[0].KeyName})
	}
	page := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=key&limit=1", "", 200)
	mark, err := base64.RawURLEncoding.DecodeString(page.NextCursor)
	require.NoError(t, err)
	require.Contains(t, string(mark), other, "a cursor reveals no fingerprint either")
	require.Equal(t, name, *consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=key&limit=1&cursor="+page.NextCursor, "", 200).Rows[0].Key)
	require.Equal(t, other, consoletest.Data[stats.Trend](b, "GET", "/usage-trend?group_by=key&top=1", "", 200).Series[0].Group)
	for _, value := range []string{name, fingerprint} {
		require.EqualValues(t, 5, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+value, "", 200).Used)
		for _, q := range []string{"key:" + value, value, strings.ToUpper(value)} {
			items := consoletest.Data[calls.LogPage](b, "GET", "/logs?q="+url.QueryEscape(q), "", 200).Items
			require.Len(t, items, 1, q)
			require.Equal(t, &calls.KeyRef{ID: name, Display: "tb-…"}, items[0].Key)
		}
		require.Len(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q="+url.QueryEscape("-key:"+value), "", 200).Items, 2)
	}
	for _, nobody := range []string{"ext_0123456789abcdef", "ext_", "ext_" + fingerprint[:16], fingerprint[:12], fingerprint[:63]} {
		require.Zero(t, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+nobody, "", 200).Calls, nobody)
		require.Empty(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q=key:"+nobody, "", 200).Items, "no part of a fingerprint is found: %s", nobody)
		require.Empty(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q="+nobody, "", 200).Items, nobody)
	}
	mia := b.As(access.Principal{Name: "mia", Role: access.Member})
	require.Zero(t, consoletest.Data[stats.Stats](mia, "GET", "/stats?key="+name, "", 200).Calls, "not hers")

	p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/import", `{"keys":[{"name":"x","fingerprint":"ext_0123456789abcdef"}]}`, nil), 400)
	require.Contains(t, p.Message, "fingerprint")
	imported := consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"elsewhere","fingerprint":"`+name+`"}]}`, 200).Keys[0]
	require.EqualValues(t, 5, consoletest.Data[stats.Stats](b, "GET", "/stats?key=elsewhere", "", 200).Used)
	require.EqualValues(t, 5, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+name, "", 200).Used, "an old link leads to the key")
	require.Equal(t, imported.ID, consoletest.Data[calls.LogPage](b, "GET", "/logs?q=key:"+name, "", 200).Items[0].Key.ID)
	require.Equal(t, 1, consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"again","fingerprint":"`+name+`"}]}`, 200).Known)
	require.Equal(t, 200, b.Do("POST", api.Base+"/keys/verify", `{"key":"`+elsewhere+`"}`, nil).Code)
}

// TestStrangerOfAProxy: what key sync finds is imported by the name that it shows.
func TestStrangerOfAProxy(t *testing.T) {
	const existing = "sk-existing-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{existing}})
	b := consoletest.NewBench(t, consoletest.WithProxies(t, proxy))
	var drift []keys.KeyDrift
	require.Eventually(t, func() bool {
		drift = consoletest.Data[keys.KeySyncState](b, "GET", "/key-sync", "", 200).Proxies[0].Drift
		return len(drift) == 1
	}, 2*time.Minute, 2*time.Millisecond)
	require.True(t, strings.HasPrefix(drift[0].Fingerprint, keyindex.ExternalPrefix))
	body := `{"keys":[{"name":"existing","fingerprint":"` + drift[0].Fingerprint + `","display":"` + drift[0].Display + `"}]}`
	require.Equal(t, 1, consoletest.Data[keys.Imported](b, "POST", "/keys/import", body, 200).Added)
	require.Equal(t, 200, b.Do("POST", api.Base+"/keys/verify", `{"key":"`+existing+`"}`, nil).Code)
}

// TestRotatedKeyIsOneRow: whatever secret a call was made with, in whatever way the sums are made.
func TestRotatedKeyIsOneRow(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	b.Spend(1, usage.Fingerprint(k.Secret), "m", 5)
	next := consoletest.Data[keys.NewKey](b, "POST", "/keys/"+k.ID+"/rotate", `{}`, 201)
	require.NotEqual(t, k.Secret, next.Secret)
	b.Spend(2, usage.Fingerprint(next.Secret), "m", 7)
	b.Spend(3, usage.Fingerprint("elsewhere"), "m", 9)
	for _, query := range []string{"by=key", "by=key,model", "by=model,key", "by=key&user=", "by=key&sort=api_call_count"} {
		got := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?"+query, "", 200)
		require.Len(t, got.Rows, 2, query)
		require.Equal(t, 2, got.Count)
		require.EqualValues(t, 21, got.Total.Total)
		require.Equal(t, []any{k.ID, "alice", int64(12), int64(2)}, []any{*got.Rows[0].Key, *got.Rows[0].KeyName, got.Rows[0].Total, got.Rows[0].Calls}, query)
	}
	values := consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/key", "", 200)
	elsewhere := keyindex.ExternalName(b.Ledger.KeyedFingerprint(usage.Fingerprint("elsewhere")))
	require.Equal(t, []stats.DimensionValue{
		{Value: k.ID, Label: "alice", Calls: 2},
		{Value: elsewhere, Label: elsewhere, Calls: 1},
	}, values.Values)
	require.EqualValues(t, 2, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+k.ID, "", 200).Calls)
}
