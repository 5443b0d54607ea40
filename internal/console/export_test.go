package console

import "net/http"

// direct returns the handler of all routes without what shares and compresses answers.
func (c *Console) direct() http.Handler { return c.guard.Wrap(c.identify(c.Router.Handler())) }
