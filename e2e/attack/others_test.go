package attack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access/sso/ssotest"
)

// figureAttacks are calls whose figures no model reaches.
func figureAttacks() []attack {
	return []attack{{"figures", "600 calls of 2^53 tokens and 9.2e9 USD", nil, hugeFigures}}
}

func hugeFigures(t *testing.T, b *target) string {
	b.calls(600, func(i int) call {
		return call{
			id: 6_000_000 + i, start: time.Now(), model: "huge", input: 1 << 53, output: 1 << 53,
			more: map[string]string{"gen_ai.usage.cost": "9200000000"},
		}
	})
	var s struct {
		Data struct {
			Used  int64   `json:"used_tokens"`
			Input int64   `json:"input_tokens"`
			Calls int64   `json:"api_call_count"`
			Cost  float64 `json:"cost_usd"`
		}
	}
	b.viewer.get(api+"/stats?model=huge").must(t, 200).read(t, &s)
	require.EqualValues(t, 600, s.Data.Calls)
	require.GreaterOrEqual(t, min(s.Data.Used, s.Data.Input), int64(0), "the sums turned around")
	require.GreaterOrEqual(t, s.Data.Cost, 0.0)
	for line := range strings.Lines(string(b.viewer.get("/metrics").must(t, 200).body)) {
		if f := strings.Fields(line); len(f) == 2 && !strings.HasPrefix(line, "#") {
			require.False(t, strings.HasPrefix(f[1], "-"), line)
		}
	}
	return fmt.Sprintf("%d tokens are counted", s.Data.Used)
}

// keyAttacks are against the checks of keys.
func keyAttacks() []attack {
	return []attack{
		{"keys", "estimates that would raise what is left", nil, negativeEstimates},
		{"keys", "one key is checked and another one is sent beside it", nil, twoKeys},
		{"keys", "a model that the path only seems to name", nil, pathTricks},
		{"keys", "fields that are there twice or in other letters", nil, foldedFields},
	}
}

func (b *target) key(t *testing.T, body map[string]any) (id, secret string) {
	t.Helper()
	var key struct{ Data struct{ ID, Key string } }
	b.admin.post(api+"/keys", body).must(t, 201).read(t, &key)
	return key.Data.ID, key.Data.Key
}

func negativeEstimates(t *testing.T, b *target) string {
	_, secret := b.key(t, map[string]any{"name": "estimates", "limits": map[string]any{"tokens": map[string]any{"day": 1000}}})
	left := func() (left, limit int64) {
		var v struct {
			Data struct {
				Left struct {
					Tokens struct{ Day struct{ Left, Limit int64 } }
				}
			}
		}
		b.verifier.post(api+"/keys/verify", map[string]any{"key": secret, "estimate": 1}).must(t, 200).read(t, &v)
		return v.Data.Left.Tokens.Day.Left, v.Data.Left.Tokens.Day.Limit
	}
	before, limit := left()
	require.EqualValues(t, 1000, limit)
	for _, body := range []string{
		`{"key":"%s","estimate":-100000}`, `{"key":"%s","estimate_usd":-1000}`, `{"key":"%s","estimate":1,"Estimate":-100000}`,
		`{"key":"%s","estimate":1,"estimate":-100000}`, `{"key":"%s","estimate":-9223372036854775808}`, `{"key":"%s","estimate_usd":-1e-9}`,
	} {
		r := b.verifier.post(api+"/keys/verify", fmt.Sprintf(body, secret))
		require.NoError(t, r.err)
		require.Equal(t, 400, r.status, body)
	}
	after, _ := left()
	require.LessOrEqual(t, after, before, "a check raised what is left")
	return "refused"
}

func twoKeys(t *testing.T, b *target) string {
	_, good := b.key(t, map[string]any{"name": "good"})
	id, spent := b.key(t, map[string]any{"name": "spent"})
	b.admin.do(t.Context(), http.MethodDelete, api+"/keys/"+id, nil).must(t, 200)
	verify := func(header http.Header) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.console+api+"/keys/verify/forward-auth", nil)
		require.NoError(t, err)
		req.Header = header
		if token := b.verifier.header["Authorization"]; token != "" {
			req.Header.Set("X-Tokenboard-Token", strings.TrimPrefix(token, "Bearer "))
		}
		res, err := b.web.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		return res.StatusCode
	}
	require.Equal(t, 200, verify(http.Header{"Authorization": {"Bearer " + good}}))
	tried := 0
	for _, header := range []http.Header{
		{"X-Api-Key": {good}, "Authorization": {spent}},
		{"X-Api-Key": {good}, "Authorization": {"Bearer " + spent}},
		{"X-Api-Key": {spent}, "Authorization": {"Bearer " + good}},
		{"Authorization": {"Bearer " + good, "Bearer " + spent}},
		{"X-Api-Key": {good, spent}},
		{"Authorization": {"Bearer " + good}, "X-Goog-Api-Key": {spent}},
		{"Authorization": {"Bearer " + good}, "Api-Key": {spent}},
	} {
		require.NotEqual(t, 200, verify(header.Clone()), header)
		tried++
	}
	return fmt.Sprintf("%d ways refused", tried)
}

