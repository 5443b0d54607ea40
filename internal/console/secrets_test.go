package console_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/channels"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// planted are secrets and what is made of them, by name.
type planted map[string]string

// add plants a secret with the forms in which a careless program would show it.
func (p planted) add(name, secret string) {
	sum := sha256.Sum256([]byte(secret))
	p[name] = secret
	p["hash of "+name] = hex.EncodeToString(sum[:])
	p["HASH of "+name] = strings.ToUpper(hex.EncodeToString(sum[:]))
	p["base64 hash of "+name] = base64.StdEncoding.EncodeToString(sum[:])
	p["base64url hash of "+name] = base64.RawURLEncoding.EncodeToString(sum[:])
	p["beginning of the hash of "+name] = hex.EncodeToString(sum[:])[:10]
}

// requireNone fails where a text holds a planted secret, as it is or escaped for an address.
func (p planted) requireNone(t testing.TB, where, text string) {
	t.Helper()
	for name, secret := range p {
		for _, form := range []string{secret, url.QueryEscape(secret)} {
			if strings.Contains(text, form) {
				require.Fail(t, "a secret is shown", "%s shows the %s", where, name)
			}
		}
	}
}

// TestNoSecretsAnywhere searches all answers, errors, exports, metrics, log lines and the audit log for
// secrets that were planted. Only the answer that makes a secret has it, and the cookie that is one.
func TestNoSecretsAnywhere(t *testing.T) {
	const inProxy = "sk-a-key-that-only-a-proxy-has-0123456789"
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: "management", Keys: []string{inProxy}})
	provided, synced := consoletest.WithProvider(t), consoletest.WithProxies(t, proxy)
	o := consoletest.NewSecured(t, func(o *console.Options) { provided(o); synced(o) })
	o.Calls(consoletest.TestNow)
	setup, err := o.Console.SetupToken(t.Context())
	require.NoError(t, err)
	root := o.NewPerson("root", access.Admin)
	secrets := planted{}
	secrets.add("key in a proxy", inProxy)
	require.Eventually(t, func() bool {
		return strings.Contains(root.Do("GET", "/key-sync", "").Body.String(), keyindex.ExternalName(o.Ledger.KeyedFingerprint(usage.Fingerprint(inProxy))))
	}, 2*time.Minute, 2*time.Millisecond, "key sync reports it")
	secrets.add("password", consoletest.TestPassword)
	secrets.add("session", strings.TrimPrefix(root.Header["Cookie"], "tokenboard="))
	u, _, err := o.Directory.FindUser(context.Background(), store.UserRef{Name: "root"})
	require.NoError(t, err)
	secrets["password hash"] = u.Password
	secrets["any password hash"] = "$argon2"

	made := root.Do("POST", "/keys", `{"name":"key","owner":"root"}`)
	key := consoletest.Read[keys.NewKey](t, made, 201)
	require.Equal(t, 1, strings.Count(made.Body.String(), key.Secret))
	secrets.add("key", key.Secret)
	o.Spend(1, usage.Fingerprint(key.Secret), "m", 5)
	elsewhere := "sk-a-key-that-was-made-elsewhere-0123456789"
	secrets.add("key of another", elsewhere)
	o.Spend(2, usage.Fingerprint(elsewhere), "m", 5)
	made = root.Do("POST", "/tokens", `{"name":"script","role":"admin"}`)
	token := consoletest.Read[users.NewToken](t, made, 201)
	require.Equal(t, 1, strings.Count(made.Body.String(), token.Secret))
	secrets.add("API token", token.Secret)
	secrets.add("setup token", setup)
	const ofChannel = "planted-token-of-a-channel-0123456789"
	secrets.add("secret of a channel", ofChannel)
	channel := consoletest.Read[channels.Channel](t, root.Do("POST", "/alerts/channels",
		`{"name":"channel","kind":"alertmanager","settings":{"url":"https://am.example"},"secrets":{"token":`+quoted(ofChannel)+`}}`), 201).ID

	seen := 0
	look := func(name string, w *httptest.ResponseRecorder) {
		t.Helper()
		seen++
		headers := w.Header().Clone()
		headers.Del("Set-Cookie")
		text := w.Body.String() + fmt.Sprint(headers)
		for _, m := range cursors.FindAllStringSubmatch(text, -1) {
			mark, err := base64.RawURLEncoding.DecodeString(m[1])
			require.NoError(t, err)
			text += string(mark)
		}
		secrets.requireNone(t, name, text)
	}
	script := &consoletest.Person{Secured: o, Name: "root", Header: map[string]string{"Authorization": "Bearer " + token.Secret}}
	for _, who := range []*consoletest.Person{root, script, {Secured: o}} {
		call := consoletest.Read[calls.LogPage](t, root.Do("GET", "/logs", ""), 200).Items[0].ID
		for _, e := range expectations {
			method, target, _ := strings.Cut(e.route, " ")
			if method != "GET" {
				continue
			}
			if e.target != "" {
				target = e.target
			}
			target = strings.NewReplacer("{call}", call, "{key}", key.ID, "{channel}", channel).Replace(target)
			if strings.HasSuffix(e.route, "/stream") {
				look(e.route, o.Beginning(method, target, who.Header))
				continue
			}
			look(e.route, o.Do(method, target, "", who.Header))
		}
		for _, target := range []string{
			"/export?format=csv", "/export?format=ndjson", "/audit/export?format=csv", "/dimensions/key", "/breakdown?by=key", "/breakdown?by=key,model&limit=1",
			"/usage-trend?group_by=key", "/logs?q=key:key", "/logs?q=key:" + keyindex.ExternalName(usage.Fingerprint(elsewhere)), "/stats?key=" + keyindex.ExternalName(usage.Fingerprint(elsewhere)),
			"/key-sync", "/export?format=json", "/export/focus",
			// a secret where none belongs
			"/logs/" + url.PathEscape(key.Secret), "/stats?key=" + key.Secret, "/stats?status=" + token.Secret, "/stats?from=" + key.Secret, "/stats?" + key.Secret + "=1",
			"/logs?cursor=" + key.Secret, "/logs?q=%22" + key.Secret, "/usage-trend?timezone=" + token.Secret, "/dimensions/" + key.Secret, "/" + key.Secret, "/audit?actor=" + key.Secret,
		} {
			w := who.Do("GET", target, "")
			if strings.Contains(target, "?"+key.Secret) || strings.HasPrefix(target, "/dimensions/tb-") {
				continue // the name of a parameter, or a part of the address, that is wrong is shown to whoever sent it
			}
			look(target, w)
		}
		for target, body := range map[string]string{
			"/session":          `{"username":` + quoted(consoletest.TestPassword) + `,"password":` + quoted(consoletest.TestPassword) + `}`,
			"/session/setup":    `{"token":` + quoted(consoletest.TestPassword) + `,"username":` + quoted(setup) + `,"password":` + quoted(consoletest.TestPassword) + `}`,
			"/session/password": `{"old_password":` + quoted(consoletest.TestPassword) + `,"new_password":"short"}`,
			"/users":            `{"name":` + quoted(consoletest.TestPassword) + `,"role":"viewer","password":` + quoted(consoletest.TestPassword) + `}`,
			"/tokens":           `{"name":"x","role":` + quoted(token.Secret) + `}`,
			"/keys":             `{"name":` + quoted(consoletest.TestPassword+strings.Repeat("x", 100)) + `}`,
			"/keys/":            quoted(consoletest.TestPassword),
			"/alerts/channels":  `{"name":"c2","kind":"telegram","settings":{"chat":"1","token":` + quoted(ofChannel) + `},"secrets":{"token":` + quoted(ofChannel) + `}}`,
		} {
			look("POST "+target, who.Do("POST", target, body))
			look("POST "+target+" cut off", who.Do("POST", target, body[:len(body)-1]))
			look("POST "+target+" with more", who.Do("POST", target, strings.TrimSuffix(body, "}")+`,"more":`+quoted(consoletest.TestPassword)+`}`))
			look("POST "+target+" in a list", who.Do("POST", target, "["+body+"]"))
		}
	}
	for _, stranger := range []string{keyindex.ExternalName(usage.Fingerprint(elsewhere)), usage.Fingerprint(elsewhere), keyindex.ExternalName(o.Ledger.KeyedFingerprint(usage.Fingerprint(inProxy))), "ext_0000000000000000"} {
		look("import of "+stranger, root.Do("POST", "/keys/import", `{"keys":[{"name":"n`+usage.Fingerprint(stranger)[:8]+`","fingerprint":`+quoted(stranger)+`}]}`))
	}
	for _, target := range []string{"/keys", "/breakdown?by=key", "/dimensions/key", "/logs", "/key-sync"} {
		look(target+" after the import", root.Do("GET", target, ""))
	}
	for _, body := range []string{
		`{"secrets":{"token":` + quoted(ofChannel) + `}}`, `{"settings":{"url":"https://elsewhere.example"}}`, `{"secrets":{"token":` + quoted(ofChannel+" \x00") + `}}`,
		`{"secrets":{"password":` + quoted(ofChannel) + `,` + quoted(ofChannel) + `:"x"}}`, `{"enabled":false}`,
	} {
		look("PATCH of a channel", root.Do("PATCH", "/alerts/channels/"+channel, body))
	}
	look("test of a channel", root.Do("POST", "/alerts/channels/"+channel+"/test", ""))
	look("deliveries", root.Do("GET", "/alerts/deliveries", ""))
	look("deletion of a channel", root.Do("DELETE", "/alerts/channels/"+consoletest.Read[channels.Channel](t, root.Do("POST", "/alerts/channels",
		`{"name":"gone","kind":"alertmanager","settings":{"url":"https://am.example"},"secrets":{"token":`+quoted(ofChannel)+`}}`), 201).ID, ""))
	// People name things after secrets.
	for _, name := range []string{key.Secret, token.Secret, usage.Fingerprint(key.Secret)} {
		root.Do("POST", "/keys", `{"name":`+quoted("x")+`,"description":`+quoted(name)+`}`)
		root.Do("POST", "/tokens", `{"name":`+quoted(name)+`,"role":"viewer"}`)
	}
	look("audit", root.Do("GET", "/audit?limit=1000", ""))
	look("audit export", root.Do("GET", "/audit/export?format=csv", ""))
	require.Greater(t, seen, 200)
	for _, e := range o.Logs.All() {
		fields, err := json.Marshal(e.ContextMap())
		require.NoError(t, err)
		secrets.requireNone(t, "the log", e.Message+string(fields))
	}
	require.NotZero(t, o.Logs.Len())

	// What the store keeps opens nothing.
	for _, stolen := range []string{u.Password, hex.EncodeToString([]byte(users.TokenHash(token.Secret))), usage.Fingerprint(key.Secret)} {
		consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session", consoletest.Credentials("root", stolen), nil), 401)
		consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", map[string]string{"Cookie": "tokenboard=" + stolen}), 401)
		consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", map[string]string{"Authorization": "Bearer tbt-" + stolen}), 401)
	}
	for table, rows := range o.Dump() {
		for _, row := range rows {
			for _, name := range []string{"password", "session", "API token", "key", "setup token", "secret of a channel"} {
				if table == "api_keys" && name == "key" || table == "api_tokens" {
					continue // the description and the name above
				}
				require.NotContains(t, row, secrets[name], "%s in table %s", name, table)
			}
		}
	}
}

var cursors = regexp.MustCompile(`"next_cursor":"([^"]+)"`)

func quoted(s string) string {
	b, _ := json.Marshal(s) // never fails
	return string(b)
}
