package console

import (
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
)

// pages serves the page of the console.
func pages(r *router) {
	r.handle(http.MethodGet, pageRoot, access.Anyone, page())
	for _, path := range []string{"/console", "/{$}"} {
		r.handle(http.MethodGet, path, access.Anyone, http.RedirectHandler(pageRoot, http.StatusFound))
	}
}
