package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

func (c *Handlers) healthRoutes(r *api.Router) {
	api.Register(r, access.Anyone, api.Operation(http.MethodGet, "/health", "health", "The process answers"), c.health)
	api.Register(r, access.Anyone, api.Operation(http.MethodGet, "/ready", "ready", "Telemetry is received, and the store answers"), c.ready)
}

// Health says that the process answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
	Role   string `json:"role" enum:"single,leader,follower" doc:"single: no other process can use the store. A follower answers and takes telemetry too; the leader decides what counts"`
	Commit int64  `json:"commit" doc:"number of the last transaction of the store that answers include; 0 of a single process"`
}

func (c *Handlers) health(context.Context, *struct{}) (*api.Envelope[Health], error) {
	return api.Answer(c.healthy()), nil
}

// healthy says what this process is among those that share the store.
func (c *Handlers) healthy() Health {
	role := c.Ledger.Role()
	h := Health{Status: "ok", Role: "single", Commit: role.Seq}
	switch {
	case role.Shared && role.Leading:
		h.Role = "leader"
	case role.Shared:
		h.Role = "follower"
	}
	return h
}

// readyPatience bounds the wait for the store: less than probes wait for an answer.
const readyPatience = 3 * time.Second

func (c *Handlers) ready(ctx context.Context, _ *struct{}) (*api.Envelope[Health], error) {
	if c.Receiving != nil && !c.Receiving() {
		return nil, api.WithReason("unavailable", api.NewProblem(http.StatusServiceUnavailable, "telemetry is not received: the collector is starting or stopping; try again in a moment"))
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	status, err := c.Ledger.Status(ctx)
	if err == nil {
		err = errors.Join(status.Outcome, status.Following) // batches are taken again, or figures are fresh, when it is nil
	}
	if err != nil {
		c.Failed("ready", err) //nolint:errcheck // it is logged
		return nil, api.WithReason("store_unavailable", api.NewProblem(http.StatusServiceUnavailable, "the store does not answer; the collector's log says why"))
	}
	return api.Answer(c.healthy()), nil
}

// plainHealth and plainReady are for probes that want a status only.
func (c *Handlers) plainHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, "ok")
}

func (c *Handlers) plainReady(w http.ResponseWriter, r *http.Request) {
	if _, err := c.ready(r.Context(), nil); err != nil {
		api.WriteProblem(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}
