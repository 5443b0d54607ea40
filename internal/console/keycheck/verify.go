package keycheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options is how keys are checked. Zero values mean the defaults of keyring.Options.
type Options struct {
	Reservation time.Duration
	Estimate    int64
	Failures    int
	// Anonymous lets programs on this machine ask without signing in.
	Anonymous bool
}

// outcomes says what a check answers: the status, the word in the header, and what to do.
var outcomes = map[keyring.Outcome]struct {
	status        int
	word, message string
}{
	keyring.Valid:           {http.StatusOK, "good", ""},
	keyring.NoKey:           {http.StatusUnauthorized, "no_key", "send an API key, as Authorization: Bearer or x-api-key"},
	keyring.Unknown:         {http.StatusUnauthorized, "unknown", "this API key is not known"},
	keyring.Revoked:         {http.StatusUnauthorized, "revoked", "this API key is revoked"},
	keyring.Expired:         {http.StatusUnauthorized, "expired", "this API key is expired"},
	keyring.Disabled:        {http.StatusUnauthorized, "disabled", "this API key is disabled; ask its owner"},
	keyring.ModelRefused:    {http.StatusForbidden, "model_refused", "this API key is not for this model"},
	keyring.ModelMissing:    {http.StatusForbidden, "model_unsaid", "this API key is for some models only, and the check does not name the one that is asked for"},
	keyring.OverLimit:       {http.StatusTooManyRequests, "over_limit", "this API key has reached its limit"},
	keyring.TooManyFailures: {http.StatusTooManyRequests, "too_many_failures", "too many invalid keys came from here; wait"},
}

// Handlers answer the routes of key checks.
type Handlers struct {
	*api.Env
	Keys *keyindex.Book
	// Anonymous lets programs on this machine ask without signing in.
	Anonymous bool
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	op := api.Operation(http.MethodPost, "/keys/verify", "verify-key", "Whether a key is valid for a call, and what is left; reserves what the call may spend")
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		if r, w := humago.Unwrap(ctx); c.mayVerify(w, r) {
			next(ctx)
		}
	}}
	api.Register(r, c.verifyNeeds(), op, c.verify)
	c.forwardAuthRoutes(r)
}

func (c *Handlers) verifyNeeds() access.Permission {
	if c.Anonymous {
		return access.Anyone
	}
	return access.VerifyKeys
}

// mayVerify refuses callers from other machines where checks need no sign-in.
func (c *Handlers) mayVerify(w http.ResponseWriter, r *http.Request) bool {
	p := access.From(r.Context())
	if !c.Anonymous || p.Role != access.Nobody {
		return api.Allowed(w, r, access.VerifyKeys)
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil && peer.Addr().Unmap().IsLoopback() {
		return true
	}
	api.Unauthorized(w, "checks without signing in are for programs on this machine; send an API token in X-Tokenboard-Token")
	return false
}

// ForwardsHeaders reports whether a request is a proxy's check of a key, which carries the headers of the call that it
// is about, among them a browser's. Its answer holds nothing that a page could read.
func ForwardsHeaders(r *http.Request) bool {
	return r.URL.Path == ForwardAuth || strings.HasPrefix(r.URL.Path, ForwardAuth+"/")
}

// Verified is a key that is valid.
type Verified struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Owner   string     `json:"owner"`
	Display string     `json:"display"`
	Left    *keys.Left `json:"left" doc:"what is left of its limits after this call's reservation; null where it has none"`
}

// KeyHeaders are the headers in which clients send keys.
type KeyHeaders struct {
	Authorization string `header:"Authorization" doc:"Bearer and the key, where the body has none" hidden:"true"`
	APIKey        string `header:"X-Api-Key" doc:"the key, as clients of Anthropic send it"`
	AzureKey      string `header:"Api-Key" doc:"the key, as clients of Azure send it"`
	GoogleKey     string `header:"X-Goog-Api-Key" doc:"the key, as clients of Google send it"`
}

type verifyInput struct {
	KeyHeaders
	ForwardedFor string `header:"X-Forwarded-For" doc:"the address that the call came from is the last one; failed attempts are counted by it. Believed of who asks with a token, and of trusted proxies"`
	RealIP       string `header:"X-Real-Ip" doc:"the address that the call came from, where X-Forwarded-For is not there"`
	Body         *VerifyBody

	header http.Header
}

// Resolve keeps all headers: a repeated one is not to be seen as one.
func (in *verifyInput) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	in.header = r.Header
	return nil
}

