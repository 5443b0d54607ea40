package console

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestStrangers: a key that was made elsewhere has a name that tells nothing of its fingerprint, and is
// taken wherever a key can be named.
func TestStrangers(t *testing.T) {
	b := newBench(t, nil)
	const elsewhere = "sk-made-elsewhere-0123456789"
	fingerprint := usage.Fingerprint(elsewhere)
	b.spend(1, fingerprint, "m", 5)
	b.spend(2, usage.Fingerprint("another"), "m", 7)
	b.spend(3, "", "m", 1)
	name := strangerName(b.ledger.KeyedFingerprint(fingerprint))
	require.NotEqual(t, strangerName(fingerprint), name, "who has no secret cannot work it out")

	values := map[string]string{}
	for _, v := range data[DimensionValues](b, "GET", "/dimensions/key", "", 200).Values {
		values[v.Value] = v.Label
	}
	other := strangerName(b.ledger.KeyedFingerprint(usage.Fingerprint("another")))
	require.Equal(t, map[string]string{name: name, other: other, "": ""}, values)
	require.Len(t, data[DimensionValues](b, "GET", "/dimensions/key?q="+fingerprint[:8], "", 200).Values, 0)
	for _, by := range []string{"key", "key,model"} {
		rows := data[Breakdown](b, "GET", "/breakdown?by="+by, "", 200).Rows
		require.Len(t, rows, 3)
		require.Equal(t, []string{other, other}, []string{*rows[0].Key, *rows[0].KeyName})
	}
	page := data[Breakdown](b, "GET", "/breakdown?by=key&limit=1", "", 200)
	mark, err := base64.RawURLEncoding.DecodeString(page.NextCursor)
	require.NoError(t, err)
	require.Contains(t, string(mark), other, "a cursor tells no fingerprint either")
	require.Equal(t, name, *data[Breakdown](b, "GET", "/breakdown?by=key&limit=1&cursor="+page.NextCursor, "", 200).Rows[0].Key)
	require.Equal(t, other, data[Trend](b, "GET", "/usage-trend?group_by=key&top=1", "", 200).Series[0].Group)
	for _, value := range []string{name, fingerprint} {
		require.EqualValues(t, 5, data[Stats](b, "GET", "/stats?key="+value, "", 200).Used)
		for _, q := range []string{"key:" + value, value, strings.ToUpper(value)} {
			items := data[LogPage](b, "GET", "/logs?q="+url.QueryEscape(q), "", 200).Items
			require.Len(t, items, 1, q)
			require.Equal(t, &KeyRef{ID: name, Display: "tb-…"}, items[0].Key)
		}
		require.Len(t, data[LogPage](b, "GET", "/logs?q="+url.QueryEscape("-key:"+value), "", 200).Items, 2)
	}
	for _, nobody := range []string{"ext_0123456789abcdef", "ext_", "ext_" + fingerprint[:16], fingerprint[:12], fingerprint[:63]} {
		require.Zero(t, data[Stats](b, "GET", "/stats?key="+nobody, "", 200).Calls, nobody)
		require.Empty(t, data[LogPage](b, "GET", "/logs?q=key:"+nobody, "", 200).Items, "no part of a fingerprint is found: %s", nobody)
		require.Empty(t, data[LogPage](b, "GET", "/logs?q="+nobody, "", 200).Items, nobody)
	}
	mia := b.as(access.Principal{Name: "mia", Role: access.Member})
	require.Zero(t, data[Stats](mia, "GET", "/stats?key="+name, "", 200).Calls, "not hers")

	p := requireProblem(t, b.do("POST", base+"/keys/import", `{"keys":[{"name":"x","fingerprint":"ext_0123456789abcdef"}]}`, nil), 400)
	require.Contains(t, p.Message, "fingerprint")
	imported := data[Imported](b, "POST", "/keys/import", `{"keys":[{"name":"elsewhere","fingerprint":"`+name+`"}]}`, 200).Keys[0]
	require.EqualValues(t, 5, data[Stats](b, "GET", "/stats?key=elsewhere", "", 200).Used)
	require.EqualValues(t, 5, data[Stats](b, "GET", "/stats?key="+name, "", 200).Used, "an old link leads to the key")
	require.Equal(t, imported.ID, data[LogPage](b, "GET", "/logs?q=key:"+name, "", 200).Items[0].Key.ID)
	require.Equal(t, 1, data[Imported](b, "POST", "/keys/import", `{"keys":[{"name":"again","fingerprint":"`+name+`"}]}`, 200).Known)
	require.Equal(t, 200, b.do("POST", base+"/keys/verify", `{"key":"`+elsewhere+`"}`, nil).Code)
}

// TestStrangerOfAProxy: what key sync finds is imported by the name that it shows.
func TestStrangerOfAProxy(t *testing.T) {
	const existing = "sk-existing-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{existing}})
	b := newBench(t, withProxies(t, proxy))
	var drift []KeyDrift
	require.Eventually(t, func() bool {
		drift = data[KeySyncState](b, "GET", "/key-sync", "", 200).Proxies[0].Drift
		return len(drift) == 1
	}, 2*time.Minute, 2*time.Millisecond)
	require.True(t, strings.HasPrefix(drift[0].Fingerprint, strangerPrefix))
	body := `{"keys":[{"name":"existing","fingerprint":"` + drift[0].Fingerprint + `","display":"` + drift[0].Display + `"}]}`
	require.Equal(t, 1, data[Imported](b, "POST", "/keys/import", body, 200).Added)
	require.Equal(t, 200, b.do("POST", base+"/keys/verify", `{"key":"`+existing+`"}`, nil).Code)
}

// TestRotatedKeyIsOneRow: whatever secret a call was made with, in whatever way the sums are made.
func TestRotatedKeyIsOneRow(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201)
	b.spend(1, usage.Fingerprint(k.Secret), "m", 5)
	next := data[NewKey](b, "POST", "/keys/"+k.ID+"/rotate", `{}`, 201)
	require.NotEqual(t, k.Secret, next.Secret)
	b.spend(2, usage.Fingerprint(next.Secret), "m", 7)
	b.spend(3, usage.Fingerprint("elsewhere"), "m", 9)
	for _, query := range []string{"by=key", "by=key,model", "by=model,key", "by=key&user=", "by=key&sort=api_call_count"} {
		got := data[Breakdown](b, "GET", "/breakdown?"+query, "", 200)
		require.Len(t, got.Rows, 2, query)
		require.Equal(t, 2, got.Count)
		require.EqualValues(t, 21, got.Total.Total)
		require.Equal(t, []any{k.ID, "alice", int64(12), int64(2)}, []any{*got.Rows[0].Key, *got.Rows[0].KeyName, got.Rows[0].Total, got.Rows[0].Calls}, query)
	}
	values := data[DimensionValues](b, "GET", "/dimensions/key", "", 200)
	elsewhere := strangerName(b.ledger.KeyedFingerprint(usage.Fingerprint("elsewhere")))
	require.Equal(t, []DimensionValue{
		{Value: k.ID, Label: "alice", Calls: 2},
		{Value: elsewhere, Label: elsewhere, Calls: 1},
	}, values.Values)
	require.EqualValues(t, 2, data[Stats](b, "GET", "/stats?key="+k.ID, "", 200).Calls)
}
