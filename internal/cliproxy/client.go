package cliproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// API is a generation of the management API.
type API string

// The generations. Auto takes v0 where the proxy serves it, else v8.
const (
	Auto API = "auto"
	V0   API = "v0"
	V8   API = "v8"
)

// Errors that callers distinguish.
var (
	// ErrRefused says that the proxy does not take the management key, or not from this address. It is
	// final: the client sends nothing more.
	ErrRefused = errors.New("the proxy refuses the management key (HTTP 401 or 403), or has banned this address for wrong ones; " +
		"no more requests are sent, because five wrong keys ban the address for 30 minutes: check management_key, " +
		"and remote-management::allow-remote in the proxy, then restart")
	// ErrDisabled says that there is no management API: it is on only where the proxy has a management key.
	ErrDisabled = errors.New("the proxy serves no management API (HTTP 404): set remote-management::secret-key in its configuration, " +
		"and check the endpoint")
	// ErrCut says that an answer was cut off; the part that came is returned beside the error.
	ErrCut = errors.New("the proxy's answer broke off")
	// ErrUnreachable says that no answer came at all.
	ErrUnreachable = errors.New("the proxy does not answer")
)

// Options say which proxy to talk to.
type Options struct {
	Endpoint string // base URL, such as http://127.0.0.1:8317
	Key      string // the management key
	API      API    // Auto where empty
	HTTP     *http.Client
	// Probes is for Probe only: a request that closes its connection would use up the one that a probe holds. Nil: there
	// are no probes.
	Probes *http.Client
}

// Client is one proxy. Its methods are safe for concurrent use.
type Client struct {
	base   *url.URL
	key    string
	http   *http.Client
	probes *http.Client // nil: none

	mu      sync.Mutex
	api     API // Auto until the first answer
	refused bool
	version Version
}

// Version is the proxy's version, from the headers of its answers.
type Version struct{ Release, Commit string }

// New makes a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(o.Endpoint, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("endpoint %q is no http or https address, such as http://127.0.0.1:8317", o.Endpoint)
	}
	if base.User != nil || base.RawQuery != "" {
		return nil, errors.New("endpoint must hold no user and no query: the management key belongs into management_key")
	}
	if o.Key == "" {
		return nil, errors.New("management_key must be set: it is remote-management::secret-key of the proxy")
	}
	if o.API == "" {
		o.API = Auto
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	c := &Client{base: base, key: o.Key, http: withoutRedirects(o.HTTP), api: o.API}
	if o.Probes != nil {
		c.probes = withoutRedirects(o.Probes)
	}
	return c, nil
}

// withoutRedirects returns a client that follows no redirect: the key goes nowhere else.
func withoutRedirects(c *http.Client) *http.Client {
	out := *c
	out.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &out
}

// Close closes the connection that the last Probe held.
func (c *Client) Close() {
	if c.probes != nil {
		c.probes.CloseIdleConnections()
	}
}

// Version returns what the last answer said of the proxy's version.
func (c *Client) Version() Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// Refused reports whether the client has stopped for good, see ErrRefused.
func (c *Client) Refused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

func (c *Client) refuse() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = true
	return ErrRefused
}

// queuePaths are where each generation keeps the usage queue, in the order in which Auto tries them.
var queuePaths = []struct {
	api  API
	path string
}{
	{V0, "/v0/management/usage-queue"},
	{V8, "/v8/management/observability/usage/queue"},
}

// Pull takes up to n events off the usage queue: once they are on their way, the proxy has them no
// more. Where the answer breaks off, the events before come with ErrCut.
func (c *Client) Pull(ctx context.Context, n int) ([]json.RawMessage, error) {
	c.mu.Lock()
	api := c.api
	c.mu.Unlock()
	for _, q := range queuePaths {
		if api != Auto && api != q.api {
			continue
		}
		res, err := c.do(ctx, http.MethodGet, q.path, url.Values{"count": {strconv.Itoa(n)}}, nil)
		if errors.Is(err, ErrDisabled) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		c.mu.Lock()
		c.api = q.api
		c.mu.Unlock()
		return readEvents(res.Body)
	}
	return nil, ErrDisabled
}

// maxAnswer bounds the bytes that are read of one answer.
const maxAnswer = 512 << 20

// readEvents reads a list of events one by one, so that an answer that breaks off yields its complete events.
func readEvents(body io.Reader) (events []json.RawMessage, err error) {
	cut := func() ([]json.RawMessage, error) {
		return events, fmt.Errorf("%w after %d events", ErrCut, len(events))
	}
	d := json.NewDecoder(io.LimitReader(body, maxAnswer))
	switch t, err := d.Token(); {
	case err != nil:
		return cut()
	case t == nil: // null: an empty list of older versions
		return nil, nil
	case t != json.Delim('['):
		return nil, errors.New("the usage queue answered no list; check that the endpoint is a CLIProxyAPI")
	}
	for d.More() {
		var e json.RawMessage
		if err := d.Decode(&e); err != nil {
			return cut()
		}
		events = append(events, e)
	}
	if _, err := d.Token(); err != nil {
		return cut()
	}
	return events, nil
}

// Connection is what became of the connection of a Probe.
type Connection struct {
	Reused bool // an earlier probe had used it
	Kept   bool // the proxy keeps it open for the next one
}

