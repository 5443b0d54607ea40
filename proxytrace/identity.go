package proxytrace

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// identity is who makes a call. Middleware puts it into the request's context, so that the calls that a Transport makes
// for the request are attributed to the client, not to the proxy.
type identity struct {
	fingerprint, display string

	mu   sync.Mutex
	user string
	once firstSeen // see call.decideCounted
	sees bool      // a transport below reports the responses of the WebSocket
}

type identityKey struct{}

func identityOf(ctx context.Context) *identity {
	id, _ := ctx.Value(identityKey{}).(*identity)
	return id
}

// SetUser sets the user of the call that ctx belongs to. It is for handlers behind Middleware that authenticate the
// request. Outside of Middleware it does nothing.
func SetUser(ctx context.Context, user string) {
	if id := identityOf(ctx); id != nil {
		id.setUser(user)
	}
}

func (i *identity) setUser(user string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.user = cleantext.Clean(user)
}

func (i *identity) getUser() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.user
}

// identify returns who makes a request, by its key and WithUser.
func (c *config) identify(r *http.Request) *identity {
	id := &identity{}
	if key := ClientKey(r); key != "" {
		id.fingerprint, id.display = fingerprint(key), cleantext.Clean(displayKey(key))
	}
	if c.user != nil {
		id.user = cleantext.Clean(c.user(r))
	}
	return id
}

// ClientKey returns the key of a request, from the headers and the parameter that the supported APIs accept; "" where there
// is none. It is the key whose fingerprint the span has: a proxy that checks keys checks this one.
func ClientKey(r *http.Request) string {
	if v := strings.TrimSpace(r.Header.Get("Authorization")); v != "" {
		scheme, rest, ok := strings.Cut(v, " ")
		if ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
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

// requestIDHeaders are the headers of answers in which providers send their id of the request.
var requestIDHeaders = []string{"X-Request-Id", "Request-Id", "Apim-Request-Id", "X-Goog-Request-Id", "X-Amzn-Requestid"}

// requestID returns the provider's id of a request. An id that the request itself has is ignored: the calls of many
// services can share it.
func requestID(request, response http.Header) string {
	// CLIProxyAPI writes TIME-CREDENTIAL-REQUEST; without the time, the receiver of its usage feed
	// uses the same id for the same call.
	const trace = "X-Cpa-Trace-Id"
	if id := response.Get(trace); id != request.Get(trace) && len(id) <= jsonscan.MaxCapture {
		if _, id, ok := strings.Cut(id, "-"); ok && strings.Contains(id, "-") {
			return cleantext.Clean(id)
		}
	}
	for _, name := range requestIDHeaders {
		if id := response.Get(name); id != "" && id != request.Get(name) && len(id) <= jsonscan.MaxCapture {
			return cleantext.Clean(id)
		}
	}
	return ""
}
