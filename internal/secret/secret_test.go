package secret

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// samples are made up, one of each shape.
var samples = map[string]string{
	"openai":      "sk-proj-" + body(word64Bytes, 74) + "T3BlbkFJ" + body(word64Bytes, 74),
	"openai old":  "sk-" + body(alnumBytes, 48),
	"litellm":     "sk-" + body(word64Bytes, 22),
	"anthropic":   "sk-ant-api03-" + body(word64Bytes, 93) + "AA",
	"openrouter":  "sk-or-v1-" + body("0123456789abcdef", 64),
	"google":      "AIza" + body(word64Bytes, 35),
	"groq":        "gsk_" + body(alnumBytes, 52),
	"xai":         "xai-" + body(alnumBytes, 80),
	"huggingface": "hf_" + body(letterBytes, 34),
	"github":      "ghp_" + body(alnumBytes, 36),
	"github pat":  "github_pat_" + body(alnumBytes, 82),
	"gitlab":      "glpat-" + body(alnumBytes, 20),
	"tokenboard":  "tb-" + body(word64Bytes, 43),
	"api token":   "tbt-" + body(word64Bytes, 43),
	"aws":         "AKIA" + body("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
	"jwt":         "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + body(word64Bytes, 43),
	"slack":       "xoxb-123456789012-" + body(alnumBytes, 24),
	"perplexity":  "pplx-" + body(alnumBytes, 48),
	"nvidia":      "nvapi-" + body(word64Bytes, 64),
	"replicate":   "r8_" + body(alnumBytes, 37),
	"stripe":      "sk_live_" + body(alnumBytes, 24),
	"zhipu":       body("0123456789abcdef", 32) + "." + body(alnumBytes, 16),
	"langfuse":    "sk-lf-12345678-1234-4123-8123-1234567890ab",
	"langsmith":   "lsv2_pt_" + body("0123456789abcdef", 32) + "_" + body("0123456789abcdef", 10),
	"databricks":  "dapi" + body("0123456789abcdef", 32),
	"fireworks":   "fw_" + body(alnumBytes, 22),
}

const (
	letterBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnumBytes  = letterBytes + "0123456789"
	word64Bytes = alnumBytes + "_-"
)

var bodies = rand.New(rand.NewPCG(1, 2))

// body makes the random part of a key.
func body(of string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = of[bodies.IntN(len(of))]
	}
	b[0], b[n-1] = of[0], of[1] // no separator at the ends
	return string(b)
}

const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aozN3tihPmljnnudb9G3HECdnH\n-----END RSA PRIVATE KEY-----"

func TestTextByShape(t *testing.T) {
	for name, key := range samples {
		for _, form := range []string{"%s", "key %s.", "(%s)", `{"a":"%s","b":1}`, "https://h/v1/%s/x", "prefix_%s", "a,%s;b", "Incorrect API key provided: %s. You can find", "x\n%s\ny", "é%sé"} {
			out, n := Text(fmt.Sprintf(form, key))
			require.Equal(t, fmt.Sprintf(form, usage.DisplayKey(key)), out, name)
			require.Equal(t, 1, n, name)
		}
	}
	out, n := Text("error: " + pem + " tail")
	require.Equal(t, "error: REDACTED tail", out)
	require.Equal(t, 1, n)
	out, _ = Text("cut off " + pem[:60])
	require.Equal(t, "cut off REDACTED", out)
	two, n := Text(samples["openai old"] + " and " + samples["google"])
	require.Equal(t, usage.DisplayKey(samples["openai old"])+" and "+usage.DisplayKey(samples["google"]), two)
	require.Equal(t, 2, n)
}

