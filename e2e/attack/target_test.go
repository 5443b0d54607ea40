package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/e2e/process"
	"github.com/tokenboard/tokenboard/internal/access/sso/ssotest"
	"github.com/tokenboard/tokenboard/internal/freeport"
)

const (
	api      = "/api/console"
	password = "a password of the attacked"
)

// target is a binary under attack.
type target struct {
	t                   *testing.T
	mode                string // open, local or oidc
	console, otlp, grpc string // addresses, host:port
	dir                 string // its data
	cmd                 *exec.Cmd
	idle                int64 // memory that it holds before anybody attacks it
	stderr              *process.Buffer
	running             *process.Process
	provider            *ssotest.Provider // of the mode oidc
	web                 *http.Client
	// Who attacks it. In the mode open they are all the same.
	admin, operator, viewer, member, other, verifier, nobody *caller
}

// run starts the binary in an access mode, with the quickstart's limits, and makes those who attack it.
func run(t *testing.T, mode string) *target {
	t.Helper()
	return runWith(t, mode, func(config string) string { return config })
}

// runWith does so with a changed configuration and more of an environment.
func runWith(t *testing.T, mode string, change func(config string) string, environment ...string) *target {
	t.Helper()
	dir := t.TempDir()
	b := &target{
		t: t, mode: mode, console: freeport.Address(t), otlp: freeport.Address(t), grpc: freeport.Address(t), dir: filepath.Join(dir, "data"),
		stderr: &process.Buffer{},
	}
	b.web = &http.Client{
		Timeout:       2 * time.Minute,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(b.web.CloseIdleConnections)
	config := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(change(b.config())), 0o600))
	b.cmd = exec.Command(os.Getenv("TOKENBOARD_BINARY"), "--config", config)
	b.cmd.Env = append(os.Environ(), "TOKENBOARD_DATA_DIR="+b.dir, "TOKENBOARD_CONSOLE_ENDPOINT="+b.console,
		"TOKENBOARD_OTLP_GRPC_ENDPOINT="+b.grpc, "TOKENBOARD_OTLP_HTTP_ENDPOINT="+b.otlp, fmt.Sprintf("GOMEMLIMIT=%d", limit/4*3))
	b.cmd.Env = append(b.cmd.Env, environment...)
	b.running = process.Start(t, b.cmd, b.stderr)
	b.nobody = &caller{target: b, name: "nobody", header: map[string]string{}}
	b.waitUntilReady()
	b.people()
	b.idle = b.rss()
	return b
}

// config is the quickstart's configuration with the access mode.
func (b *target) config() string {
	raw, err := os.ReadFile("../../examples/quickstart/config.yaml")
	require.NoError(b.t, err)
	const console = "  tokenconsole:\n"
	require.Contains(b.t, string(raw), console)
	if b.mode == "open" {
		return string(raw)
	}
	access := "    access:\n      mode: " + b.mode + "\n      admin: {username: root, password: " + password + "}\n"
	if b.mode == "oidc" {
		b.provider = ssotest.Run(b.t)
		access += fmt.Sprintf(`      oidc:
        issuer: %s
        client_id: %s
        client_secret: %s
        redirect_url: http://%s%s/session/oidc/callback
        scopes: [profile, email, groups]
        roles: {viewer: [viewers], member: [members]}
`, b.provider.Issuer(), b.provider.ClientID, b.provider.ClientSecret, b.console, api)
	}
	return strings.Replace(string(raw), console, console+access, 1)
}

func (b *target) waitUntilReady() {
	b.t.Helper()
	b.running.WaitFor(b.t, func() bool {
		c, err := net.Dial("tcp", b.otlp)
		if err != nil {
			return false
		}
		_ = c.Close()
		return b.nobody.get("/ready").status == http.StatusOK
	})
}

// people makes one person of each role, with a key for each member.
func (b *target) people() {
	if b.mode == "open" {
		b.admin, b.operator, b.viewer, b.member, b.other, b.verifier = b.nobody, b.nobody, b.nobody, b.nobody, b.nobody, b.nobody
		return
	}
	b.admin = b.signIn("root", password)
	for name, into := range map[string]**caller{"operator": &b.operator, "viewer": &b.viewer, "member": &b.member, "other": &b.other} {
		role := name
		if name == "other" {
			role = "member"
		}
		b.admin.post(api+"/users", map[string]any{"name": name, "role": role, "password": password}).must(b.t, 201)
		*into = b.signIn(name, password)
	}
	var made struct{ Data struct{ Token string } }
	b.admin.post(api+"/tokens", map[string]any{"name": "proxy", "role": "verifier"}).must(b.t, 201).read(b.t, &made)
	require.NotEmpty(b.t, made.Data.Token)
	b.verifier = &caller{target: b, name: "verifier", header: map[string]string{"Authorization": "Bearer " + made.Data.Token}}
}

