package console

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// as gives a bench whose requests act for a principal.
func (b *bench) as(p access.Principal) *bench {
	c := *b
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.served.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
	})
	return &c
}

// spend commits one call of some output tokens with a key.
func (b *bench) spend(n byte, fingerprint, model string, tokens int64) usage.Call {
	b.t.Helper()
	c := usage.Call{
		ID: usage.ID{9, n}, Trace: usage.TraceID{9, n}, Span: usage.SpanID{9, n}, Role: usage.RoleCall, Start: testNow.Add(-time.Hour),
		Model: model, Provider: "p", KeyFingerprint: fingerprint, KeyDisplay: "tb-…",
		Tokens: usage.Tokens{OutputText: tokens, Fields: usage.HasOutput},
	}
	require.NoError(b.t, b.ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	return c
}

func TestMembersSeeTheirOwn(t *testing.T) {
	b := newBench(t, nil)
	hers := data[NewKey](b, "POST", "/keys", `{"name":"hers","owner":"alice"}`, 201)
	his := data[NewKey](b, "POST", "/keys", `{"name":"his","owner":"bob"}`, 201)
	data[NewKey](b, "POST", "/keys", `{"name":"nobody's"}`, 201)
	b.spend(1, usage.Fingerprint(hers.Secret), "m", 5)
	other := b.spend(2, usage.Fingerprint(his.Secret), "n", 70)
	b.spend(3, "", "o", 900)
	otherItem := data[LogPage](b, "GET", "/logs?key=his", "", 200).Items[0]

	alice := b.as(access.Principal{ID: "u1", Name: "alice", Role: access.Member, Via: "session"})
	for target, want := range map[string]int64{
		"/stats": 5, "/stats?key=hers": 5, "/stats?key=his": 0, "/stats?key=his&key=hers": 5, "/stats?model=n": 0,
		"/stats?key=" + his.ID: 0, "/stats?model=m": 5,
	} {
		require.Equal(t, want, data[Stats](alice, "GET", target, "", 200).Used, target)
	}
	requireProblem(t, alice.do("GET", base+"/stats?key="+other.KeyFingerprint, "", nil), 403)
	trend := data[Trend](alice, "GET", "/usage-trend?group_by=model", "", 200)
	require.Len(t, trend.Series, 1)
	require.Len(t, data[LogPage](alice, "GET", "/logs", "", 200).Items, 1)
	require.Empty(t, data[LogPage](alice, "GET", "/logs?q=model:n", "", 200).Items)
	requireProblem(t, alice.do("GET", base+"/logs/"+otherItem.ID, "", nil), 404)
	for _, format := range []string{"json", "csv", "ndjson"} {
		w := alice.do("GET", base+"/export?format="+format, "", nil)
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), "hers")
		require.NotContains(t, w.Body.String(), "his", format)
		require.NotContains(t, w.Body.String(), "nobody")
	}
	keys := data[[]Key](alice, "GET", "/keys", "", 200)
	require.Len(t, keys, 1)
	require.Equal(t, "hers", keys[0].Name)

	requireProblem(t, alice.do("DELETE", base+"/keys/"+his.ID, "", nil), 404)
	requireProblem(t, alice.do("POST", base+"/keys", `{"name":"x","owner":"bob"}`, nil), 403)
	require.Equal(t, "alice", data[NewKey](alice, "POST", "/keys", `{"name":"second"}`, 201).Owner)
	data[Revoked](alice, "DELETE", "/keys/"+hers.ID, "", 200)
	require.EqualValues(t, 5, data[Stats](alice, "GET", "/stats", "", 200).Used, "history stays")

	for _, p := range []access.Principal{{Name: "carol", Role: access.Member}, {Role: access.Member}, {Name: "Alice", Role: access.Member}} {
		none := b.as(p)
		s := data[Stats](none, "GET", "/stats", "", 200)
		require.Zero(t, s.Calls, "who owns no key sees nothing")
		require.Empty(t, s.Models)
		require.Empty(t, data[LogPage](none, "GET", "/logs", "", 200).Items)
		require.Empty(t, data[[]Key](none, "GET", "/keys", "", 200))
		require.NotContains(t, none.do("GET", base+"/export", "", nil).Body.String(), "his")
	}
	requireProblem(t, b.as(access.Principal{Role: access.Member}).do("POST", base+"/keys", `{"name":"x"}`, nil), 403)
}

func TestManyOwnKeys(t *testing.T) {
	b := newBench(t, nil)
	ctx := context.Background()
	var keys []store.Key
	var entries []store.AuditEntry
	for i := range 1_500 {
		fp := usage.Fingerprint(string(rune('a'+i%26)) + string(rune(0x4e00+i)))
		keys = append(keys, store.Key{ID: fp[:8], Name: fp, Fingerprint: b.ledger.KeyedFingerprint(fp), Owner: "alice", CreatedAt: testNow})
		entries = append(entries, store.AuditEntry{Action: "test.change"})
		if i%1_000 == 0 {
			b.spend(byte(i/1_000), fp, "m", 1)
		}
	}
	require.NoError(t, b.directory.AddKeys(ctx, 2_000, keys, entries...))
	alice := b.as(access.Principal{Name: "alice", Role: access.Member})
	require.EqualValues(t, 2, data[Stats](alice, "GET", "/stats", "", 200).Used)
}