func TestTextByName(t *testing.T) {
	const s = "Zq8Xv2Lm9Kp4" // no shape
	for _, tc := range []struct{ text, want string }{
		{`{"api_key":"` + s + `","n":1}`, `{"api_key":"REDACTED","n":1}`},
		{`{"headers":{"Authorization":"Bearer ` + s + `"}}`, `{"headers":{"Authorization":"REDACTED"}}`},
		{`{"headers":{"x-api-key":["` + s + `"]}}`, `{"headers":{"x-api-key":["REDACTED"]}}`},
		{`{\"password\": \"a\\\"b\", \"x\": 1}`, `{\"password\": \"REDACTED\", \"x\": 1}`},
		{`{'api_key': '` + s + `', 'x': None}`, `{'api_key': 'REDACTED', 'x': None}`},
		{`{'api_key': None, 'token': 5}`, `{'api_key': None, 'token': 5}`},
		{"Authorization: Bearer " + s + "\r\nAccept: x", "Authorization: REDACTED\r\nAccept: x"},
		{"Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: REDACTED"},
		{"sent Basic dXNlcjpwYXNzd29yZA== to it", "sent Basic REDACTED to it"},
		{"OPENAI_API_KEY=" + s + " x", "OPENAI_API_KEY=REDACTED x"},
		{"host=db password=pw12 user=x", "host=db password=REDACTED user=x"},
		{"postgres://user:pass@host/db", "postgres://user:REDACTED@host/db"},
		{"https://h/v1?key=abc&x=1", "https://h/v1?key=REDACTED&x=1"},
		{"https://h/v1?a=1&X-Amz-Signature=0a1b&x=1", "https://h/v1?a=1&X-Amz-Signature=REDACTED&x=1"},
		{"map[Authorization:[Bearer " + s + "] Accept:[x]]", "map[Authorization:[REDACTED] Accept:[x]]"},
		{"Cookie: a=b1; session=" + s + "\nX: y", "Cookie: REDACTED\nX: y"},
		{"clientSecret => " + s, "clientSecret => REDACTED"},
		{"token: " + s, "token: REDACTED"},
		{`"authorization":"` + samples["openai old"] + `"`, `"authorization":"` + usage.DisplayKey(samples["openai old"]) + `"`},
		// no secrets
		{"max_tokens: 4096, token_count=1234567890", "max_tokens: 4096, token_count=1234567890"},
		{`{"usage":{"prompt_tokens":10,"token":"Hello"}}`, `{"usage":{"prompt_tokens":10,"token":"Hello"}}`},
		{"invalid token: expected ','", "invalid token: expected ','"},
		{"time_to_first_token=0.1234567890", "time_to_first_token=0.1234567890"},
		{"missing Bearer authentication in the header", "missing Bearer authentication in the header"},
		{"https://user@host/x?monkey=1", "https://user@host/x?monkey=1"},
		{"cache key=user:12345678", "cache key=user:12345678"},
	} {
		out, n := Text(tc.text)
		require.Equal(t, tc.want, out)
		require.Equal(t, out != tc.text, n > 0)
		again, n := Text(out)
		require.Equal(t, out, again, "what is cut stays")
		require.Zero(t, n, again)
	}
}

// TestTextKeeps: what accounting needs is no secret.
func TestTextKeeps(t *testing.T) {
	for _, text := range []string{
		"gpt-4o-mini-2024-07-18", "claude-sonnet-4-5-20250929", "anthropic/claude-3.5-sonnet:beta", "us.anthropic.claude-sonnet-4-20250514-v1:0", "xai/grok-4-fast-non-reasoning",
		"xai-grok-4-fast-non-reasoning-latest-2025", "hf_meta-llama/Llama-3.3-70B-Instruct-Turbo", "accounts/fireworks/models/llama-v3p1-405b-instruct", "sk-telecom/A.X-3.1-Light",
		"chatcmpl-BqVgJ9mXk2sQ8tZr4yWnL7pD3fHc1", "resp_68a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f3", "msg_01XFDUDYJgAACzvnptvVoYEL", "req_011CSHoEeqs5C35K2UUqR7Fy",
		"0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "550e8400-e29b-41d4-a716-446655440000", "2ab06cfadcdcc1bb1a1ff9edefb028084a837b3ed7b95f97e6b1c2d3e4f5a6b7",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "toolu_01A09q90qw90lq917835lq9", "call_abcDEF1234567890ghijkl", "thread_abc123def456ghi789", "asst_abc123DEF456",
		"tb-production-eu-west-1-cluster", "task-runner-1234567890-abcdefghij", "disk-usage-monitor-service-prod-01", "projects/123456/locations/us-central1/publishers/google/models/gemini-2.5-pro",
		"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0", "eyJ is no token", "session-12345678-abcd", "user_2abcDEF123456", "me@example.com",
		"https://api.openai.com/v1/chat/completions", "http://127.0.0.1:8089/v1/models/gemini-2.5-flash:generateContent", "tb-Ab…9f3a", "sk-an…cdef", "sk-...abcd", "litellm_proxy_master_key",
		"Token usage of the session", "2026-11-29T12:02:15.123456789Z", "gemini-cli/0.1.0 (linux; x64)", "opentelemetry.instrumentation.openai.v1", "tokenboard.key.fingerprint",
	} {
		out, n := Text(text)
		require.Equal(t, text, out)
		require.Zero(t, n)
	}
}