func pathTricks(t *testing.T, b *target) string {
	_, secret := b.key(t, map[string]any{"name": "mini", "models": []string{"gpt-4o-mini"}})
	ask := func(query, name, path string) reply {
		header := map[string]string{"Authorization": "Bearer " + secret}
		if name != "" {
			header[name] = path
			path = ""
		}
		return (&caller{b, "", header}).with("X-Tokenboard-Token", strings.TrimPrefix(b.verifier.header["Authorization"], "Bearer ")).
			get(api + "/keys/verify/forward-auth" + path + query)
	}
	ask("", "", "/v1beta/models/gpt-4o-mini:generateContent").must(t, 200)
	ask("?model=gpt-4o-mini", "X-Original-Uri", "/v1/chat/completions").must(t, 200)
	tried := 0
	for _, path := range []string{
		"/models/gpt-4o-mini/%2e%2e/%2e%2e/v1/chat/completions", "/v1/chat/completions;/models/gpt-4o-mini", "/models/gpt-4o-mini/../../v1/chat/completions",
		"/v1/models/gpt-4o-mini%2f..%2f..%2fchat/completions", "//models/gpt-4o-mini/..//v1/chat/completions",
		"/v1beta/models/gpt-4o-mini:generateContent/../../chat", "/v1/models/gpt-4o-mini\\..\\chat",
	} {
		for _, name := range []string{"", "X-Forwarded-Uri", "X-Original-Uri"} {
			query := "?model=gpt-4o-mini"
			if name == "" {
				query = ""
			}
			r := ask(query, name, path)
			if r.err != nil {
				continue // no client sends it
			}
			require.NotEqual(t, 200, r.status, "%s in %q", path, name)
			tried++
		}
	}
	for _, path := range []string{"/v1/chat/completions/models/gpt-4o-mini", "/v1/chat/completions?x=/models/gpt-4o-mini", "/v1/chat/completions"} {
		require.NotEqual(t, 200, ask("", "", path).status, path)
		tried++
	}
	return fmt.Sprintf("%d refused", tried)
}

func foldedFields(t *testing.T, b *target) string {
	for _, body := range []string{
		`{"name":"f","NAME":"g"}`, `{"name":"f","name":"g"}`, `{"name":"f","Owner":"root"}`, `{"name":"f","limits":{"tokens":{"day":1,"Day":100}}}`,
	} {
		b.admin.post(api+"/keys", body).must(t, 400)
	}
	if b.mode != "open" {
		b.admin.post(api+"/users", `{"name":"folded","role":"member","ROLE":"admin","password":"`+password+`"}`).must(t, 400)
	}
	return "refused"
}

// privacyAttacks look for what must not be kept.
func privacyAttacks() []attack {
	return []attack{{"secrets", "planted under many names and in many texts", nil, plantedSecrets}}
}

func plantedSecrets(t *testing.T, b *target) string {
	secrets := map[string]string{}
	more := map[string]string{}
	plant := func(attribute, form string) {
		secret := fmt.Sprintf("sk-planted%02d0123456789abcdefghijklmnop", len(secrets))
		secrets[attribute] = secret
		more[attribute] = fmt.Sprintf(form, secret)
	}
	for _, name := range []string{
		"http.request.header.Authorization", "x_api_key", "llm.headers", "x-litellm-api-key", "http.request.header.x-api-key", "API-KEY", "openai.api_key",
		"request.headers.authorization", "metadata.user_api_key",
	} {
		plant(name, "%s")
	}
	for _, name := range []string{"user.id", "session.id", "error.message", "url.path", "exception.message", "gen_ai.conversation.id"} {
		plant(name, "a text with %s in it")
	}
	one := call{id: 7_000_000, start: time.Now(), model: "planted", input: 1, output: 1, more: more}
	b.calls(1, func(int) call { return one })
	found := string(b.admin.get(api+"/export?format=ndjson&model=planted").must(t, 200).body)
	require.Contains(t, found, "planted")
	found += string(b.admin.get("/metrics").must(t, 200).body) + string(b.admin.get(api+"/export?format=json").must(t, 200).body) + b.stderr.String()
	for name, secret := range secrets {
		require.NotContains(t, found, secret, "planted in %s", name)
	}
	return fmt.Sprintf("%d secrets, none found", len(secrets))
}

// accessAttacks are against those who sign in.
func accessAttacks() []attack {
	signsIn := []string{"local", "oidc"}
	return []attack{
		{"access", "what each role must not do", signsIn, forbidden},
		{"access", "a token that would outlive its revocation", signsIn, tokenThatMakesMore},
		{"access", "identity tokens that are not the provider's, or name nobody", []string{"oidc"}, forgedIdentities},
		{"access", "110 wrong passwords, to keep others out", signsIn, wrongPasswords},
	}
}

