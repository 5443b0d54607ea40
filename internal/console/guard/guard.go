package guard

import (
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/promapi"
)

const maxURL = 8 << 10 // bytes

// Guard refuses requests that no client of ours sends, before anything else looks at them.
type Guard struct {
	// Open says that no sign-in is required: only requests that name the loopback of this machine are answered.
	Open bool
	// Secure says that browsers reach the console over TLS, its own or a proxy's.
	Secure bool
	// Origins may write from a browser, in addition to the console's own page.
	Origins []string
	// Hosts are the names, without port, that the console answers to; empty: all, or loopback where Open.
	Hosts []string
	// Forwards reports whether a request is about another one and carries its headers, among them a browser's.
	Forwards func(*http.Request) bool
}

// Wrap returns a handler that refuses requests, and lets others through to the next.
func (c *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		c.securityHeaders(h, r)
		if strings.HasPrefix(r.URL.Path, api.Base) || r.URL.Path == "/metrics" || r.URL.Path == "/mcp" {
			h.Set("Cache-Control", "no-store")
		}
		switch {
		case len(r.URL.RawPath)+len(r.URL.RawQuery) > maxURL:
			api.WriteProblem(w, http.StatusRequestURITooLong, "the address is too long; use fewer filters")
		case c.Open && !loopbackHost(r.Host):
			api.WriteProblem(w, http.StatusForbidden, "the console is open to this machine only: ask for it as localhost or 127.0.0.1, "+
				"or set access::mode to local to serve other names")
		case !c.knownHost(r.Host):
			api.WriteProblem(w, http.StatusForbidden, "the console does not answer to this host name; add it to access::hosts")
		case embeds(r) && !c.Forwards(r):
			api.WriteProblem(w, http.StatusForbidden, "the console and its API are not shown inside other pages; open the address itself")
		case !c.sameOrigin(r) && !c.Forwards(r):
			api.WriteProblem(w, http.StatusForbidden, "requests from other web pages are refused; to allow one, add its origin to cors::allowed_origins")
		case api.Writes(r) && r.ContentLength != 0 && !isOurs(r) && !promapi.TakesForm(r):
			api.WriteProblem(w, http.StatusUnsupportedMediaType, "send the body as JSON, with the header Content-Type: application/json")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// knownHost reports whether a request names the console by a name that is its own. Without a list of
// names a foreign name is no way in either: a browser sends a session's cookie to its own host only.
func (c *Guard) knownHost(host string) bool {
	if len(c.Hosts) == 0 {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return slices.ContainsFunc(c.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// loopbackHost reports whether a request names this machine by a name that cannot be pointed
// elsewhere: a DNS name that a foreign page resolves to 127.0.0.1 is refused.
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

// crossOrigin trusts no origin: cors::allowed_origins is looked up where its origins may be used.
var crossOrigin http.CrossOriginProtection

// FromOwnPage reports whether a browser sent a request from a page of the console, or it comes from no
// browser. Where the console is reached over TLS a page without TLS, which others on the network can change,
// is another origin. For requests that write, what the standard library says against them holds as well: it
// believes what a browser says of a page before it compares names, so that such a page is found
// behind a proxy that does not report TLS too. It lets every request pass that reads; here those are checked too.
func (c *Guard) FromOwnPage(r *http.Request) bool {
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

// sameOrigin reports whether a browser sent a request from our own page. Clients that are not
// browsers send no Origin.
func (c *Guard) sameOrigin(r *http.Request) bool {
	if c.FromOwnPage(r) {
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return follows(r)
	}
	return slices.Contains(c.Origins, origin) || slices.Contains(c.Origins, "*") && !c.Open
}

// isOurs reports whether a body is of a type that the API takes.
func isOurs(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (t == "application/json" || t == "application/x-ndjson" || t == "application/octet-stream") // none of them can a foreign page send without asking
}
