package sso_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/sso/ssotest"
)

// villain is a provider that answers what the test wants, over a real connection.
type villain struct {
	*httptest.Server
	key      *rsa.PrivateKey
	metadata map[string]any
	claims   map[string]any              // of the next identity token; nil: left out
	info     map[string]any              // what it says of the user
	sign     func(jwt.MapClaims) string  // the identity token; nil: as it should be
	handle   map[string]http.HandlerFunc // instead of what it answers at a path

	mu    sync.Mutex
	nonce map[string]string // by code
	asked map[string]int    // by path
}

const villainClient = "tokenboard"

func newVillain(t *testing.T) *villain {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	v := &villain{key: key, nonce: map[string]string{}, asked: map[string]int{}, claims: map[string]any{}, handle: map[string]http.HandlerFunc{}}
	mux := http.NewServeMux()
	answer := func(path string, f func(r *http.Request) any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			v.mu.Lock()
			v.asked[path]++
			v.mu.Unlock()
			if h := v.handle[path]; h != nil {
				h(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(f(r))
		})
	}
	answer("/.well-known/openid-configuration", func(*http.Request) any { return v.metadata })
	answer("/keys", func(*http.Request) any {
		e := big.NewInt(int64(key.E)).Bytes()
		return map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "k", "use": "sig", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(e),
		}}}
	})
	answer("/token", func(r *http.Request) any {
		return map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": v.token(r.FormValue("code"))}
	})
	answer("/userinfo", func(*http.Request) any { return v.info })
	v.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		v.CloseClientConnections()
		v.Close()
	})
	v.metadata = map[string]any{
		"issuer": v.URL, "authorization_endpoint": v.URL + "/auth", "token_endpoint": v.URL + "/token", "jwks_uri": v.URL + "/keys",
		"userinfo_endpoint": v.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	}
	return v
}

// token is the identity token for a code.
func (v *villain) token(code string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	claims := jwt.MapClaims{
		"iss": v.URL, "aud": villainClient, "sub": "7", "nonce": v.nonce[code], "preferred_username": "alice", "groups": "x",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(claims, v.claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	if v.sign != nil {
		return v.sign(claims)
	}
	return signedBy(jwt.SigningMethodRS256, v.key, claims)
}

func signedBy(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "k"
	text, err := token.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

func (v *villain) config() sso.Config {
	return sso.Config{
		Name: "Test", Issuer: v.URL, ClientID: villainClient, ClientSecret: "the client's secret", RedirectURL: ssotest.Callback,
		NameClaim: "preferred_username", RoleClaim: "groups", DefaultRole: access.Viewer, Client: &http.Client{Timeout: 5 * time.Second},
	}
}

// begin begins a sign-in, and returns what the browser is sent back with.
func (v *villain) begin(t *testing.T, p *sso.Provider) (answer url.Values, kept string) {
	t.Helper()
	page, kept, err := p.Begin(t.Context(), "/console/")
	require.NoError(t, err)
	u, err := url.Parse(page)
	require.NoError(t, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	code := fmt.Sprint("code-", len(v.nonce))
	v.nonce[code] = u.Query().Get("nonce")
	return url.Values{"code": {code}, "state": {u.Query().Get("state")}}, kept
}

func (v *villain) signIn(t *testing.T) (sso.Identity, error) {
	t.Helper()
	p, err := sso.New(v.config())
	require.NoError(t, err)
	answer, kept := v.begin(t, p)
	who, _, err := p.Finish(t.Context(), answer, kept)
	return who, err
}

func TestVillainThatBehaves(t *testing.T) {
	v := newVillain(t)
	who, err := v.signIn(t)
	require.NoError(t, err)
	require.Equal(t, sso.Identity{Subject: v.URL + " 7", Name: "alice", Role: access.Viewer}, who)
}

// TestForgedTokens: nobody is signed in by a token that is not about somebody, for us, of now, from the provider.
func TestForgedTokens(t *testing.T) {
	hour := time.Now().Add(-time.Hour).Unix()
	for name, claims := range map[string]map[string]any{
		"no subject":                   {"sub": nil},
		"an empty subject":             {"sub": ""},
		"a subject that is no text":    {"sub": 7},
		"a long subject":               {"sub": strings.Repeat("7", 256)},
		"a subject with a line end":    {"sub": "7\n8"},
		"another issuer":               {"iss": "https://evil.example"},
		"no issuer":                    {"iss": nil},
		"another audience":             {"aud": "somebody-else"},
		"no audience":                  {"aud": nil},
		"two audiences":                {"aud": []string{villainClient, "somebody-else"}},
		"made for another client":      {"aud": []string{villainClient, "somebody-else"}, "azp": "somebody-else"},
		"another authorized party":     {"azp": "somebody-else"},
		"expired":                      {"exp": hour, "iat": hour - 60},
		"no expiry":                    {"exp": nil},
		"not yet":                      {"nbf": time.Now().Add(time.Hour).Unix()},
		"another nonce":                {"nonce": "x"},
		"no nonce":                     {"nonce": nil},
		"another access token":         {"at_hash": base64.RawURLEncoding.EncodeToString(make([]byte, 16))},
		"no subject, one of user info": {"sub": nil, "preferred_username": nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVillain(t)
			v.claims, v.info = claims, map[string]any{"sub": "", "preferred_username": "alice"}
			who, err := v.signIn(t)
			require.Error(t, err)
			require.Empty(t, who)
			require.NotContains(t, err.Error(), "the client's secret")
		})
	}
	v := newVillain(t)
	v.claims = map[string]any{"aud": []string{villainClient, "somebody-else"}, "azp": villainClient}
	_, err := v.signIn(t)
	require.NoError(t, err, "made for us, and others may read it")
}

// TestForgedSignatures: "none", and the provider's public key taken for a shared secret (RFC 8725, 2.1).
func TestForgedSignatures(t *testing.T) {
	v := newVillain(t)
	der, err := x509.MarshalPKIXPublicKey(&v.key.PublicKey)
	require.NoError(t, err)
	res, err := http.Get(v.URL + "/keys")
	require.NoError(t, err)
	var jwks struct{ Keys []json.RawMessage }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&jwks))
	require.NoError(t, res.Body.Close())
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	secrets := map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "the JWK": jwks.Keys[0], "the modulus": v.key.N.Bytes(),
		"the client's secret": []byte("the client's secret"), "nothing": {},
	}
	forgeries := map[string]func(jwt.MapClaims) string{
		"alg none": func(c jwt.MapClaims) string {
			return signedBy(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, c)
		},
		"another key": func(c jwt.MapClaims) string { return signedBy(jwt.SigningMethodRS256, other, c) },
		"no signature": func(c jwt.MapClaims) string {
			return strings.TrimRight(signedBy(jwt.SigningMethodRS256, v.key, c), "=")[:40] + ".."
		},
		"changed claims": nil, "no token": func(jwt.MapClaims) string { return "" },
	}
	forgeries["changed claims"] = func(c jwt.MapClaims) string {
		parts := strings.Split(signedBy(jwt.SigningMethodRS256, v.key, c), ".")
		c["sub"] = "8"
		return parts[0] + "." + strings.Split(signedBy(jwt.SigningMethodRS256, v.key, c), ".")[1] + "." + parts[2]
	}
	for name, secret := range secrets {
		for _, method := range []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS512} {
			forgeries[method.Alg()+" with "+name] = func(c jwt.MapClaims) string { return signedBy(method, secret, c) }
		}
	}
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			v.sign = forge
			who, err := v.signIn(t)
			require.Error(t, err)
			require.Empty(t, who)
		})
	}
}

