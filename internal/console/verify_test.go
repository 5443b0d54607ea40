package console

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestVerify(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"a","owner":"alice","limits":{"tokens":{"day":5500}}}`, 201)
	for _, h := range []map[string]string{
		{"Authorization": "Bearer " + k.Secret}, {"Authorization": "bearer  " + k.Secret}, {"X-Api-Key": k.Secret}, {"Api-Key": k.Secret},
		{"X-Goog-Api-Key": k.Secret},
	} {
		w := b.do("POST", base+"/keys/verify", "", h)
		require.Equal(t, 200, w.Code, w.Body)
	}
	check := func(more string) string { return `{"key":"` + k.Secret + `"` + more + `}` }
	w := b.do("POST", base+"/keys/verify", check(`,"estimate":501`), nil)
	p := requireProblem(t, w, 429)
	require.Contains(t, p.Message, "tokens.day")
	require.Equal(t, "5", w.Header().Get("Retry-After"), "only calls in flight are in the way")
	require.Equal(t, "tokens.day", w.Header().Get("X-Tokenboard-Limit"))
	v := data[Verified](b, "POST", "/keys/verify", check(`,"estimate":400`), 200)
	require.Equal(t, Verified{ID: k.ID, Name: "a", Owner: "alice", Display: k.Display, Left: v.Left}, v)
	reset := time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)
	require.Equal(t, &Allowance[int64]{Limit: 5500, Reserved: 5400, Left: 100, ResetsAt: &reset}, v.Left.Tokens.Day)
	b.spend(1, usage.Fingerprint(k.Secret), "m", 5500) // started an hour ago: none of those in flight
	w = b.do("POST", base+"/keys/verify", check(""), nil)
	requireProblem(t, w, 429)
	require.Equal(t, "20400", w.Header().Get("Retry-After"), "until midnight")

	data[Key](b, "PATCH", "/keys/"+k.ID, `{"disabled":true}`, 200)
	w = b.do("POST", base+"/keys/verify", check(""), nil)
	requireProblem(t, w, 401)
	require.Equal(t, "disabled", w.Header().Get("X-Tokenboard-Outcome"))
	require.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
	data[Key](b, "PATCH", "/keys/"+k.ID, `{"disabled":false,"limits":null,"models":["gpt-*"]}`, 200)
	require.Nil(t, data[Verified](b, "POST", "/keys/verify", check(`,"model":"GPT-5"`), 200).Left)
	requireProblem(t, b.do("POST", base+"/keys/verify", check(`,"model":"claude"`), nil), 403)
	requireProblem(t, b.do("POST", base+"/keys/verify", check(""), nil), 403)
	requireProblem(t, b.do("POST", base+"/keys/verify", "", map[string]string{"X-Api-Key": k.Secret, "Api-Key": "x"}), 400)
	data[Revoked](b, "DELETE", "/keys/"+k.ID, "", 200)
	w = b.do("POST", base+"/keys/verify", check(""), nil)
	requireProblem(t, w, 401)
	require.Equal(t, "revoked", w.Header().Get("X-Tokenboard-Outcome"))
}

// TestEstimatesRaiseNothing: an estimate of less than nothing, in whatever spelling, is refused and
// leaves what is left as it is.
func TestEstimatesRaiseNothing(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":5500},"usd":{"day":1}}}`, 201)
	before := data[Key](b, "GET", "/keys/"+k.ID, "", 200)
	for _, estimate := range []string{
		`"estimate":-1`, `"estimate":1,"Estimate":-100000`, `"Estimate":-100000`, `"estimate":1,"estimate":-5`, `"estimate_usd":-1000`, `"estimate_usd":-0.000000001`,
		`"estimate_usd":1,"ESTIMATE_USD":-1000`, `"estimate_usd":9e9`, `"estimate":9007199254740993`, `"estimate":1e300`, `"estimate_usd":1e400`,
	} {
		requireProblem(t, b.do("POST", base+"/keys/verify", `{"key":"`+k.Secret+`",`+estimate+`}`, nil), 400)
	}
	require.Equal(t, before, data[Key](b, "GET", "/keys/"+k.ID, "", 200))
}

