// Package mcp answers the Model Context Protocol over streamable HTTP at /mcp, with the tools of internal/mcptools on the
// console's own routes.
//
// It keeps no sessions: each request stands for itself, acts for the principal of its own token, and ends with its answer.
package mcp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tokenboard/tokenboard/client"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/gate"
	"github.com/tokenboard/tokenboard/internal/mcptools"
)

// Path is where the protocol is spoken.
const Path = "/mcp"

const (
	// maxBody bounds the bytes of a request: the name of a tool and its arguments.
	maxBody = 64 << 10
	// longest is how long a request may take: a tool, and the wait for a place.
	longest = mcptools.MaxTime + 15*time.Second
)

// pace bounds the requests of each person, by whatever token they come. An agent thinks between its calls.
var pace = throttle.Limit{Burst: 240, Every: 250 * time.Millisecond}

// Handlers answer the protocol.
type Handlers struct {
	*api.Env

	pace *throttle.Rate
	sdk  http.Handler
}

// New makes the handlers. routes answers the API's routes for the principal in a request's context, with the limits of the
// API on concurrent work.
func New(env *api.Env, routes http.Handler) (*Handlers, error) {
	own, err := client.New("http://console", client.WithHTTPClient(&http.Client{Transport: &inProcess{routes}}))
	if err != nil {
		return nil, fmt.Errorf("make the client of the tools: %w", err)
	}
	server := mcptools.New(mcptools.Options{Client: own, Version: env.Version, Now: env.Now})
	server.AddReceivingMiddleware(endWithRequest)
	return &Handlers{
		Env: env, pace: throttle.NewRate(pace),
		sdk: sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, &sdk.StreamableHTTPOptions{
			Stateless: true, JSONResponse: true, MaxRequestBodyBytes: maxBody, PropagateRequestCancellation: true,
			// Which names the console answers to is decided for all routes by package guard: a proxy on this machine forwards
			// other names than localhost.
			DisableLocalhostProtection: true,
		}),
	}, nil
}

// Routes adds the route. Other methods than POST are for sessions, which there are none of.
func (c *Handlers) Routes(r *api.Router) {
	r.Handle(http.MethodPost, Path, access.ReadUsage, c)
}

// requestKey is a context's key of the context of the HTTP request that a message came with.
type requestKey struct{}

// endWithRequest ends the work on a message when the client that sent it is gone. The SDK passes on the values of the
// request's context, and its end in the newest version of the protocol only.
func endWithRequest(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		request, ok := ctx.Value(requestKey{}).(context.Context)
		if !ok {
			return nil, errors.New("the request is over")
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(request, cancel)()
		return next(ctx, method, req)
	}
}

// ServeHTTP answers one message.
func (c *Handlers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if wait := c.pace.Take(gate.ShareOf(access.From(r.Context())), c.Now()); wait > 0 {
		w.Header().Set("Retry-After", api.RetryAfter(wait))
		api.WriteProblem(w, http.StatusTooManyRequests, "you ask faster than tools are answered; wait, and try again")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		api.WriteProblem(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a message has at most %d bytes", maxBody))
		return
	case err != nil:
		api.WriteProblem(w, http.StatusBadRequest, "the body did not come whole")
		return
	case bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")): // hundreds of calls in one request, in old versions of the protocol
		api.WriteProblem(w, http.StatusBadRequest, "send one message in a request; batches are not taken")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	defer cancel()
	r = r.WithContext(context.WithValue(ctx, requestKey{}, ctx))
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := &plain{ResponseWriter: w}
	c.sdk.ServeHTTP(out, r)
	out.end()
}

// plain turns failures that the SDK writes as plain text into the form of all failures of the console, and lets nobody store
// an answer.
type plain struct {
	http.ResponseWriter

	status int // of a failure in plain text; 0 of other answers
	passes bool
	text   bytes.Buffer
}

// Unwrap returns the wrapped writer, for http.ResponseController.
func (p *plain) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// WriteHeader holds a failure in plain text back, and passes others on.
func (p *plain) WriteHeader(status int) {
	if p.passes || p.status != 0 {
		return
	}
	if status >= http.StatusBadRequest && strings.HasPrefix(p.Header().Get("Content-Type"), "text/plain") {
		p.status = status
		return
	}
	p.passes = true
	p.Header().Set("Cache-Control", "no-store")
	p.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer.
func (p *plain) Write(b []byte) (int, error) {
	if p.status != 0 {
		const most = 300
		p.text.Write(b[:min(len(b), max(0, most-p.text.Len()))])
		return len(b), nil
	}
	p.WriteHeader(http.StatusOK)
	return p.ResponseWriter.Write(b) //nolint:wrapcheck // of the server's own writer
}

// end writes what was held back.
func (p *plain) end() {
	if p.status != 0 {
		p.Header().Del("Content-Length")
		api.WriteProblem(p.ResponseWriter, p.status, strings.TrimSpace(strings.ToValidUTF8(p.text.String(), "?")))
	}
}
