package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// huma builds its own errors with huma.NewError, a variable of the process. It stays as it is: the errors are changed
// to problems where one API writes them, so that another API of the process is not affected.

// problemOfHuma is a transformer of answers: it replaces an error of huma by a problem.
func problemOfHuma(_ huma.Context, _ string, answer any) (any, error) {
	e, ok := answer.(*huma.ErrorModel)
	if !ok {
		return answer, nil
	}
	details := make([]error, len(e.Errors))
	for i, d := range e.Errors {
		details[i] = d
	}
	return NewProblem(e.Status, e.Detail, details...), nil
}

// failureContext replaces the status and the content type of a huma error by the ones of a problem.
type failureContext struct{ humaContext }

// humaContext has another name than its method Context.
type humaContext huma.Context

// Unwrap returns the context below, for humago.Unwrap.
func (c failureContext) Unwrap() huma.Context { return c.humaContext }

// SetStatus sets the status of the answer.
func (c failureContext) SetStatus(status int) { c.humaContext.SetStatus(problemStatus(status)) }

// SetHeader sets a header of the answer.
func (c failureContext) SetHeader(name, value string) {
	if name == "Content-Type" && value == "application/problem+json" {
		value = "application/json"
	}
	c.humaContext.SetHeader(name, value)
}

// problemStatus returns the status of a problem: a fault of the request is 400 whatever the reason.
func problemStatus(status int) int {
	if status == http.StatusUnprocessableEntity {
		return http.StatusBadRequest
	}
	return status
}
