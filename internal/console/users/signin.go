package users

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/scs/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/text/unicode/norm"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

// SignIn says how people sign in to a console that is not open.
type SignIn struct {
	// Provider signs people in besides the passwords kept here; nil for none.
	Provider *sso.Provider
	// Secure keeps the session's cookie off connections without TLS.
	Secure bool
	// A session ends when it was not used for Idle (12 h where 0), and after Lifetime (7 days where 0).
	Idle, Lifetime time.Duration
	// Limits slow down who guesses passwords; throttle.Default where zero.
	Limits throttle.Limits
	// Passwords are argon2id's parameters; password.Recommended where zero.
	Passwords password.Params
}

const (
	defaultIdle     = 12 * time.Hour
	defaultLifetime = 7 * 24 * time.Hour
	sessionsPerUser = 50 // the oldest ends when there are more
	touchEvery      = time.Minute
	maxTouched      = 10_000
	tokenPrefix     = "tbt-"
	roleNone        = "none"
	viaToken        = "token" // how a principal signed in that has an API token
)

// signIn finds the user that a request acts for, and signs users in. It reads the store on every request, so
// that a revocation takes effect at once, even one made by another process.
type signIn struct {
	SignIn
	directory store.Directory
	now       func() time.Time
	sessions  *scs.SessionManager
	hasher    *password.Hasher
	limiter   *throttle.SignIns
	setup     setupToken

	mu      sync.Mutex
	touched *simplelru.LRU[string, time.Time] // when sessions and tokens were last noted as used
}

func newSignIn(o SignIn, d store.Directory, now func() time.Time) *signIn {
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.Lifetime == 0 {
		o.Lifetime = defaultLifetime
	}
	if o.Limits == (throttle.Limits{}) {
		o.Limits = throttle.Default
	}
	if o.Passwords == (password.Params{}) {
		o.Passwords = password.Recommended
	}
	s := &signIn{SignIn: o, directory: d, now: now, hasher: password.New(o.Passwords), limiter: throttle.NewSignIns(o.Limits)}
	s.touched, _ = simplelru.NewLRU[string, time.Time](maxTouched, nil) // fails for sizes below 1 only
	m := &scs.SessionManager{                                           // scs.New starts a goroutine that nothing can stop safely
		Store: &sessionStore{signIn: s}, Codec: sessionCodec{}, Lifetime: o.Lifetime, HashTokenInStore: true,
		Cookie: scs.SessionCookie{Name: "tokenboard", Path: "/", HttpOnly: true, Secure: o.Secure, SameSite: http.SameSiteStrictMode},
	}
	if o.Secure {
		m.Cookie.Name = "__Host-tokenboard" // browsers take it over TLS only, from this host only
	}
	s.sessions = m
	return s
}

// ErrBadToken reports an API token that opens nothing.
var ErrBadToken = errors.New("the API token is unknown, expired or revoked, or its owner may no longer do what it allows; make a new one")

// principal returns the principal of a request, and a context with its session. API tokens are accepted in a
// header only, sessions in a cookie that the console's own pages send.
func (s *signIn) principal(r *http.Request, ownPage bool) (context.Context, access.Principal, error) {
	ctx := r.Context()
	token := r.Header.Get(api.TokenHeader)
	if scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && token == "" && strings.EqualFold(scheme, "Bearer") {
		if value = strings.TrimSpace(value); strings.HasPrefix(value, tokenPrefix) { // others are keys to be verified
			token = value
		}
	}
	if token != "" {
		p, err := s.byToken(ctx, token)
		return ctx, p, err
	}
	cookie, err := r.Cookie(s.sessions.Cookie.Name)
	if err != nil || cookie.Value == "" || !ownPage {
		ctx, err = s.sessions.Load(ctx, "")
		return ctx, access.Principal{}, err
	}
	found := &foundSession{}
	ctx, err = s.sessions.Load(context.WithValue(ctx, foundKey{}, found), cookie.Value)
	if err != nil || found.user.ID == "" {
		return ctx, access.Principal{}, err
	}
	return ctx, access.Principal{ID: found.user.ID, Name: found.user.Name, Role: roleOf(&found.user), Via: s.sessions.GetString(ctx, "via")}, nil
}

func (s *signIn) byToken(ctx context.Context, token string) (access.Principal, error) {
	hash := TokenHash(token)
	t, u, ok, err := s.directory.TokenOf(ctx, hash)
	if err != nil {
		return access.Principal{}, err
	}
	role, parseErr := access.ParseRole(t.Role)
	if !ok || u.Disabled || parseErr != nil || !role.Within(roleOf(&u)) || (!t.ExpiresAt.IsZero() && !s.now().Before(t.ExpiresAt)) {
		return access.Principal{}, ErrBadToken
	}
	if s.due("token "+t.ID, t.UsedAt) {
		if err := s.directory.TouchToken(ctx, t.ID, s.now()); err != nil {
			return access.Principal{}, err
		}
	}
	return access.Principal{ID: u.ID, Name: u.Name, Role: role, Via: viaToken, Token: t.ID, Scope: scopeOf(&t)}, nil
}

// scopeOf returns the permission that a token has in addition to its role's permissions.
func scopeOf(t *store.Token) access.Permission {
	if t.Scope == access.ManageUsers.String() {
		return access.ManageUsers
	}
	return access.Unplaced
}