// VerifyBody has the optional fields of a check, besides its headers.
type VerifyBody struct {
	Key      string     `json:"key,omitempty" maxLength:"4096"`
	Model    string     `json:"model,omitempty" maxLength:"1000" doc:"the model that the call asks for; needed for keys that are for some models only"`
	Estimate int64      `json:"estimate,omitempty" minimum:"0" maximum:"9007199254740992" doc:"tokens that the call may spend; must be left, and are reserved"`
	USD      *api.Money `json:"estimate_usd,omitempty" doc:"money that the call may spend; must be left, and is reserved"`
	User     string     `json:"user,omitempty" maxLength:"1000" doc:"the user of the call, as telemetry will report it, for hard budgets; the key's owner where it is left out"`
	Project  string     `json:"project,omitempty" maxLength:"1000" doc:"the project of the call, likewise; needed for hard budgets of teams with projects"`
	Provider string     `json:"provider,omitempty" maxLength:"200" doc:"the provider that is going to be asked, likewise; those that answered for the model before where it is left out"`
	Source   string     `json:"source_ip,omitempty" maxLength:"64" doc:"the address that the call came from, instead of the headers; believed of who asks with a token"`
}

func (c *Handlers) verify(ctx context.Context, in *verifyInput) (*api.Envelope[Verified], error) {
	p := access.From(ctx)
	b := in.Body
	if b == nil {
		b = &VerifyBody{}
	}
	key, err := in.key(b.Key)
	if err != nil {
		return nil, err
	}
	q := keyring.Query{
		Key: key, Model: b.Model, Tokens: b.Estimate, Cost: usage.NanoUSD(api.OrZero(b.USD)),
		Source: c.callSource(p, in.header, b.Source), User: b.User, Project: b.Project, Provider: b.Provider,
	}
	v, err := c.Keys.Ring.Verify(ctx, q)
	if errors.Is(err, keyring.ErrEstimate) {
		return nil, api.WithReason("estimate_unfit", api.Invalid("body.estimate", "or body.estimate_usd: "+err.Error(), nil))
	}
	if err != nil {
		return nil, c.Failed("verify a key", err)
	}
	if v.Outcome != keyring.Valid {
		return nil, huma.ErrorWithHeaders(api.NewProblem(outcomes[v.Outcome].status, verdictMessage(&v)), verdictHeaders(&v))
	}
	return api.Answer(Verified{ID: v.Key.ID, Name: v.Key.Name, Owner: v.Key.Owner, Display: v.Key.Display, Left: keys.LeftOf(v.Left)}), nil
}

// key returns the key to check. The caller's own token may be in Authorization where the key is in the body;
// another key beside it may not: the caller would check one and pass on another.
func (in *verifyInput) key(body string) (string, error) {
	header := in.header
	if body != "" {
		header = header.Clone()
		header.Del("Authorization")
	}
	found, problem := findKey(header)
	switch {
	case problem != "":
		return "", api.WithReason("keys_differ", api.Invalid("header", problem, nil))
	case body != "" && found.key != "" && found.key != body:
		return "", api.WithReason("keys_differ", api.Invalid("header."+found.from, "holds another key than the body; send one", nil))
	case body != "":
		return body, nil
	}
	return found.key, nil
}

func verdictMessage(v *keyring.Verdict) string {
	m := outcomes[v.Outcome].message
	if v.Outcome == keyring.OverLimit {
		m += ": " + v.Limit
	}
	return m
}

