// Package page serves the web console: its files, with the headers and the cache rules that they need.
package page

import (
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Routes serves the page of the console.
func Routes(r *api.Router) {
	r.Handle(http.MethodGet, api.PageRoot, access.Anyone, page())
	for _, path := range []string{"/console", "/{$}"} {
		r.Handle(http.MethodGet, path, access.Anyone, http.RedirectHandler(api.PageRoot, http.StatusFound))
	}
}