// TestIssuerMixUp: where the provider says that its answers name it, one that does not comes from another one.
func TestIssuerMixUp(t *testing.T) {
	v := newVillain(t)
	v.metadata["authorization_response_iss_parameter_supported"] = true
	p, err := sso.New(v.config())
	require.NoError(t, err)
	for iss, good := range map[string]bool{"": false, "https://evil.example": false, v.URL + "/": false, v.URL: true} {
		answer, kept := v.begin(t, p)
		if iss != "" {
			answer.Set("iss", iss)
		}
		_, _, err := p.Finish(t.Context(), answer, kept)
		if good {
			require.NoError(t, err)
			continue
		}
		var refused *sso.Refusal
		require.ErrorAs(t, err, &refused, iss)
	}
	require.Equal(t, 1, v.asked["/token"], "no code was given to a provider that did not make it")
}

// TestMetadataThatLie: nothing is sent, and nobody led, to where the issuer is not.
func TestMetadataThatLie(t *testing.T) {
	elsewhere := newVillain(t)
	for name, lie := range map[string]func(v *villain, c *sso.Config){
		"another issuer": func(v *villain, _ *sso.Config) { v.metadata["issuer"] = "https://evil.example" },
		"a redirect": func(v *villain, _ *sso.Config) {
			v.handle["/.well-known/openid-configuration"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+"/.well-known/openid-configuration", http.StatusFound)
			}
			elsewhere.metadata["issuer"] = v.URL
		},
		"a redirect without end": func(v *villain, _ *sso.Config) {
			v.handle["/.well-known/openid-configuration"] = func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/.well-known/openid-configuration", http.StatusFound)
			}
		},
		"no endpoint":             func(v *villain, _ *sso.Config) { delete(v.metadata, "token_endpoint") },
		"a script to sign in by":  func(v *villain, _ *sso.Config) { v.metadata["authorization_endpoint"] = "javascript:alert(1)" },
		"a script to sign out by": func(v *villain, _ *sso.Config) { v.metadata["end_session_endpoint"] = "javascript:alert(1)" },
		"a file of keys":          func(v *villain, _ *sso.Config) { v.metadata["jwks_uri"] = "file:///etc/passwd" },
		"no JSON":                 func(v *villain, _ *sso.Config) { v.handle["/.well-known/openid-configuration"] = page("<html>") },
		"an error as long as a book": func(v *villain, _ *sso.Config) {
			v.handle["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = w.Write([]byte(strings.Repeat("x", 1<<19)))
			}
		},
		"more than a megabyte": func(v *villain, _ *sso.Config) { v.handle["/.well-known/openid-configuration"] = endless },
	} {
		t.Run(name, func(t *testing.T) {
			v := newVillain(t)
			c := v.config()
			lie(v, &c)
			p, err := sso.New(c)
			require.NoError(t, err)
			page, kept, err := p.Begin(t.Context(), "/console/")
			require.Error(t, err)
			require.Less(t, len(err.Error()), 600, "errors are logged")
			require.Empty(t, page+kept)
			require.Empty(t, p.LogoutURL())
			require.Zero(t, elsewhere.asked["/.well-known/openid-configuration"])
		})
	}
	t.Run("endpoints without TLS", func(t *testing.T) {
		v := newVillain(t)
		secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = json.NewEncoder(w).Encode(v.metadata)
		}))
		defer secure.Close()
		c := v.config()
		c.Issuer, c.Client = secure.URL, secure.Client()
		v.metadata["issuer"] = secure.URL
		p, err := sso.New(c)
		require.NoError(t, err)
		_, _, err = p.Begin(t.Context(), "/console/")
		require.ErrorContains(t, err, "no https URL")
	})
}

