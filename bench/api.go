package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// api asks a console, as one client or as many.
type api struct {
	base string
	web  *http.Client
}

func newAPI(console string, connections int) *api {
	return &api{base: "http://" + console, web: &http.Client{
		Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}, Timeout: 2 * time.Minute,
	}}
}

func (a *api) close() { a.web.CloseIdleConnections() }

// do sends a request and reads the whole answer, whose status must be 2xx.
func (a *api) do(ctx context.Context, method, path string, body any) ([]byte, error) {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, sent)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.web.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, fmt.Errorf("%s %s: status %d: %s", method, path, res.StatusCode, strings.TrimSpace(string(b)))
	}
	return b, nil
}

const apiBase = "/api/console"

// get asks a route of the API and drops the answer.
func (a *api) get(ctx context.Context, route string, query url.Values) error {
	path := apiBase + route
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	_, err := a.do(ctx, http.MethodGet, path, nil)
	return err
}

// read asks a route of the API for its data.
func (a *api) read(ctx context.Context, path string, into any) error {
	b, err := a.do(ctx, http.MethodGet, apiBase+path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &struct{ Data any }{into}); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// createKey makes a key and returns it in clear.
func (a *api) createKey(ctx context.Context, name string) (string, error) {
	b, err := a.do(ctx, http.MethodPost, apiBase+"/keys", map[string]string{"name": name})
	if err != nil {
		return "", err
	}
	var out struct{ Data struct{ Key string } }
	if err := json.Unmarshal(b, &out); err != nil {
		return "", fmt.Errorf("read a new key: %w", err)
	}
	return out.Data.Key, nil
}

// verify checks a key, which must be valid.
func (a *api) verify(ctx context.Context, key string) error {
	_, err := a.do(ctx, http.MethodPost, apiBase+"/keys/verify", map[string]string{"key": key})
	return err
}
