package keycheck_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestVerify(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","owner":"alice","limits":{"tokens":{"day":5500}}}`, 201)
	for _, h := range []map[string]string{
		{"Authorization": "Bearer " + k.Secret}, {"Authorization": "bearer  " + k.Secret}, {"X-Api-Key": k.Secret}, {"Api-Key": k.Secret},
		{"X-Goog-Api-Key": k.Secret},
	} {
		w := b.Do("POST", api.Base+"/keys/verify", "", h)
		require.Equal(t, 200, w.Code, w.Body)
	}
	check := func(more string) string { return `{"key":"` + k.Secret + `"` + more + `}` }
	w := b.Do("POST", api.Base+"/keys/verify", check(`,"estimate":501`), nil)
	p := consoletest.RequireProblem(t, w, 429)
	require.Contains(t, p.Message, "tokens.day")
	require.Equal(t, "5", w.Header().Get("Retry-After"), "only calls in flight are in the way")
	require.Equal(t, "tokens.day", w.Header().Get("X-Tokenboard-Limit"))
	v := consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", check(`,"estimate":400`), 200)
	require.Equal(t, keycheck.Verified{ID: k.ID, Name: "a", Owner: "alice", Display: k.Display, Left: v.Left}, v)
	reset := time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)
	require.Equal(t, &keys.Allowance[int64]{Limit: 5500, Reserved: 5400, Left: 100, ResetsAt: &reset}, v.Left.Tokens.Day)
	b.Spend(1, usage.Fingerprint(k.Secret), "m", 5500) // started an hour ago: none of those in flight
	w = b.Do("POST", api.Base+"/keys/verify", check(""), nil)
	consoletest.RequireProblem(t, w, 429)
	require.Equal(t, "20400", w.Header().Get("Retry-After"), "until midnight")

	consoletest.Data[keys.Key](b, "PATCH", "/keys/"+k.ID, `{"disabled":true}`, 200)
	w = b.Do("POST", api.Base+"/keys/verify", check(""), nil)
	consoletest.RequireProblem(t, w, 401)
	require.Equal(t, "disabled", w.Header().Get("X-Tokenboard-Outcome"))
	require.NotEmpty(t, w.Header().Get("WWW-Authenticate"))
	consoletest.Data[keys.Key](b, "PATCH", "/keys/"+k.ID, `{"disabled":false,"limits":null,"models":["gpt-*"]}`, 200)
	require.Nil(t, consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", check(`,"model":"GPT-5"`), 200).Left)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", check(`,"model":"claude"`), nil), 403)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", check(""), nil), 403)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", "", map[string]string{"X-Api-Key": k.Secret, "Api-Key": "x"}), 400)
	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+k.ID, "", 200)
	w = b.Do("POST", api.Base+"/keys/verify", check(""), nil)
	consoletest.RequireProblem(t, w, 401)
	require.Equal(t, "revoked", w.Header().Get("X-Tokenboard-Outcome"))
}

// TestEstimatesRaiseNothing: an estimate of less than nothing, in whatever spelling, is refused and
// leaves what is left as it is.
func TestEstimatesRaiseNothing(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":5500},"usd":{"day":1}}}`, 201)
	before := consoletest.Data[keys.Key](b, "GET", "/keys/"+k.ID, "", 200)
	for _, estimate := range []string{
		`"estimate":-1`, `"estimate":1,"Estimate":-100000`, `"Estimate":-100000`, `"estimate":1,"estimate":-5`, `"estimate_usd":-1000`, `"estimate_usd":-0.000000001`,
		`"estimate_usd":1,"ESTIMATE_USD":-1000`, `"estimate_usd":9e9`, `"estimate":9007199254740993`, `"estimate":1e300`, `"estimate_usd":1e400`,
	} {
		consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", `{"key":"`+k.Secret+`",`+estimate+`}`, nil), 400)
	}
	require.Equal(t, before, consoletest.Data[keys.Key](b, "GET", "/keys/"+k.ID, "", 200))
}

func TestForwardAuth(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"Zoë 100%","owner":"alice","models":["gpt-*"],"limits":{"requests_per_minute":2}}`, 201)
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
			w := b.Do(tc.method, keycheck.ForwardAuth+tc.target, "", tc.header)
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
		require.Equal(t, want, keycheck.HeaderText(in))
	}
}

// TestGuessing: who asks with a token says where calls come from.
func TestGuessing(t *testing.T) {
	open := consoletest.NewBench(t, nil)
	b := open.As(access.Principal{Name: "root", Role: access.Admin, Via: "token"})
	consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"weak","key":"1234"}]}`, 200)
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"strong"}`, 201)
	try := func(key, from string) int {
		return b.Do("POST", api.Base+"/keys/verify", `{"key":"`+key+`"}`, map[string]string{"X-Forwarded-For": "203.0.113.9, " + from}).Code
	}
	const me, other = "192.0.2.1", "192.0.2.2"
	require.Equal(t, 200, try("1234", me))
	for range 20 {
		require.Equal(t, 401, try("0000", me))
	}
	require.Equal(t, 429, try("0000", me))
	require.Equal(t, 429, try("1234", me), "the right one reveals nothing either")
	require.Equal(t, 200, try(made.Secret, me), "what cannot be guessed need not wait")
	require.Equal(t, 200, try("1234", other))
}

func TestAnonymousChecks(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.Verify.Anonymous = true })
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	h := map[string]string{"Authorization": "Bearer " + k.Secret}
	for source, status := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.1:9": 401, "": 401} {
		who := b.As(access.Principal{}).From(source)
		require.Equal(t, status, who.Do("GET", keycheck.ForwardAuth, "", h).Code, source)
		require.Equal(t, status, who.Do("POST", api.Base+"/keys/verify", "", h).Code, source)
	}
	closed := consoletest.NewBench(t, nil).As(access.Principal{}).From("127.0.0.1:9")
	require.Equal(t, 401, closed.Do("GET", keycheck.ForwardAuth, "", h).Code)
	verifier := b.As(access.Principal{Role: access.Verifier, Name: "proxy"})
	require.Equal(t, 200, verifier.Do("GET", keycheck.ForwardAuth, "", h).Code)
	require.Equal(t, 403, verifier.Do("GET", api.Base+"/keys", "", nil).Code)
}