// due reports whether a use is worth noting: once a minute.
func (s *signIn) due(what string, last time.Time) bool {
	now := s.now()
	if now.Sub(last) < touchEvery {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if noted, ok := s.touched.Get(what); ok && now.Sub(noted) < touchEvery {
		return false
	}
	s.touched.Add(what, now)
	return true
}

// roleOf is the role of a user as far as it can be used.
func roleOf(u *store.User) access.Role {
	role, err := access.ParseRole(u.Role)
	if err != nil || u.Disabled {
		return access.Nobody
	}
	return role
}

// TokenHash returns the hash under which the store keeps an API token, which is random enough for a plain hash.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return string(sum[:])
}

// randomID returns an id with a prefix; randomSecret one with 256 random bits.
func randomID(prefix string) string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return prefix + hex.EncodeToString(b)
}

func randomSecret(prefix string) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// foundKey and changeKey are keys of a context, for what goes through scs between us and our store.
type (
	foundKey  struct{}
	changeKey struct{}
)

// foundSession is where a session's user is put while it is loaded.
type foundSession struct{ user store.User }

// sessionChange has what the store needs in addition to the arguments that scs passes to it.
type sessionChange struct {
	user         string
	begun, ended store.AuditEntry
}

// sessionCodec stores what a session holds as JSON: it is texts, and gob would take most of the time
// of a request.
type sessionCodec struct{}

type sessionData struct {
	Until  time.Time      `json:"until"`
	Values map[string]any `json:"values"`
}

// Encode returns what Decode reads.
func (sessionCodec) Encode(until time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(sessionData{until, values})
}

// Decode reads what Encode returns.
func (sessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	d := sessionData{Values: map[string]any{}}
	err := json.Unmarshal(b, &d)
	return d.Until, d.Values, err
}

// sessionStore keeps scs's sessions in the ledger's store. It is called with hashes of tokens.
type sessionStore struct{ *signIn }

var _ scs.CtxStore = (*sessionStore)(nil)

// FindCtx returns a session that has not ended; its caller also gets the user.
func (s *sessionStore) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	found, u, ok, err := s.directory.Session(ctx, hash)
	now := s.now()
	if err != nil || !ok || u.Disabled || !now.Before(found.ExpiresAt) || now.Sub(found.SeenAt) >= s.Idle {
		return nil, false, err
	}
	if s.due("session "+hash, found.SeenAt) {
		if err := s.directory.TouchSession(ctx, hash, now); err != nil {
			return nil, false, err
		}
	}
	if into, ok := ctx.Value(foundKey{}).(*foundSession); ok {
		into.user = u
	}
	return found.Data, true, nil
}

// CommitCtx stores a new session. Its time of expiry is set here, not by scs.
func (s *sessionStore) CommitCtx(ctx context.Context, hash string, data []byte, _ time.Time) error {
	change, _ := ctx.Value(changeKey{}).(sessionChange)
	now := s.now().UTC()
	return s.directory.PutSession(ctx, store.Session{
		Hash: hash, User: change.user, Data: data, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.Lifetime),
	}, sessionsPerUser, change.begun)
}

// DeleteCtx ends a session.
func (s *sessionStore) DeleteCtx(ctx context.Context, hash string) error {
	change, _ := ctx.Value(changeKey{}).(sessionChange)
	return s.directory.EndSession(ctx, hash, change.ended)
}

var errNoContext = errors.New("sessions need a context")

// Find, Commit and Delete are the forms without a context, which scs does not use.
func (s *sessionStore) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit is not used.
func (s *sessionStore) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete is not used.
func (s *sessionStore) Delete(string) error { return errNoContext }

// setupToken lets who starts the server make the first admin, once. Of replicas, each has the tokens of the hour and of the
// one before, which follow from a key that all have.
type setupToken struct {
	mu    sync.Mutex
	hash  string // "" for none
	until time.Time
	key   []byte // of replicas
}

const setupPatience = time.Hour

func (t *setupToken) make(now time.Time) string {
	secret := randomSecret("")
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hash, t.until = TokenHash(secret), now.Add(setupPatience)
	return secret
}

// share is make with a token that other replicas take too.
func (t *setupToken) share(key []byte, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	secret := sharedSetup(key, now)
	t.hash, t.until, t.key = TokenHash(secret), now.Add(setupPatience), key
	return secret
}

// sharedSetup is the token of the hour of a time.
func sharedSetup(key []byte, at time.Time) string {
	mac := hmac.New(sha256.New, key)
	_ = binary.Write(mac, binary.BigEndian, at.Truncate(setupPatience).Unix()) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// fits reports whether a secret is a token that can be used.
func (t *setupToken) fits(secret string, now time.Time) bool {
	if t.hash == "" {
		return false
	}
	if t.key == nil {
		return TokenHash(secret) == t.hash && !now.After(t.until)
	}
	is := TokenHash(secret)
	return is == TokenHash(sharedSetup(t.key, now)) || is == TokenHash(sharedSetup(t.key, now.Add(-setupPatience)))
}

// end lets no token be used any more.
func (t *setupToken) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hash = ""
}

// take uses the token up while f makes the admin; where f fails it can be used again.
func (t *setupToken) take(secret string, now time.Time, f func() error) (ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fits(secret, now) {
		return false, nil
	}
	if err = f(); err == nil {
		t.hash = ""
	}
	return true, err
}

// CleanName puts a user's name in the one form in which it is stored and compared, or returns what is wrong with it.
func CleanName(name string) (string, error) {
	name = strings.ToLower(norm.NFKC.String(strings.TrimSpace(name)))
	if name == "" || utf8.RuneCountInString(name) > api.MaxName {
		return "", fmt.Errorf("must have 1 to %d characters", api.MaxName)
	}
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("._@+-", r) {
			return "", errors.New("may hold letters, digits and . _ @ + - only")
		}
	}
	return name, nil
}
