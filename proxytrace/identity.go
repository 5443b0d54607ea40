package proxytrace

import (
	"context"
	"net/http"
	"strings"
	"sync"
)

// identity is who a call is from. Middleware puts it into the request's context, so that the calls
// that a Transport makes for the request are told as the client's, not as the proxy's own.
type identity struct {
	fingerprint, display string

	mu   sync.Mutex
	user string
	once verdict // see call.judge
	sees bool    // a transport below reports what passes over the connection
}

type identityKey struct{}

func identityOf(ctx context.Context) *identity {
	id, _ := ctx.Value(identityKey{}).(*identity)
	return id
}

// SetUser names the user of the call that ctx belongs to, for handlers behind Middleware that find
// out who asks. Outside of Middleware it does nothing.
func SetUser(ctx context.Context, user string) {
	if id := identityOf(ctx); id != nil {
		id.setUser(user)
	}
}

func (i *identity) setUser(user string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.user = cleaned(user)
}

func (i *identity) getUser() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.user
}

// identify reads who a request is from.
func (c *config) identify(r *http.Request) *identity {
	id := &identity{}
	if key := ClientKey(r); key != "" {
		id.fingerprint, id.display = fingerprint(key), cleaned(displayKey(key))
	}
	if c.user != nil {
		id.user = cleaned(c.user(r))
	}
	return id
}

// ClientKey finds the key that a request carries, in the places where the three APIs take it; "" where
// there is none. It is the key whose fingerprint is told: a proxy that checks keys checks this one.
func ClientKey(r *http.Request) string {
	if v := strings.TrimSpace(r.Header.Get("Authorization")); v != "" {
		if scheme, rest, ok := strings.Cut(v, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
			v = strings.TrimSpace(rest)
		}
		return v
	}
	for _, name := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		if v := strings.TrimSpace(r.Header.Get(name)); v != "" {
			return v
		}
	}
	if strings.Contains(r.URL.RawQuery, "key=") {
		return r.URL.Query().Get("key")
	}
	return ""
}

// requestIDHeaders are where providers tell the id that they gave a request.
var requestIDHeaders = []string{"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Goog-Request-Id", bedrockID}

// requestID finds the id that the provider gave a request. One that the request itself brought is
// none: the calls of many services can share it.
func requestID(request, response http.Header) string {
	// CLIProxyAPI writes TIME-CREDENTIAL-REQUEST; without the time, the receiver of its usage feed
	// gives the same call the same id.
	const trace = "X-Cpa-Trace-Id"
	if id := response.Get(trace); id != request.Get(trace) && len(id) <= maxCapture {
		if _, id, ok := strings.Cut(id, "-"); ok && strings.Contains(id, "-") {
			return cleaned(id)
		}
	}
	for _, name := range requestIDHeaders {
		if id := response.Get(name); id != "" && id != request.Get(name) && len(id) <= maxCapture {
			return cleaned(id)
		}
	}
	return ""
}