// Probe sends a request without the management key to the proxy's root, which costs it nothing, over the connection of the
// probe before if that is still open. Any answer will do.
func (c *Client) Probe(ctx context.Context) (Connection, error) {
	var out Connection
	if c.probes == nil {
		return out, nil
	}
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { out.Reused = i.Reused }} // the last of several
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, c.base.JoinPath("/").String(), nil)
	if err != nil {
		return out, errors.New("the proxy's root cannot be asked for")
	}
	res, err := c.probes.Do(req)
	if err != nil {
		return out, fmt.Errorf("probe: %w", ErrUnreachable)
	}
	const most = 64 << 10
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, most))
	_ = res.Body.Close()
	out.Kept = err == nil && n < most && !res.Close
	return out, nil
}

const statisticsPath = "/v0/management/usage-statistics-enabled"

// StatisticsEnabled reports whether the proxy records usage at all.
func (c *Client) StatisticsEnabled(ctx context.Context) (bool, error) {
	var answer struct {
		Enabled bool `json:"usage-statistics-enabled"`
	}
	return answer.Enabled, c.read(ctx, statisticsPath, &answer)
}

// EnableStatistics makes the proxy record usage; it writes that into its configuration.
func (c *Client) EnableStatistics(ctx context.Context) error {
	return c.write(ctx, http.MethodPut, statisticsPath, nil, map[string]bool{"value": true})
}

// Attempts sums what the proxy counted of attempts since its start, by its own counters per upstream
// credential; false where it serves none of them. Versions before v7 have none.
func (c *Client) Attempts(ctx context.Context) (int64, bool, error) {
	var sum int64
	known := false
	for _, path := range []string{"/v0/management/api-key-usage", "/v0/management/auth-files"} {
		var answer any
		err := c.read(ctx, path, &answer)
		if errors.Is(err, ErrDisabled) {
			continue
		}
		if err != nil {
			return 0, false, err
		}
		n, some := countAttempts(answer)
		sum += n
		known = known || some
	}
	return sum, known, nil
}

// countAttempts adds up "success" and "failed" of every entry, but not of the entry's own history.
func countAttempts(v any) (sum int64, some bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n, is := countAttempts(item)
			sum, some = sum+n, some || is
		}
	case map[string]any:
		for name, item := range v {
			if n, isNumber := item.(float64); isNumber && (name == "success" || name == "failed") {
				sum, some = sum+int64(n), true
			} else if name != "recent_requests" {
				n, is := countAttempts(item)
				sum, some = sum+n, some || is
			}
		}
	}
	return sum, some
}

const keysPath = "/v0/management/api-keys"

// Keys lists the client keys in clear. The caller must keep them in memory only.
func (c *Client) Keys(ctx context.Context) ([]string, error) {
	var answer struct {
		Keys []string `json:"api-keys"`
	}
	return answer.Keys, c.read(ctx, keysPath, &answer)
}

// AddKey lets a client key in; a key that is in already changes nothing.
func (c *Client) AddKey(ctx context.Context, key string) error { return c.ReplaceKey(ctx, key, key) }

// ReplaceKey puts one key in the place of another; where the old one is absent, the new one is added.
func (c *Client) ReplaceKey(ctx context.Context, from, to string) error {
	return c.write(ctx, http.MethodPatch, keysPath, nil, map[string]string{"old": from, "new": to})
}

// DeleteKey shuts a client key out; one that is absent changes nothing. The caller must make sure that
// it is not the last: a proxy without keys lets everybody in.
//
// The proxy takes the key in the query of the URL. By its index it could be deleted too, but then
// another one dies where somebody else changes the list in between.
func (c *Client) DeleteKey(ctx context.Context, key string) error {
	return c.write(ctx, http.MethodDelete, keysPath, url.Values{"value": {key}}, nil)
}

func (c *Client) read(ctx context.Context, path string, into any) error {
	res, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("%s answered no JSON of the expected kind", path) // err may quote the answer
	}
	return nil
}

func (c *Client) write(ctx context.Context, method, path string, query url.Values, body any) error {
	res, err := c.do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return res.Body.Close()
}

// do sends a request. Its errors hold neither the query, nor headers, nor what was answered.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	if c.Refused() {
		return nil, ErrRefused
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
		content = bytes.NewReader(b)
	}
	u := *c.base
	u.Path += path
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return nil, fmt.Errorf("%s %s cannot be asked for", method, path)
	}
	req.Close = true // over a connection that was used before, net/http sends a GET again that got no answer; a pull would lose events
	req.Header.Set("Authorization", "Bearer "+c.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // without the URL, which can hold a key
		}
		return nil, fmt.Errorf("%s %s: %w: %w", method, path, ErrUnreachable, err)
	}
	c.mu.Lock()
	if v := (Version{res.Header.Get("X-Cpa-Version"), res.Header.Get("X-Cpa-Commit")}); v != (Version{}) {
		c.version = v
	}
	c.mu.Unlock()
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16))
	_ = res.Body.Close()
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, c.refuse()
	case http.StatusNotFound:
		return nil, ErrDisabled
	}
	return nil, fmt.Errorf("%s %s: the proxy answered HTTP %d", method, path, res.StatusCode)
}
