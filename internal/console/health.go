package console

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
)

func (c *Console) healthRoutes() {
	register(c, access.Anyone, route(http.MethodGet, "/health", "health", "The process answers"), c.health)
	register(c, access.Anyone, route(http.MethodGet, "/ready", "ready", "The store answers"), c.ready)
}

// Health says that the process answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

func (c *Console) health(context.Context, *struct{}) (*envelope[Health], error) {
	return answer(Health{Status: "ok"}), nil
}

func (c *Console) ready(ctx context.Context, _ *struct{}) (*envelope[Health], error) {
	status, err := c.o.Ledger.Status(ctx)
	if err == nil {
		err = status.Outcome // batches are taken again when it is known
	}
	if err != nil {
		c.failed("ready", err) //nolint:errcheck // it is logged
		return nil, because("store_unavailable", newProblem(http.StatusServiceUnavailable, "the store does not answer; the collector's log says why"))
	}
	return answer(Health{Status: "ok"}), nil
}

// plainHealth and plainReady are for probes that want a status only.
func (c *Console) plainHealth(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") }

func (c *Console) plainReady(w http.ResponseWriter, r *http.Request) {
	if _, err := c.ready(r.Context(), nil); err != nil {
		writeProblem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
