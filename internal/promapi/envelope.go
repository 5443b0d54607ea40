package promapi

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
)

// root is the path below which clients expect Prometheus' form of answers.
const root = "/prometheus/"

// TakesForm reports whether a request is one of this API whose parameters are in its body.
func TakesForm(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/x-www-form-urlencoded" && strings.HasPrefix(r.URL.Path, root)
}

// Envelope puts the errors that the rest of the server answers requests of this API with into Prometheus' form: a
// wrong token, a role that does not allow it, too many requests, a route that there is not.
func Envelope(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, root) {
			next.ServeHTTP(w, r)
			return
		}
		e := &envelope{ResponseWriter: w}
		next.ServeHTTP(e, r)
		e.end()
	})
}

// envelope keeps the body of an error until it is whole.
type envelope struct {
	http.ResponseWriter
	status int // of an error; 0 of other answers
	passes bool
	body   bytes.Buffer
}

// Unwrap returns the wrapped writer, for http.ResponseController.
func (e *envelope) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *envelope) WriteHeader(status int) {
	if e.passes || e.status != 0 {
		return
	}
	if status >= http.StatusBadRequest && e.Header().Get("Content-Encoding") == "" {
		e.status = status
		return
	}
	e.passes = true
	e.ResponseWriter.WriteHeader(status)
}

func (e *envelope) Write(b []byte) (int, error) {
	if e.status != 0 {
		return e.body.Write(b)
	}
	e.passes = true
	return e.ResponseWriter.Write(b)
}

// kinds are the types of errors by status, of those that other parts of the server answer with.
var kinds = map[int]string{
	http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden", http.StatusNotFound: string(notFound),
	http.StatusServiceUnavailable: string(unavailable), http.StatusTooManyRequests: string(unavailable),
	http.StatusInternalServerError: string(internal),
}

func (e *envelope) end() {
	if e.status == 0 {
		return
	}
	var p struct {
		Status  string // Prometheus' own form
		Message string
	}
	if err := json.Unmarshal(e.body.Bytes(), &p); err != nil || p.Status != "" || p.Message == "" {
		e.ResponseWriter.WriteHeader(e.status)
		_, _ = e.ResponseWriter.Write(e.body.Bytes()) // a client that is gone needs no answer
		return
	}
	kind := kinds[e.status]
	if kind == "" {
		kind = string(badData)
	}
	Refuse(e.ResponseWriter, e.status, kind, p.Message)
}