func forbidden(t *testing.T, b *target) string {
	tried := 0
	for _, of := range []struct {
		who   *caller
		paths []string
	}{
		{b.nobody, []string{"/stats", "/keys", "/users", "/audit", "/tokens", "/export", "/quality", "/settings", "/logs/stream"}},
		{b.verifier, []string{"/stats", "/keys", "/users", "/audit", "/export"}},
		{b.member, []string{"/quality", "/users", "/audit", "/settings", "/audit/export", "/prices", "/dashboards"}},
		{b.viewer, []string{"/users", "/audit", "/audit/export"}},
		{b.operator, []string{"/users", "/audit", "/audit/export"}},
	} {
		for _, path := range of.paths {
			r := of.who.get(api + path)
			require.NoError(t, r.err)
			require.Contains(t, []int{401, 403}, r.status, "%s of %s", path, of.who.name)
			tried++
		}
	}
	for _, who := range []*caller{b.nobody, b.verifier, b.member, b.viewer, b.operator} {
		r := who.post(api+"/users", map[string]any{"name": "mallory", "role": "admin", "password": password})
		require.Contains(t, []int{401, 403}, r.status, who.name)
		tried++
	}
	return fmt.Sprintf("%d refused", tried)
}

func tokenThatMakesMore(t *testing.T, b *target) string {
	var made struct{ Data struct{ ID, Token string } }
	b.admin.post(api+"/tokens", map[string]any{"name": "script", "role": "admin"}).must(t, 201).read(t, &made)
	by := &caller{target: b, name: "token", header: map[string]string{"Authorization": "Bearer " + made.Data.Token}}
	by.get(api+"/stats").must(t, 200)
	require.Equal(t, 403, by.post(api+"/users", map[string]any{"name": "mallory", "role": "admin", "password": password}).status)
	require.Equal(t, 403, by.post(api+"/tokens", map[string]any{"name": "more", "role": "admin"}).status)
	b.admin.do(t.Context(), http.MethodDelete, api+"/tokens/"+made.Data.ID, nil).must(t, 200)
	require.Equal(t, 401, by.get(api+"/stats").status)
	return "it makes nothing, and ends"
}

func wrongPasswords(t *testing.T, b *target) string {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var all sync.WaitGroup
	for i := range 110 {
		all.Go(func() {
			by := b.nobody.with("Origin", "http://"+b.console)
			by.do(ctx, http.MethodPost, api+"/session", jsonOf(map[string]any{"username": []string{"viewer", "nobody", "x"}[i%3], "password": fmt.Sprint("guess ", i)}))
		})
	}
	all.Wait()
	begun := time.Now()
	for {
		as := b.nobody.with("Origin", "http://"+b.console)
		r := as.post(api+"/session", map[string]any{"username": "root", "password": password})
		if r.status == 200 {
			break
		}
		require.Less(t, time.Since(begun), 60*time.Second, "the right password does not get in: %d %s", r.status, r.message())
		time.Sleep(500 * time.Millisecond)
	}
	b.verifier.post(api+"/keys/verify", map[string]any{"key": "tb-none"}).must(t, 401)
	b.viewer.get(api+"/stats").must(t, 200)
	return fmt.Sprintf("the right password got in %.1f s later", time.Since(begun).Seconds())
}

// byProvider signs somebody in on the provider's page; it returns who is signed in then, "" for nobody.
func (b *target) byProvider(t *testing.T, u *ssotest.User) string {
	t.Helper()
	login := b.nobody.get(api+"/session/oidc/login").must(t, 302)
	cookies := (&http.Response{Header: login.header}).Cookies()
	require.NotEmpty(t, cookies)
	back := b.provider.SignIn(login.header.Get("Location"), u)
	r := b.nobody.with("Cookie", cookies[0].Name+"="+cookies[0].Value).get(api + "/session/oidc/callback?" + back.Encode())
	require.NoError(t, r.err)
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == "tokenboard" && c.Value != "" {
			var s struct {
				Data struct{ User *struct{ Name string } }
			}
			b.nobody.with("Cookie", c.Name+"="+c.Value).get(api+"/session").must(t, 200).read(t, &s)
			require.NotNil(t, s.Data.User)
			return s.Data.User.Name
		}
	}
	return ""
}

func forgedIdentities(t *testing.T, b *target) string {
	claims := func(more map[string]any) map[string]any {
		out := map[string]any{"preferred_username": "somebody", "groups": []string{"viewers"}}
		maps.Copy(out, more)
		return out
	}
	require.Equal(t, "somebody", b.byProvider(t, &ssotest.User{Subject: "s1", Token: claims(nil)}), "who is real gets in")
	tried := 0
	for what, more := range map[string]map[string]any{
		"an empty subject": {"sub": ""}, "no subject": {"sub": nil}, "another audience": {"aud": "another"}, "another issuer": {"iss": "http://127.0.0.1:1"},
		"a token that is over": {"exp": 1}, "no nonce": {"nonce": nil}, "another nonce": {"nonce": "x"},
	} {
		u := &ssotest.User{Subject: "s2", Token: claims(more)}
		if more["sub"] != nil || what == "no subject" {
			u.Subject = ""
		}
		require.Empty(t, b.byProvider(t, u), what)
		tried++
	}
	return fmt.Sprintf("%d refused", tried)
}
