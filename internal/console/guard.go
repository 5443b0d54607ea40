package console

import (
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

func writeProblem(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(newProblem(status, message)) // a client that is gone needs no answer
}

// guard refuses requests that no client of ours sends, before anything else looks at them.
func (c *Console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		c.securityHeaders(h, r)
		if strings.HasPrefix(r.URL.Path, base) || r.URL.Path == "/metrics" {
			h.Set("Cache-Control", "no-store")
		}
		switch {
		case len(r.URL.RawPath)+len(r.URL.RawQuery) > maxURL:
			writeProblem(w, http.StatusRequestURITooLong, "the address is too long; use fewer filters")
		case c.o.Open && !loopbackHost(r.Host):
			writeProblem(w, http.StatusForbidden, "the console is open to this machine only: ask for it as localhost or 127.0.0.1, "+
				"or set access::mode to local to serve other names")
		case !c.knownHost(r.Host):
			writeProblem(w, http.StatusForbidden, "the console does not answer to this host name; add it to access::hosts")
		case embeds(r) && !forwardsHeaders(r):
			writeProblem(w, http.StatusForbidden, "the console and its API are not shown inside other pages; open the address itself")
		case !c.sameOrigin(r) && !forwardsHeaders(r):
			writeProblem(w, http.StatusForbidden, "requests from other web pages are refused; to allow one, add its origin to cors::allowed_origins")
		case writes(r) && r.ContentLength != 0 && !isJSON(r):
			writeProblem(w, http.StatusUnsupportedMediaType, "send the body as JSON, with the header Content-Type: application/json")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knownHost tells whether a request names the console by a name that is its own. Without a list of
// names a stranger's name is no way in either: a browser sends a session's cookie to its own host only.
func (c *Console) knownHost(host string) bool {
	if len(c.o.Hosts) == 0 {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return slices.ContainsFunc(c.o.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// loopbackHost tells whether a request names this machine by a name that cannot be pointed
// elsewhere: a DNS name that a stranger's page resolves to 127.0.0.1 is refused.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// crossOrigin trusts no origin: those of cors::allowed_origins are looked up where they may be used.
var crossOrigin http.CrossOriginProtection

// fromOwnPage reports whether a browser sent a request from a page of the console, or it comes from no
// browser. Where the console is reached over TLS a page without TLS, which others on the network can change,
// is another origin. For requests that write, what the standard library says against them holds as well: it
// believes what a browser says of a page before it compares names, so that such a page is found
// behind a proxy that does not tell of TLS too. It lets every request pass that reads; here those are checked too.
func (c *Console) fromOwnPage(r *http.Request) bool {
	if crossOrigin.Check(r) != nil {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && u.Host == r.Host && (u.Scheme == "https" || u.Scheme == "http" && !c.overTLS(r))
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "" || site == "same-origin" || site == "none"
}

// sameOrigin tells whether a browser sent a request from our own page. What is no browser sends
// no Origin.
func (c *Console) sameOrigin(r *http.Request) bool {
	if c.fromOwnPage(r) {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return follows(r)
	}
	return slices.Contains(c.o.Origins, origin) || slices.Contains(c.o.Origins, "*") && !c.o.Open
}

func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
}

func isJSON(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (t == "application/json" || t == "application/x-ndjson") // neither can a foreign page send without asking
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// unknownRoutes answers for what the mux has no handler for, in the envelope.
func (c *Console) unknownRoutes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		var allowed []string
		for _, m := range methods {
			other := r.Clone(r.Context())
			other.Method = m
			if _, pattern := mux.Handler(other); pattern != "" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, http.StatusMethodNotAllowed, "this route takes "+strings.Join(allowed, ", "))
			return
		}
		writeProblem(w, http.StatusNotFound, "there is no such route; "+base+"/docs lists them")
	})
}
