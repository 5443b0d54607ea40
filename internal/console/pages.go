package console

import (
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
)

// pages serves the console's page and the API's documentation.
func (c *Console) pages(mux *http.ServeMux) {
	c.handle(mux, http.MethodGet, pageRoot, access.Anyone, page())
	for _, path := range []string{"/console", "/{$}"} {
		c.handle(mux, http.MethodGet, path, access.Anyone, http.RedirectHandler(pageRoot, http.StatusFound))
	}
	c.docs(mux)
	c.description(mux)
}
