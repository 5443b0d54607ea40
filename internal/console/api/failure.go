package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Failed turns an error of the ledger into an answer. Internal errors are logged, and not part of the answer.
func (e *Env) Failed(what string, err error) error {
	switch {
	case errors.Is(err, store.ErrCursor):
		return WithReason("cursor_unknown", Invalid("query.cursor", "is not one that this server gave; take it from next_cursor of the page before, or leave it out", nil))
	case errors.Is(err, ledger.ErrClosed):
		return WithReason("shutting_down", NewProblem(http.StatusServiceUnavailable, "the server is shutting down; try again in a moment"))
	case errors.Is(err, ledger.ErrFollower):
		return WithReason("not_leader", NewProblem(http.StatusServiceUnavailable, "this replica does not lead, and only the leader can do this; ask it, or try again: /cluster names it"))
	case errors.Is(err, store.ErrMoved):
		return WithReason("store_unavailable", NewProblem(http.StatusServiceUnavailable, "the store was changed by another replica meanwhile; try again in a moment"))
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return WithReason("store_unavailable", NewProblem(http.StatusServiceUnavailable, "the store does not answer whether the last write was stored; try again in a moment"))
	case errors.Is(err, store.ErrUnavailable):
		e.Logger.Warn("a console request could not be answered", zap.String("request", what), zap.Error(err))
		return WithReason("store_unavailable", RetryLater(http.StatusServiceUnavailable, "the database cannot be reached now; try again in a moment", time.Second))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return WithReason("cut_off", NewProblem(http.StatusServiceUnavailable, "the request was cut off before it was answered; try again"))
	}
	e.Logger.Error("a console request failed", zap.String("request", what), zap.Error(err))
	return WithReason("internal", NewProblem(http.StatusInternalServerError, "the store could not answer; the collector's log says why"))
}

// QueryTimeout bounds the time for a breakdown that is summed from the stored records.
const QueryTimeout = 30 * time.Second

// TookTooLong answers where breakdownLimit has passed.
func TookTooLong(what string) error {
	return WithReason("took_too_long", NewProblem(http.StatusServiceUnavailable,
		fmt.Sprintf("%s took more than %d seconds; ask for a shorter range of time (from, to)", what, int(QueryTimeout.Seconds()))))
}

// RetryLater asks a client to come back.
func RetryLater(status int, message string, wait time.Duration) error {
	return huma.ErrorWithHeaders(NewProblem(status, message), http.Header{"Retry-After": {RetryAfter(wait)}})
}

// RetryAfter is a time to wait as the header Retry-After has it.
func RetryAfter(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}