func page(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// endless answers for as long as somebody reads.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write([]byte(`{"a":"`))
	for chunk := []byte(strings.Repeat("x", 64<<10)); err == nil; {
		_, err = w.Write(chunk)
	}
}

// TestAnswersWithoutEnd: of each of the provider's answers a megabyte is read, and no more.
func TestAnswersWithoutEnd(t *testing.T) {
	for _, path := range []string{"/token", "/keys", "/userinfo"} {
		t.Run(path, func(t *testing.T) {
			v := newVillain(t)
			v.claims = map[string]any{"preferred_username": nil}
			v.handle[path] = endless
			who, err := v.signIn(t)
			require.Error(t, err)
			require.Empty(t, who)
		})
	}
	t.Run("a redirect of the code and the secret", func(t *testing.T) {
		v, elsewhere := newVillain(t), newVillain(t)
		v.handle["/token"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/token", http.StatusTemporaryRedirect)
		}
		_, err := v.signIn(t)
		require.Error(t, err)
		require.Zero(t, elsewhere.asked["/token"])
	})
}

// TestProviderThatHangs: who signs in waits for no longer than the time limit, all at the same time, and whoever
// goes away does not wait.
func TestProviderThatHangs(t *testing.T) {
	v := newVillain(t)
	hang := make(chan struct{})
	defer close(hang)
	v.handle["/.well-known/openid-configuration"] = func(http.ResponseWriter, *http.Request) { <-hang }
	c := v.config()
	c.Client.Timeout = 500 * time.Millisecond
	p, err := sso.New(c)
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 100)
	begin := func(ctx context.Context) {
		_, _, err := p.Begin(ctx, "/console/")
		errs <- err
	}
	go begin(t.Context())
	require.Eventually(t, func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.asked["/.well-known/openid-configuration"] == 1
	}, time.Minute, time.Millisecond)
	for range 50 {
		go begin(t.Context())
	}
	cancel()
	go begin(gone)
	canceled := 0
	for range 52 {
		err := <-errs
		require.Error(t, err)
		if errors.Is(err, context.Canceled) {
			canceled++
		}
	}
	require.LessOrEqual(t, canceled, 1)
	v.mu.Lock()
	defer v.mu.Unlock()
	require.LessOrEqual(t, v.asked["/.well-known/openid-configuration"], 2, "one asks for all")
}

// TestCodesAreUsedOnce: an answer that was overheard opens nothing in another browser, nor a second time.
func TestCodesAreUsedOnce(t *testing.T) {
	v := newVillain(t)
	used := map[string]bool{}
	v.handle["/token"] = func(w http.ResponseWriter, r *http.Request) {
		code := r.FormValue("code")
		w.Header().Set("Content-Type", "application/json")
		if used[code] || r.FormValue("code_verifier") == "" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		used[code] = true
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": v.token(code)})
	}
	p, err := sso.New(v.config())
	require.NoError(t, err)
	answer, kept := v.begin(t, p)
	_, other := v.begin(t, p)
	var refused *sso.Refusal
	_, _, err = p.Finish(t.Context(), answer, other)
	require.ErrorAs(t, err, &refused, "in another browser")
	_, _, err = p.Finish(t.Context(), answer, "")
	require.ErrorAs(t, err, &refused, "in a browser that began nothing")
	_, _, err = p.Finish(t.Context(), answer, kept)
	require.NoError(t, err)
	_, _, err = p.Finish(t.Context(), answer, kept)
	require.Error(t, err, "a second time")
	require.NotContains(t, err.Error(), answer.Get("code"))
	_, _, err = p.Finish(t.Context(), url.Values{"state": answer["state"]}, kept)
	require.Error(t, err, "no code")
}
