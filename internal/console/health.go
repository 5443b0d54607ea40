package console

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
)

func (c *serverHandlers) healthRoutes(r *router) {
	register(r, access.Anyone, operation(http.MethodGet, "/health", "health", "The process answers"), c.health)
	register(r, access.Anyone, operation(http.MethodGet, "/ready", "ready", "Telemetry is received, and the store answers"), c.ready)
}

// Health says that the process answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

func (c *serverHandlers) health(context.Context, *struct{}) (*envelope[Health], error) {
	return answer(Health{Status: "ok"}), nil
}

func (c *serverHandlers) ready(ctx context.Context, _ *struct{}) (*envelope[Health], error) {
	if c.Receiving != nil && !c.Receiving() {
		return nil, newProblem(http.StatusServiceUnavailable, "telemetry is not received: the collector is starting or stopping; try again in a moment")
	}
	status, err := c.Ledger.Status(ctx)
	if err == nil {
		err = status.Outcome // batches are taken again when it is known
	}
	if err != nil {
		c.Failed("ready", err) //nolint:errcheck // it is logged
		return nil, because("store_unavailable", newProblem(http.StatusServiceUnavailable, "the store does not answer; the collector's log says why"))
	}
	return answer(Health{Status: "ok"}), nil
}

// plainHealth and plainReady are for probes that want a status only.
func (c *serverHandlers) plainHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, "ok")
}

func (c *serverHandlers) plainReady(w http.ResponseWriter, r *http.Request) {
	if _, err := c.ready(r.Context(), nil); err != nil {
		writeProblem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