func TestForwardAuth(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"Zoë 100%","owner":"alice","models":["gpt-*"],"limits":{"requests_per_minute":2}}`, 201)
	bearer := map[string]string{"Authorization": "Bearer " + k.Secret}
	for _, tc := range []struct {
		name, method, target string
		header               map[string]string
		status               int
		outcome              string
	}{
		{"no key", "GET", "", nil, 401, "no_key"},
		{"a wrong key", "GET", "", map[string]string{"X-Api-Key": "tb-wrong"}, 401, "unknown"},
		{"two keys", "GET", "", map[string]string{"X-Api-Key": "tb-wrong", "Authorization": "Bearer " + k.Secret}, 401, "ambiguous_key"},
		{"no model", "GET", "", bearer, 403, "model_unsaid"},
		{"another model", "GET", "?model=claude", bearer, 403, "model_refused"},
		{"a model in Envoy's query is the client's word", "POST", "/v1/chat/completions?model=gpt-5", bearer, 403, "model_unsaid"},
		{"a model in Envoy's path", "DELETE", "/openai/deployments/gpt-5/chat/completions", bearer, 200, "good"},
		{"a proxy that adds the call's query", "GET", "?model=gpt-5", map[string]string{"Authorization": "Bearer " + k.Secret, "X-Forwarded-Uri": "/v1/chat?model=gpt-5"}, 403, "model_unsaid"},
		{"its model", "HEAD", "?model=gpt-5", bearer, 200, "good"},
		{"once too often", "GET", "?model=gpt-5", bearer, 429, "over_limit"},
		{"once too often for nginx", "GET", "?model=gpt-5&over_limit=403", bearer, 403, "over_limit"},
		{"Envoy's clients choose no status", "GET", "/v1beta/models/gpt-5:generateContent?over_limit=403", bearer, 429, "over_limit"},
		{"from a web page", "GET", "?model=gpt-5", map[string]string{"Authorization": "Bearer " + k.Secret, "Origin": "https://app.example"}, 429, "over_limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.do(tc.method, forwardAuth+tc.target, "", tc.header)
			require.Equal(t, tc.status, w.Code)
			require.Equal(t, tc.outcome, w.Header().Get("X-Tokenboard-Outcome"))
			require.Zero(t, w.Body.Len())
			if tc.status == 200 || tc.outcome == "over_limit" {
				require.Equal(t, k.ID, w.Header().Get("X-Tokenboard-Key-Id"))
				require.Equal(t, "Zo%C3%AB 100%25", w.Header().Get("X-Tokenboard-Key-Name"))
				require.Equal(t, "alice", w.Header().Get("X-Tokenboard-Key-Owner"))
			}
			require.Equal(t, tc.outcome == "over_limit", w.Header().Get("Retry-After") != "")
		})
	}
}

func TestHeaderText(t *testing.T) {
	for in, want := range map[string]string{"a b": "a b", "a\r\nb": "a%0D%0Ab", "é": "%C3%A9", "50%": "50%25", "\x7f\x00": "%7F%00", "": ""} {
		require.Equal(t, want, headerText(in))
	}
}

// TestGuessing: who asks with a token says where calls come from.
func TestGuessing(t *testing.T) {
	open := newBench(t, nil)
	b := open.as(access.Principal{Name: "root", Role: access.Admin, Via: "token"})
	data[Imported](b, "POST", "/keys/import", `{"keys":[{"name":"weak","key":"1234"}]}`, 200)
	made := data[NewKey](b, "POST", "/keys", `{"name":"strong"}`, 201)
	try := func(key, from string) int {
		return b.do("POST", base+"/keys/verify", `{"key":"`+key+`"}`, map[string]string{"X-Forwarded-For": "203.0.113.9, " + from}).Code
	}
	const me, other = "192.0.2.1", "192.0.2.2"
	require.Equal(t, 200, try("1234", me))
	for range 20 {
		require.Equal(t, 401, try("0000", me))
	}
	require.Equal(t, 429, try("0000", me))
	require.Equal(t, 429, try("1234", me), "the right one tells nothing either")
	require.Equal(t, 200, try(made.Secret, me), "what cannot be guessed need not wait")
	require.Equal(t, 200, try("1234", other))
}

func TestAnonymousChecks(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Verify.Anonymous = true })
	k := data[NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	h := map[string]string{"Authorization": "Bearer " + k.Secret}
	for source, status := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.1:9": 401, "": 401} {
		who := b.as(access.Principal{}).from(source)
		require.Equal(t, status, who.do("GET", forwardAuth, "", h).Code, source)
		require.Equal(t, status, who.do("POST", base+"/keys/verify", "", h).Code, source)
	}
	closed := newBench(t, nil).as(access.Principal{}).from("127.0.0.1:9")
	require.Equal(t, 401, closed.do("GET", forwardAuth, "", h).Code)
	verifier := b.as(access.Principal{Role: access.Verifier, Name: "proxy"})
	require.Equal(t, 200, verifier.do("GET", forwardAuth, "", h).Code)
	require.Equal(t, 403, verifier.do("GET", base+"/keys", "", nil).Code)
}

func TestQuota(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Quota = Quota{Tokens: 1_000, Cost: 5_000_000_000, Period: store.Monthly} })
	k := data[NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":200,"total":400}}}`, 201)
	data[NewKey](b, "POST", "/keys", `{"name":"free"}`, 201)
	b.spend(1, usage.Fingerprint(k.Secret), "m", 150)
	b.spend(2, "", "m", 100)
	s := data[Stats](b, "GET", "/stats", "", 200)
	require.EqualValues(t, 1_000, *s.Quota)
	require.EqualValues(t, 750, *s.Remaining)
	require.EqualValues(t, 25, *s.UsagePercent)
	require.Equal(t, "month", s.QuotaUse.Period)
	require.True(t, s.QuotaUse.ResetsAt.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	require.EqualValues(t, 5_000_000_000, s.QuotaUse.USD.Limit)
	require.EqualValues(t, 750, *data[Stats](b, "GET", "/stats?from=2026-11-03T18:00:00Z", "", 200).Remaining)
	for _, key := range []string{"a", k.ID, usage.Fingerprint(k.Secret), "a&key=" + k.ID} {
		s = data[Stats](b, "GET", "/stats?key="+key, "", 200)
		require.EqualValues(t, 200, *s.Quota, "the budget that is used up most")
		require.EqualValues(t, 75, *s.UsagePercent)
	}
	for _, filters := range []string{"model=m", "key=free", "key=stranger", "key=a&key=free", "key=a&model=m"} {
		s = data[Stats](b, "GET", "/stats?"+filters, "", 200)
		require.Nil(t, s.Quota, filters)
		require.Nil(t, s.QuotaUse, filters)
	}
	alice := b.as(access.Principal{Name: "alice", Role: access.Member})
	require.Nil(t, data[Stats](alice, "GET", "/stats", "", 200).QuotaUse)
	require.Nil(t, data[Stats](alice, "GET", "/stats?key=a", "", 200).QuotaUse, "not hers")
	require.Nil(t, data[Stats](newBench(t, nil), "GET", "/stats", "", 200).Quota)
}

// from gives a bench whose requests come from an address.
func (b *bench) from(peer string) *bench {
	c := *b
	c.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = peer
		b.handler.ServeHTTP(w, r)
	})
	return &c
}
