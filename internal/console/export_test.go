package console

import (
	"net/http"
)

// Direct returns the handler of all routes without what shares and compresses answers.
func (c *Console) Direct() http.Handler { return c.Identified(c.Router.Handler()) }

// Identified returns a handler that finds out who a request acts for before the next.
func (c *Console) Identified(next http.Handler) http.Handler { return c.guard.Wrap(c.identify(next)) }