func TestName(t *testing.T) {
	for _, name := range []string{
		"Authorization", "authorization", "AUTHORIZATION", "http.request.header.authorization", "http.request.header.proxy_authorization", "ProxyAuthorization",
		"x_api_key", "x-api-key", "X-Api-Key", "api_key", "apikey", "apiKey", "APIKey", "API_KEY", "OPENAI_API_KEY", "x-litellm-api-key", "x-goog-api-key", "llm.api_key",
		"http.request.header.x_goog_api_key", "Ocp-Apim-Subscription-Key", "cookie", "Set-Cookie", "http.response.header.set_cookie", "password", "db.password", "userPassword",
		"secret", "client_secret", "clientSecret", "aws.secret_access_key", "private_key", "access_token", "accessToken", "id_token", "refreshToken", "auth_token", "x-auth-token",
		"x-amz-security-token", "token", "api.token", "credentials", "gcp.credential", "authorization.0", "http.request.header.authorization[0]", "api_key.value", "authorization_header",
		"authorizationHeader", "basic_auth", "x-bf-vk", "litellm_key", "user_api_key", "metadata.user_api_key",
	} {
		require.NotEqual(t, Not, Name(name), name)
	}
	for _, name := range []string{
		"", "gen_ai.usage.input_tokens", "gen_ai.token.type", "gen_ai.server.time_to_first_token", "copilot_chat.time_to_first_token", "time_per_output_token", "max_tokens", "llm.token_count.prompt",
		"metadata.user_api_key_hash", "metadata.user_api_key_alias", "metadata.user_api_key_team_id", "litellm.api_key.hash", "trace.metadata.openrouter.api_key_name", "api_key_id",
		"gen_ai.virtual_key_name", "tokenboard.key.fingerprint", "tokenboard.key.display", "cache_key", "idempotency_key", "messaging.kafka.message.key", "monkey", "keyboard", "key", "genkit:key",
		"author", "tokenizer", "input_token_count", "session.id", "enduser.id", "public_key", "partition_key", "stop_token", "next_page_token", "oauth", "secret_name", "k8s.secret.name",
	} {
		require.Equal(t, Not, Name(name), name)
	}
}

// TestKeysPlain: cutting is what the plainest way does, leftmost and longest first.
func TestKeysPlain(t *testing.T) {
	for seed := range uint64(4000) {
		rng := rand.New(rand.NewPCG(seed, 3))
		text := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab"[rng.IntN(2)]
			}
			return string(b)
		}
		var k Keys
		var keys []string
		for range rng.IntN(12) {
			key := text(8 + rng.IntN(6))
			keys = append(keys, key)
			k.Add(key)
		}
		in := text(rng.IntN(200))
		want := ""
		for i := 0; i < len(in); {
			longest := ""
			for _, key := range keys {
				if strings.HasPrefix(in[i:], key) && len(key) > len(longest) {
					longest = key
				}
			}
			if longest == "" {
				want += in[i : i+1]
				i++
				continue
			}
			want += usage.DisplayKey(longest)
			i += len(longest)
		}
		out, _ := k.Cut(in)
		require.Equal(t, want, out, "%q in %q", keys, in)
	}
}

func TestKeysBounds(t *testing.T) {
	var k Keys
	k.Add("short")
	require.True(t, k.Empty())
	long := strings.Repeat("x", 5000) + "A"
	k.Add(long)
	k.Add(long[:4000] + "B")
	out, n := k.Cut("a " + long + " b " + long[:4000] + "B c")
	require.Equal(t, 2, n)
	require.NotContains(t, out, "xxxxxxxxxxxx")
	for i := range 100 {
		k.Add(fmt.Sprintf("secret number %d", i))
	}
	require.True(t, k.Full())
	k.Reset()
	require.True(t, k.Empty())
	require.False(t, k.Full())
}

