package guard

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Browsers say of each request where it comes from and what for, in headers that no page can set
// (https://www.w3.org/TR/fetch-metadata/). By them pages from elsewhere are kept off the API, whatever the
// method, and also where nobody has to sign in: without being able to read an answer, a page could have
// much work done by frames, images and the like.

// framed are the purposes of requests whose answer would be shown inside another page.
var framed = []string{"iframe", "frame", "fencedframe", "embed", "object"}

// embeds reports whether a browser would show the answer inside another page. Nothing here is meant for that.
func embeds(r *http.Request) bool {
	return slices.Contains(framed, strings.ToLower(r.Header.Get("Sec-Fetch-Dest")))
}

// links are the addresses that people follow links to from elsewhere: the page, what describes the API,
// and where an OpenID Connect provider sends them back to. All others are for the page and for programs.
var links = []string{"/", "/console", api.Base + "/docs", api.Base + "/session/oidc/callback"}

// follows reports whether somebody follows a link to a page.
func follows(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		(dest == "" || dest == "document") &&
		(slices.Contains(links, r.URL.Path) || strings.HasPrefix(r.URL.Path, api.PageRoot))
}
