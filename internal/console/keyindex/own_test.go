package keyindex_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMembersSeeTheirOwn(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	hers := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"hers","owner":"alice"}`, 201)
	his := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"his-own","owner":"bob"}`, 201)
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"nobody's"}`, 201)
	b.Spend(1, usage.Fingerprint(hers.Secret), "m", 5)
	other := b.Spend(2, usage.Fingerprint(his.Secret), "n", 70)
	b.Spend(3, "", "o", 900)
	otherItem := consoletest.Data[calls.LogPage](b, "GET", "/logs?key=his-own", "", 200).Items[0]

	alice := b.As(access.Principal{ID: "u1", Name: "alice", Role: access.Member, Via: "session"})
	for target, want := range map[string]int64{
		"/stats": 5, "/stats?key=hers": 5, "/stats?key=his-own": 0, "/stats?key=his-own&key=hers": 5, "/stats?model=n": 0,
		"/stats?key=" + his.ID: 0, "/stats?model=m": 5,
	} {
		require.Equal(t, want, consoletest.Data[stats.Stats](alice, "GET", target, "", 200).Used, target)
	}
	consoletest.RequireProblem(t, alice.Do("GET", api.Base+"/stats?key="+other.KeyFingerprint, "", nil), 403)
	trend := consoletest.Data[stats.Trend](alice, "GET", "/usage-trend?group_by=model", "", 200)
	require.Len(t, trend.Series, 1)
	require.Len(t, consoletest.Data[calls.LogPage](alice, "GET", "/logs", "", 200).Items, 1)
	require.Empty(t, consoletest.Data[calls.LogPage](alice, "GET", "/logs?q=model:n", "", 200).Items)
	consoletest.RequireProblem(t, alice.Do("GET", api.Base+"/logs/"+otherItem.ID, "", nil), 404)
	for _, format := range []string{"json", "csv", "ndjson"} {
		w := alice.Do("GET", api.Base+"/export?format="+format, "", nil)
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), "hers")
		require.NotContains(t, w.Body.String(), "his-own", format)
		require.NotContains(t, w.Body.String(), "nobody")
	}
	seen := consoletest.Data[[]keys.Key](alice, "GET", "/keys", "", 200)
	require.Len(t, seen, 1)
	require.Equal(t, "hers", seen[0].Name)

	consoletest.RequireProblem(t, alice.Do("DELETE", api.Base+"/keys/"+his.ID, "", nil), 404)
	consoletest.RequireProblem(t, alice.Do("POST", api.Base+"/keys", `{"name":"x","owner":"bob"}`, nil), 403)
	require.Equal(t, "alice", consoletest.Data[keys.NewKey](alice, "POST", "/keys", `{"name":"second"}`, 201).Owner)
	consoletest.Data[keys.Revoked](alice, "DELETE", "/keys/"+hers.ID, "", 200)
	require.EqualValues(t, 5, consoletest.Data[stats.Stats](alice, "GET", "/stats", "", 200).Used, "history stays")

	for _, p := range []access.Principal{{Name: "carol", Role: access.Member}, {Role: access.Member}, {Name: "Alice", Role: access.Member}} {
		none := b.As(p)
		s := consoletest.Data[stats.Stats](none, "GET", "/stats", "", 200)
		require.Zero(t, s.Calls, "who owns no key sees nothing")
		require.Empty(t, s.Models)
		require.Empty(t, consoletest.Data[calls.LogPage](none, "GET", "/logs", "", 200).Items)
		require.Empty(t, consoletest.Data[[]keys.Key](none, "GET", "/keys", "", 200))
		require.NotContains(t, none.Do("GET", api.Base+"/export", "", nil).Body.String(), "his-own")
	}
	consoletest.RequireProblem(t, b.As(access.Principal{Role: access.Member}).Do("POST", api.Base+"/keys", `{"name":"x"}`, nil), 403)
}

func TestManyOwnKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	ctx := context.Background()
	var keys []store.Key
	var entries []store.AuditEntry
	for i := range 1_500 {
		fp := usage.Fingerprint(string(rune('a'+i%26)) + string(rune(0x4e00+i)))
		keys = append(keys, store.Key{ID: fp[:8], Name: fp, Fingerprint: b.Ledger.KeyedFingerprint(fp), Owner: "alice", CreatedAt: consoletest.TestNow})
		entries = append(entries, store.AuditEntry{Action: "test.change"})
		if i%1_000 == 0 {
			b.Spend(byte(i/1_000), fp, "m", 1)
		}
	}
	require.NoError(t, b.Directory.AddKeys(ctx, 2_000, keys, entries...))
	alice := b.As(access.Principal{Name: "alice", Role: access.Member})
	require.EqualValues(t, 2, consoletest.Data[stats.Stats](alice, "GET", "/stats", "", 200).Used)
}
