package console

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// envelope is every successful answer.
type envelope[T any] struct {
	Body struct {
		Code int `json:"code" doc:"0 for success"`
		Data T   `json:"data"`
	}
}

func answer[T any](data T) *envelope[T] {
	e := &envelope[T]{}
	e.Body.Data = data
	return e
}

// problem is every failure.
type problem struct {
	Code    int              `json:"code" doc:"the HTTP status"`
	Reason  Reason           `json:"reason" doc:"names the message for programs and translations; stays when the words of the message change"`
	Limit   *int64           `json:"limit,omitempty" doc:"the number that the message names, where it names one"`
	Message string           `json:"message" doc:"what is wrong and what to do"`
	Details []*problemDetail `json:"details" doc:"one entry for each parameter or field that is wrong"`
}

// problemDetail is what is wrong with one parameter or field.
type problemDetail struct {
	Message  string `json:"message"`
	Location string `json:"location" doc:"where it is, such as query.status or body.name"`
	Value    any    `json:"value,omitempty" doc:"what was sent; never from a body or a header"`
	Reason   Reason `json:"reason" doc:"names the message"`
	Limit    *int64 `json:"limit,omitempty" doc:"the number that the message names, where it names one"`
}

func (p *problem) Error() string  { return p.Message }
func (p *problem) GetStatus() int { return p.Code }

// maxEcho bounds what an error repeats of a request.
const maxEcho = 200

// newProblem makes huma's own errors ours. What a request has wrong is 400 whatever the reason;
// a value that is repeated is shortened.
func newProblem(status int, message string, errs ...error) huma.StatusError {
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	p := &problem{Code: status, Reason: reasonOf(status), Message: message, Details: []*problemDetail{}}
	for _, err := range errs {
		if err == nil {
			continue
		}
		d := &huma.ErrorDetail{Message: err.Error()}
		if detailer, ok := err.(huma.ErrorDetailer); ok {
			found := *detailer.ErrorDetail()
			d = &found
		}
		reason, number := validationReason(d.Message)
		p.Details = append(p.Details, &problemDetail{Message: d.Message, Location: d.Location, Value: echo(d), Reason: reason, Limit: number})
	}
	if len(p.Details) > 0 && (message == "validation failed" || message == "") {
		p.Message = p.Details[0].Location + ": " + p.Details[0].Message
	}
	return p
}

// echo is what an error repeats of a value that is wrong: of an address only, shortened and without
// what looks like a secret. A body may hold a password.
func echo(d *huma.ErrorDetail) any {
	if d.Location == "body" || strings.HasPrefix(d.Location, "body.") || strings.HasPrefix(d.Location, "header.") {
		return nil
	}
	s, ok := d.Value.(string)
	if !ok {
		return d.Value
	}
	if s = redact(s); len(s) > maxEcho {
		s = s[:maxEcho] + "…"
	}
	return s
}

// wrong is a parameter that cannot be used.
func wrong(location, message string, value any) error {
	return newProblem(http.StatusBadRequest, "validation failed", &huma.ErrorDetail{Location: location, Message: message, Value: value})
}

// failed turns an error of the ledger into an answer. What goes wrong inside is logged, not told.
func (c *Console) failed(what string, err error) error {
	switch {
	case errors.Is(err, store.ErrCursor):
		return because("cursor_unknown", wrong("query.cursor", "is not one that this server gave; take it from next_cursor of the page before, or leave it out", nil))
	case errors.Is(err, ledger.ErrClosed):
		return because("shutting_down", newProblem(http.StatusServiceUnavailable, "the server is shutting down; try again in a moment"))
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return because("store_unavailable", newProblem(http.StatusServiceUnavailable, "the store does not answer whether the last write was stored; try again in a moment"))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return because("cut_off", newProblem(http.StatusServiceUnavailable, "the request was cut off before it was answered; try again"))
	}
	c.o.Logger.Error("a console request failed", zap.String("request", what), zap.Error(err))
	return because("internal", newProblem(http.StatusInternalServerError, "the store could not answer; the collector's log says why"))
}
