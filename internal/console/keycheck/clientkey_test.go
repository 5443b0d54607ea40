package keycheck_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
)

// carriers are the ways in which a call can bring a key that some proxy reads; see docs/keys.md.
var carriers = map[string]func(*http.Request, string){
	"bearer":             func(r *http.Request, k string) { r.Header.Add("Authorization", "Bearer "+k) },
	"bearer, lower case": func(r *http.Request, k string) { r.Header.Add("authorization", "bearer "+k) },
	"no scheme":          func(r *http.Request, k string) { r.Header.Add("Authorization", k) },
	"x-api-key":          func(r *http.Request, k string) { r.Header.Add("X-Api-Key", k) },
	"api-key":            func(r *http.Request, k string) { r.Header.Add("Api-Key", k) },
	"x-goog-api-key":     func(r *http.Request, k string) { r.Header.Add("X-Goog-Api-Key", k) },
	"x-litellm-api-key":  func(r *http.Request, k string) { r.Header.Add("X-Litellm-Api-Key", "Bearer "+k) },
	"x-bf-vk":            func(r *http.Request, k string) { r.Header.Add("X-Bf-Vk", k) },
	"azure's gateway":    func(r *http.Request, k string) { r.Header.Add("Ocp-Apim-Subscription-Key", k) },
	"midjourney":         func(r *http.Request, k string) { r.Header.Add("Mj-Api-Secret", k) },
	"web socket": func(r *http.Request, k string) {
		r.Header.Add("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key."+k+", openai-beta.realtime-v1")
	},
	"query of Caddy and Traefik": func(r *http.Request, k string) {
		r.Header.Set("X-Forwarded-Uri", "/v1beta/models/m:generateContent?alt=sse&key="+k)
	},
	"query of nginx": func(r *http.Request, k string) { r.Header.Set("X-Original-Uri", "/v1/messages?auth_token="+k) },
	"query of Envoy": func(r *http.Request, k string) {
		r.URL.Path += "/v1/chat/completions"
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&api-key="+k, "&")
	},
}

// TestOneKeyIsChecked: whichever two places hold keys, they are the same key or the call is refused; and each
// alone is found, and named.
func TestOneKeyIsChecked(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	good := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"good"}`, 201).Secret
	over := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"over","limits":{"tokens":{"total":1}}}`, 201).Secret
	ask := func(method, target string, carry ...func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost:8317"+target, nil)
		for _, c := range carry {
			c(r)
		}
		w := httptest.NewRecorder()
		b.Handler.ServeHTTP(w, r)
		return w
	}
	with := func(how, key string) func(*http.Request) { return func(r *http.Request) { carriers[how](r, key) } }
	for first := range carriers {
		w := ask("GET", keycheck.ForwardAuth, with(first, good))
		require.Equal(t, "good", w.Header().Get("X-Tokenboard-Outcome"), first)
		require.NotEmpty(t, w.Header().Get("X-Tokenboard-Key-From"), first)
		require.Equal(t, 401, ask("GET", keycheck.ForwardAuth, with(first, "tb-wrong")).Code, first)
		for second := range carriers {
			if first == second && strings.HasPrefix(first, "query of") {
				continue // one takes the place of the other
			}
			what := fmt.Sprint(first, " and ", second)
			w = ask("GET", keycheck.ForwardAuth, with(first, good), with(second, over))
			require.Equal(t, 401, w.Code, what)
			require.Equal(t, "ambiguous_key", w.Header().Get("X-Tokenboard-Outcome"), what)
			require.NotEmpty(t, w.Header().Get("X-Tokenboard-Reason"))
			require.NotContains(t, fmt.Sprint(w.Header()), good, "no key is repeated")
			require.Empty(t, w.Header().Get("X-Tokenboard-Key-Id"))
			if !strings.Contains(what, "query") {
				require.Equal(t, 400, ask("POST", api.Base+"/keys/verify", with(first, good), with(second, over)).Code, what)
			}
		}
	}
}