// hostile makes texts of a size that a careless search takes long for.
var hostile = map[string]func(n int) string{
	"one letter":      func(n int) string { return strings.Repeat("a", n) },
	"shapes":          func(n int) string { return strings.Repeat("sk-", n/3) },
	"tokens":          func(n int) string { return strings.Repeat("eyJ-", n/4) },
	"parts":           func(n int) string { return strings.Repeat("eyJ-", n/8) + "." + strings.Repeat("eyJ-", n/8) },
	"hexadecimal":     func(n int) string { return strings.Repeat("dapi-", n/5) },
	"names":           func(n int) string { return strings.Repeat("token=", n/6) },
	"names in quotes": func(n int) string { return strings.Repeat(`"token":" `, n/10) },
	"more quotes":     func(n int) string { return strings.Repeat(`\"token\":\" 'token':'`, n/21) },
	"slashes":         func(n int) string { return `"token":"` + strings.Repeat(`\`, n) },
	"backslashes":     func(n int) string { return strings.Repeat(`"token":"\\\"`, n/13) },
	"separators":      func(n int) string { return strings.Repeat(":", n) },
	"users":           func(n int) string { return strings.Repeat("a://b:", n/6) },
	"dots":            func(n int) string { return strings.Repeat("0123456789abcdef0123456789abcdef.", n/33) },
	"bearers":         func(n int) string { return strings.Repeat("bearer ", n/7) },
	"control":         func(n int) string { return strings.Repeat("token=\x01…", n/10) },
	"cut":             func(n int) string { return strings.Repeat("token=…", n/9) },
	"shown":           func(n int) string { return strings.Repeat("token=REDACTED.", n/15) },
	"private keys":    func(n int) string { return strings.Repeat("-----BEGIN X", n/12) },
	"spaces":          func(n int) string { return strings.Repeat("key : ", n/6) + strings.Repeat(" ", n) },
	"cookies":         func(n int) string { return strings.Repeat("cookie: a; ", n/11) },
	"real":            func(n int) string { return strings.Repeat(samples["anthropic"]+" ", n/109) },
}

// TestTextLinear counts the bytes that are looked at: twice the text is twice the work, whatever it is.
func TestTextLinear(t *testing.T) {
	for name, text := range hostile {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			x := scanner{s: text(n)}
			x.cut()
			require.Less(t, x.work, 40*n, "%s, %d bytes", name, n)
		}
	}
}

// TestKeysLinear: so is looking for known keys.
func TestKeysLinear(t *testing.T) {
	var k Keys
	for i := range maxKeys {
		k.Add(strings.Repeat("a", 100) + fmt.Sprintf("%02d", i) + strings.Repeat("a", 200))
	}
	for name, text := range hostile {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			k.trie.work = 0
			k.Cut(text(n))
			require.LessOrEqual(t, k.trie.work, 4*n, "%s, %d bytes", name, n)
		}
	}
}

func BenchmarkText(b *testing.B) {
	texts := []string{"gpt-4o-mini-2024-07-18", "https://api.openai.com/v1/chat/completions", "chat", "550e8400-e29b-41d4-a716-446655440000", "opentelemetry.instrumentation.openai.v1", "api.openai.com"}
	n := 0
	for _, s := range texts {
		n += len(s)
	}
	b.SetBytes(int64(n))
	for b.Loop() {
		for _, s := range texts {
			Text(s)
		}
	}
}

// TestSuspect: what is cut is suspected, wherever in a text it stands.
func TestSuspect(t *testing.T) {
	pieces := []string{"a", "-", "_", "é", " ", "Z9", ".", "\x00", "\xff", "word", ":", "=", "\"", "token", "api_key", "Bearer ", "ab cd"}
	for _, key := range samples {
		pieces = append(pieces, key, key[:len(key)/2])
	}
	cuts := 0
	for seed := range uint64(20_000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		text := ""
		for range 1 + rng.IntN(6) {
			text += pieces[rng.IntN(len(pieces))]
		}
		x := scanner{s: text}
		if _, n := x.cut(); n > 0 {
			cuts++
			require.True(t, suspect(text), "%q", text)
		}
	}
	require.Greater(t, cuts, 1000)
}

// TestAlnums: eight bytes at a time say what each says.
func TestAlnums(t *testing.T) {
	for c := range 256 {
		for at := range lane {
			got := alnums(uint64(c)<<(8*at) | 0x2d2d2d2d2d2d2d2d&^(0xff<<(8*at)))
			want := uint64(0)
			if isAlnum(byte(c)) {
				want = 0x80 << (8 * at)
			}
			require.Equal(t, want, got, c)
		}
	}
}

// TestShortestShape: the search passes over the end of a text only where no shape fits in it any more.
func TestShortestShape(t *testing.T) {
	for _, text := range []string{"eyJ1234567.1234567", "basic abcdefGHIJ12", "Bearer abcdefGHIJ12"} {
		for _, before := range []string{"", "a ", "é-"} {
			_, n := Text(before + text)
			require.Equal(t, 1, n, before+text)
		}
	}
	for i := range shapes {
		if sh := &shapes[i]; sh.end == nil {
			require.GreaterOrEqual(t, len(sh.prefix)+sh.min, shortestShape, sh.prefix)
		}
	}
}
