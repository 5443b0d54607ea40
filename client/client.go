package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const base = "/api/console"

// Client asks one server. It is safe for concurrent use.
type Client struct {
	server *url.URL
	token  string
	http   *http.Client
}

// Option changes a Client.
type Option func(*Client)

// WithToken makes the client act by an API token (tbt-...), or by what an authenticator of the
// collector takes as a bearer token.
func WithToken(token string) Option { return func(c *Client) { c.token = token } }

// WithHTTPClient makes it use another HTTP client than http.DefaultClient. A Timeout in it ends live
// streams and long exports, too.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// New makes a client of the server at an address such as http://127.0.0.1:8317.
func New(server string, options ...Option) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("the server %q is not an address such as http://127.0.0.1:8317", server)
	}
	u.Path, u.RawQuery, u.Fragment = strings.TrimSuffix(u.Path, "/"), "", ""
	c := &Client{server: u, http: http.DefaultClient}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

// Problem is an error that the server reports.
type Problem struct {
	Status  int      `json:"code"` // HTTP status
	Message string   `json:"message"`
	Details []Detail `json:"details"`
}

// Detail is one thing that is wrong with a request.
type Detail struct {
	Message  string `json:"message"`
	Location string `json:"location"` // such as query.from or body.name
	Value    any    `json:"value"`
}

// Error returns the message and the details that it does not repeat.
func (p *Problem) Error() string {
	text := p.Message
	for _, d := range p.Details {
		if !strings.Contains(text, d.Message) {
			text += "; " + d.Location + ": " + d.Message
		}
	}
	return text
}

// IsStatus reports whether an error is a Problem of an HTTP status.
func IsStatus(err error, status int) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status
}

// maxAnswer bounds the bytes that are read of an answer that is not streamed.
const maxAnswer = 256 << 20

// send sends a request and returns the answer, whose body the caller closes.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, body io.Reader, header http.Header) (*http.Response, error) {
	u := *c.server
	u.Path += base + path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is long, and known
		}
		return nil, fmt.Errorf("ask %s: %w", c.server.Host, err)
	}
	if res.StatusCode >= http.StatusOK && res.StatusCode < http.StatusMultipleChoices {
		return res, nil
	}
	defer res.Body.Close()
	return nil, problemOf(res)
}

// problemOf reads a failure; an answer that does not come from the console (a proxy's page) has only its status.
func problemOf(res *http.Response) error {
	const longest = 1 << 20
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil || json.Unmarshal(b, p) != nil || p.Message == "" {
		p = &Problem{Message: "the server answered " + res.Status}
	}
	p.Status = res.StatusCode
	return p
}

// call sends JSON and reads the data of the answer.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) (out T, err error) {
	var reader io.Reader
	contentType := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return out, fmt.Errorf("write the request: %w", err)
		}
		reader, contentType = bytes.NewReader(b), "application/json"
	}
	res, err := c.send(ctx, method, path, query, contentType, reader, nil) //nolint:bodyclose // answer closes it
	if err != nil {
		return out, err
	}
	return answer[T](res)
}

func answer[T any](res *http.Response) (T, error) {
	defer res.Body.Close()
	var e struct{ Data T }
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&e); err != nil {
		return e.Data, fmt.Errorf("read the answer: %w", err)
	}
	return e.Data, nil
}