// TestKeyOfTheBody: who asks with a token of its own names the key in the body, and no other one beside it.
func TestKeyOfTheBody(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	good := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"good"}`, 201).Secret
	body := `{"key":"` + good + `"}`
	for _, h := range []map[string]string{nil, {"Authorization": "Bearer of-the-caller"}, {"X-Api-Key": good}} {
		require.Equal(t, 200, b.Do("POST", api.Base+"/keys/verify", body, h).Code, h)
	}
	for _, h := range []map[string]string{{"X-Api-Key": "another"}, {"X-Goog-Api-Key": "a, b"}, {"X_Api_Key": good}} {
		p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", body, h), 400)
		require.NotContains(t, p.Message, good)
	}
}

func TestModelOfPath(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	secret := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"models","models":["gpt-4o-mini","gemini-2.5-pro","anthropic.claude-v2:1"]}`, 201).Secret
	ask := func(path string) string {
		return b.Do("POST", keycheck.ForwardAuth+path, "", map[string]string{"Authorization": "Bearer " + secret}).Header().Get("X-Tokenboard-Outcome")
	}
	for path, want := range map[string]string{
		"/v1beta/models/gemini-2.5-pro:generateContent":                                                 "good",
		"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse":                                   "good",
		"/gemini/v1beta/models/gemini-2.5-pro:countTokens":                                              "good",
		"/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-pro:generateContent": "good",
		"/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21":                       "good",
		"/v1/engines/gpt-4o-mini/completions":                                                           "good",
		"/model/anthropic.claude-v2%3A1/converse-stream":                                                "good",
		"/bedrock/model/anthropic.claude-v2:1/invoke":                                                   "good",
		"/v1beta/models/gemini-9:generateContent":                                                       "model_refused",
		"/v1/chat/completions":                                                                          "model_unsaid",
		"/v1/models/gpt-4o-mini":                                                                        "model_unsaid",
		"/v1/chat/completions/models/gpt-4o-mini":                                                       "model_unsaid",
		"/v1/chat/completions/openai/deployments/gpt-4o-mini/chat/completions":                          "model_unsaid",
		"/v1/chat/completions/v1beta/models/gemini-2.5-pro:generateContent":                             "model_unsaid",
		"/openai/deployments/gpt-4o-mini/chat/completions/extra":                                        "model_unsaid",
		"/openai/deployments/gpt-4o-mini":                                                               "model_unsaid",
		"/V1BETA/MODELS/gemini-2.5-pro:generateContent":                                                 "model_unsaid",
		"/models/gpt-4o-mini/%2e%2e/%2e%2e/v1/chat/completions":                                         "path_refused",
		"/models/gpt-4o-mini/%2E%2e/v1/chat/completions":                                                "path_refused",
		"/models/gpt-4o-mini/.%2e/v1/chat/completions":                                                  "path_refused",
		"/openai/deployments/gpt-4o-mini%2f..%2f..%2f/chat/completions":                                 "path_refused",
		"/openai/deployments/gpt-4o-mini%5c..%5cx/chat/completions":                                     "path_refused",
		"/openai/deployments/gpt-4o-mini/%252e%252e/chat/completions":                                   "path_refused",
		"/v1/chat/completions;/models/gpt-4o-mini":                                                      "path_refused",
		"/v1/chat/completions%3b/models/gpt-4o-mini":                                                    "path_refused",
		"/v1/chat/completions%3f/models/gpt-4o-mini":                                                    "path_refused",
		"/v1/chat/completions%00":                                                                       "path_refused",
		"/v1/chat/completions%0d%0a":                                                                    "path_refused",
		"/openai/deployments/gpt-4o-mini/..;/x":                                                         "path_refused",
	} {
		require.Equal(t, want, ask(path), path)
	}
	for _, address := range []string{"/v1/%2e%2e/x", "/v1/../x", "/v1//chat", "/v1/chat;x", "/v1/a%2Fb", `/v1/a\b`, "http://host/v1/%2e%2e/x?y"} {
		for _, name := range keycheck.AddressHeaders {
			w := b.Do("GET", keycheck.ForwardAuth+"?model=gpt-4o-mini", "", map[string]string{"Authorization": "Bearer " + secret, name: address})
			require.Equal(t, 403, w.Code, address)
			require.Equal(t, "path_refused", w.Header().Get("X-Tokenboard-Outcome"), address)
		}
	}
}

// TestWhoseAddress: the address that guesses are counted by is the peer's, unless who asks is signed in or is
// a proxy that is trusted.
func TestWhoseAddress(t *testing.T) {
	asking := access.Principal{Name: "root", Role: access.Admin, Via: "token"}
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Verify.Anonymous, o.Proxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}
		o.Open, o.Authenticated = false, func(context.Context) access.Principal { return asking }
	})
	consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"weak","key":"1234"}]}`, 200)
	for name, tc := range map[string]struct {
		who    access.Principal
		peer   string
		bypass bool
	}{
		"anonymous":       {access.Principal{}, "127.0.0.1:9", false},
		"open":            {access.Principal{Name: "local", Role: access.Admin, Via: "open"}, "127.0.0.2:9", false},
		"a trusted proxy": {access.Principal{}, "127.0.0.9:9", true},
		"a token":         {access.Principal{Name: "proxy", Role: access.Verifier, Via: "token"}, "127.0.0.3:9", true},
	} {
		asking = tc.who
		who := b.From(tc.peer)
		refused := 0
		for i := range 40 {
			h := map[string]string{"X-Forwarded-For": fmt.Sprintf("198.51.100.%d", i), "X-Real-Ip": fmt.Sprintf("198.51.100.%d", i), "Authorization": "Bearer guess"}
			if who.Do("GET", keycheck.ForwardAuth, "", h).Code == 429 {
				refused++
			}
		}
		require.Equal(t, tc.bypass, refused == 0, "%s: %d of 40 guesses had to wait", name, refused)
	}
}