// signIn signs somebody in with a password.
func (b *target) signIn(name, password string) *caller {
	b.t.Helper()
	origin := "http://" + b.console
	as := &caller{target: b, name: name, header: map[string]string{"Origin": origin}}
	a := as.post(api+"/session", map[string]any{"username": name, "password": password}).must(b.t, 200)
	cookies := (&http.Response{Header: a.header}).Cookies()
	require.NotEmpty(b.t, cookies)
	as.header["Cookie"] = cookies[0].Name + "=" + cookies[0].Value
	return as
}

// stop ends the binary, which must end well whatever was done to it.
func (b *target) stop() {
	b.t.Helper()
	b.running.Stop(b.t, syscall.SIGTERM)
}

// caller is who sends requests: its headers say who it is.
type caller struct {
	target *target
	name   string
	header map[string]string
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// must fails the test where the answer is another one.
func (r reply) must(t *testing.T, status int) reply {
	t.Helper()
	require.NoError(t, r.err)
	require.Equal(t, status, r.status, string(r.body[:min(len(r.body), 2000)]))
	return r
}

func (r reply) read(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(r.body, into), string(r.body[:min(len(r.body), 2000)]))
}

// message is what an answer says is wrong.
func (r reply) message() string {
	var m struct{ Message string }
	_ = json.Unmarshal(r.body, &m)
	return m.Message
}

func (c *caller) with(name, value string) *caller {
	h := map[string]string{name: value}
	for k, v := range c.header {
		if _, set := h[k]; !set {
			h[k] = v
		}
	}
	return &caller{c.target, c.name, h}
}

// open sends a request and returns the answer's beginning.
func (c *caller) open(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.target.console+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	return c.target.web.Do(req)
}

func (c *caller) do(ctx context.Context, method, path string, body io.Reader) (r reply) {
	res, err := c.open(ctx, method, path, body)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	r.status, r.header = res.StatusCode, res.Header
	r.body, r.err = io.ReadAll(res.Body)
	return r
}

func (c *caller) get(path string) reply {
	return c.do(context.Background(), http.MethodGet, path, nil)
}

func (c *caller) post(path string, body any) reply {
	return c.do(context.Background(), http.MethodPost, path, jsonOf(body))
}

func jsonOf(v any) io.Reader {
	if text, ok := v.(string); ok {
		return strings.NewReader(text)
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(b)
}

// export sends telemetry, OTLP as JSON, and returns the status.
func (b *target) export(signal string, body []byte, header map[string]string) (status int, err error) {
	status, _, err = b.post(context.Background(), signal, body, header)
	return status, err
}

// post sends telemetry, OTLP as JSON unless a header says otherwise, and returns the answer.
func (b *target) post(ctx context.Context, signal string, body []byte, header map[string]string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.otlp+"/v1/"+signal, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := b.web.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// call is what one call of the telemetry says.
type call struct {
	id            int
	start         time.Time
	model, user   string
	key           string
	input, output int64
	more          map[string]string
}

func (c call) span() map[string]any {
	text := func(k, v string) map[string]any {
		return map[string]any{"key": k, "value": map[string]any{"stringValue": v}}
	}
	number := func(k string, v int64) map[string]any {
		return map[string]any{"key": k, "value": map[string]any{"intValue": strconv.FormatInt(v, 10)}}
	}
	attributes := []any{
		text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.response.model", c.model),
		number("gen_ai.usage.input_tokens", c.input), number("gen_ai.usage.output_tokens", c.output),
	}
	if c.user != "" {
		attributes = append(attributes, text("user.id", c.user))
	}
	if c.key != "" {
		attributes = append(attributes, text("http.request.header.authorization", "Bearer "+c.key))
	}
	for k, v := range c.more {
		attributes = append(attributes, text(k, v))
	}
	start := c.start.UnixNano()
	return map[string]any{
		"traceId": fmt.Sprintf("%032x", c.id+1), "spanId": fmt.Sprintf("%016x", c.id+1), "name": "chat", "kind": 3,
		"startTimeUnixNano": strconv.FormatInt(start, 10), "endTimeUnixNano": strconv.FormatInt(start+int64(time.Second), 10), "attributes": attributes,
	}
}

func traces(calls []call) []byte {
	spans := make([]any, len(calls))
	for i, c := range calls {
		spans[i] = c.span()
	}
	b, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource":   map[string]any{"attributes": []any{map[string]any{"key": "service.name", "value": map[string]any{"stringValue": "attack"}}}},
		"scopeSpans": []any{map[string]any{"scope": map[string]any{"name": "attack"}, "spans": spans}},
	}}})
	if err != nil {
		panic(err)
	}
	return b
}

// calls sends calls, which must be taken.
func (b *target) calls(n int, of func(i int) call) {
	b.t.Helper()
	const most = 500
	for at := 0; at < n; at += most {
		list := make([]call, 0, most)
		for i := at; i < min(at+most, n); i++ {
			list = append(list, of(i))
		}
		status, err := b.export("traces", traces(list), nil)
		require.NoError(b.t, err)
		require.Equal(b.t, 200, status)
	}
}