// verdictHeaders returns the headers with which both forms of the check report their verdict.
func verdictHeaders(v *keyring.Verdict) http.Header {
	h := http.Header{"X-Tokenboard-Outcome": {outcomes[v.Outcome].word}}
	if k := v.Key; k != nil {
		h.Set("X-Tokenboard-Key-Id", k.ID)
		h.Set("X-Tokenboard-Key-Name", headerText(k.Name))
		h.Set("X-Tokenboard-Key-Owner", headerText(k.Owner))
	}
	if v.Limit != "" {
		h.Set("X-Tokenboard-Limit", v.Limit)
	}
	if v.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((v.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if outcomes[v.Outcome].status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="api"`)
	}
	return h
}

// headerText returns a text in a form that fits in a header: characters other than printable ASCII are percent-encoded,
// as RFC 8187 does, and so is the percent sign.
func headerText(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if ch := s[i]; ch >= ' ' && ch < 0x7f && ch != '%' {
			b.WriteByte(ch)
		} else {
			fmt.Fprintf(&b, "%%%02X", ch)
		}
	}
	return b.String()
}

// callSource finds the address that a call came from: the client of a check is a proxy. The address that it names
// is believed if it authenticates with a token or a session. Otherwise only trusted proxies may name an address
// other than their own, or every guess could claim a different address.
func (c *Handlers) callSource(p access.Principal, h http.Header, said string) netip.Addr {
	candidates := []string{p.Source} // of a trusted proxy, whom it forwards for
	if p.Via != "" && p.Via != "open" {
		forwarded := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
		candidates = []string{said, forwarded[len(forwarded)-1], h.Get("X-Real-Ip"), p.Source}
	}
	for _, s := range candidates {
		if a, err := netip.ParseAddr(strings.TrimSpace(s)); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// ForwardAuth is the route that reverse proxies ask.
const ForwardAuth = api.Base + "/keys/verify/forward-auth"

// forwardAuthRoutes are the form for nginx, Caddy, Traefik and Envoy: the answer is a status and headers.
// Envoy asks with the path and the method of the call itself.
func (c *Handlers) forwardAuthRoutes(r *api.Router) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		for _, path := range []string{ForwardAuth, ForwardAuth + "/{path...}"} {
			r.Handle(method, path, c.verifyNeeds(), http.HandlerFunc(c.forwardAuth))
		}
	}
}

// askedAbout is the information about a call that a proxy sends with a check.
type askedAbout struct {
	addresses []string // of the call, as far as they are named
	model     string
	user      string
	project   string
	provider  string
	limited   int // status where a limit is reached
}

// addressHeaders are those in which proxies send the address of the call.
var addressHeaders = []string{"X-Forwarded-Uri", "X-Original-Uri", "X-Original-Url", "X-Envoy-Original-Path"}

// asked reads a proxy's question; false where a path in it can be taken for another one.
func asked(r *http.Request) (q askedAbout, ok bool) {
	q.limited = http.StatusTooManyRequests
	for _, name := range addressHeaders {
		q.addresses = append(q.addresses, r.Header.Values(name)...)
	}
	called, ok := strings.CutPrefix(r.URL.EscapedPath(), ForwardAuth)
	if !ok {
		return q, false
	}
	_, of, _ := strings.Cut(r.Header.Get("X-Forwarded-Uri"), "?")
	switch {
	case called != "" && called != "/": // the query is the client's, too
		q.addresses = append(q.addresses, called+"?"+r.URL.RawQuery)
		q.model = modelOfPath(called)
	case of == "" || of != r.URL.RawQuery: // else it is the client's
		of := r.URL.Query()
		q.model, q.user, q.project, q.provider = of.Get("model"), of.Get("user"), of.Get("project"), of.Get("provider")
		if r.URL.Query().Get("over_limit") == "403" {
			q.limited = http.StatusForbidden // nginx takes no other
		}
	}
	for _, address := range q.addresses {
		path, _, _ := strings.Cut(address, "?")
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			path = u.EscapedPath()
		}
		if !plainPath(path) {
			return q, false
		}
	}
	return q, true
}

func (c *Handlers) forwardAuth(w http.ResponseWriter, r *http.Request) {
	if !c.mayVerify(w, r) {
		return
	}
	about, plain := asked(r)
	if !plain {
		refuseCall(w, http.StatusForbidden, "path_refused", "the path of the call has dot segments, empty segments, path parameters or encoded separators")
		return
	}
	found, problem := findKey(r.Header, about.addresses...)
	if problem != "" {
		refuseCall(w, http.StatusUnauthorized, "ambiguous_key", problem)
		return
	}
	v, err := c.Keys.Ring.Verify(r.Context(), keyring.Query{
		Key: found.key, Model: about.model, User: about.user, Project: about.project, Provider: about.provider,
		Source: c.callSource(access.From(r.Context()), r.Header, ""),
	})
	if err != nil {
		c.Failed("verify a key", err) //nolint:errcheck // it is logged
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for name, values := range verdictHeaders(&v) {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if v.Outcome == keyring.Valid {
		w.Header().Set("X-Tokenboard-Key-From", found.from)
	}
	status := outcomes[v.Outcome].status
	if status == http.StatusTooManyRequests {
		status = about.limited
	}
	w.WriteHeader(status)
}

// refuseCall answers a question about a call whose key is not even looked up.
func refuseCall(w http.ResponseWriter, status int, outcome, reason string) {
	w.Header().Set("X-Tokenboard-Outcome", outcome)
	w.Header().Set("X-Tokenboard-Reason", reason)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="api"`)
	}
	w.WriteHeader(status)
}
