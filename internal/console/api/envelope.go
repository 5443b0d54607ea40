package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Envelope is every successful answer.
type Envelope[T any] struct {
	Body struct {
		Code int `json:"code" doc:"0 for success"`
		Data T   `json:"data"`
	}
}

// Answer returns data in the envelope of an answer that succeeded.
func Answer[T any](data T) *Envelope[T] {
	e := &Envelope[T]{}
	e.Body.Data = data
	return e
}

// Problem is every failure.
type Problem struct {
	Code    int              `json:"code" doc:"the HTTP status"`
	Reason  Reason           `json:"reason" doc:"names the message for programs and translations; stays when the words of the message change"`
	Limit   *int64           `json:"limit,omitempty" doc:"the number that the message names, where it names one"`
	Message string           `json:"message" doc:"what is wrong and what to do"`
	Details []*ProblemDetail `json:"details" doc:"one entry for each parameter or field that is wrong"`
}

// ProblemDetail describes an error in one parameter or field.
type ProblemDetail struct {
	Message  string `json:"message"`
	Location string `json:"location" doc:"where it is, such as query.status or body.name"`
	Value    any    `json:"value,omitempty" doc:"what was sent; never from a body or a header"`
	Reason   Reason `json:"reason" doc:"names the message"`
	Limit    *int64 `json:"limit,omitempty" doc:"the number that the message names, where it names one"`
}

func (p *Problem) Error() string { return p.Message }

// GetStatus returns the status of the answer: huma asks an error for it.
func (p *Problem) GetStatus() int { return p.Code }

// maxEcho bounds what an error repeats of a request.
const maxEcho = 200

// NewProblem converts huma's errors to problems. Any fault of a request is a 400;
// a value that is repeated is shortened.
func NewProblem(status int, message string, errs ...error) huma.StatusError {
	status = problemStatus(status)
	p := &Problem{Code: status, Reason: ReasonOf(status), Message: message, Details: []*ProblemDetail{}}
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
		p.Details = append(p.Details, &ProblemDetail{Message: d.Message, Location: d.Location, Value: echo(d), Reason: reason, Limit: number})
	}
	if len(p.Details) > 0 && (message == "validation failed" || message == "") {
		p.Message = p.Details[0].Location + ": " + p.Details[0].Message
	}
	return p
}

// echo returns the part of an invalid value that an error repeats: of an address only, shortened and without
// what looks like a secret. A body may hold a password.
func echo(d *huma.ErrorDetail) any {
	if d.Location == "body" || strings.HasPrefix(d.Location, "body.") || strings.HasPrefix(d.Location, "header.") {
		return nil
	}
	s, ok := d.Value.(string)
	if !ok {
		return d.Value
	}
	if s = Redact(s); len(s) > maxEcho {
		s = s[:maxEcho] + "…"
	}
	return s
}

// Invalid is a parameter that cannot be used.
func Invalid(location, message string, value any) error {
	return NewProblem(http.StatusBadRequest, "validation failed", &huma.ErrorDetail{Location: location, Message: message, Value: value})
}

// WriteProblem answers a request with a failure.
func WriteProblem(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(NewProblem(status, message)) // a client that is gone needs no answer
}
