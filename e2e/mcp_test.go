package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// bearer sends requests with a token.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// askTool calls a tool and returns its answer, and its error where it is one.
func askTool(t *testing.T, s *mcp.ClientSession, tool string, args map[string]any) (answer string, failed bool) {
	t.Helper()
	r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	require.NoError(t, err, tool)
	return r.Content[0].(*mcp.TextContent).Text, r.IsError
}

// TestMCP: the built binary answers agents over HTTP and over the standard input and output, with the API's figures and
// the role of the token, which is in no argument.
func TestMCP(t *testing.T) {
	dir := t.TempDir()
	add := exec.Command(binary, "user", "add", "root", "--role", "admin", "--password-stdin", "--data-dir", dir)
	add.Stdin = strings.NewReader(adminPassword)
	out, err := add.CombinedOutput()
	require.NoError(t, err, string(out))
	p := run(t, dir, "--config", withAccess(t, "      mode: local\n"))
	root := p.signIn("root", adminPassword)
	token := func(role string) string {
		var made struct{ Data struct{ Token string } }
		require.Equal(t, http.StatusCreated, root.call(http.MethodPost, "/api/console/tokens", `{"name":"`+role+`","role":"`+role+`"}`, &made))
		return made.Data.Token
	}
	viewer, member, verifier := token("viewer"), token("member"), token("verifier")
	require.True(t, p.send(t.Context(), "traces", []byte(mcpCall(time.Now()))))
	var api struct{ Data json.RawMessage }
	require.Equal(t, http.StatusOK, root.call(http.MethodGet, "/api/console/stats?top=20", "", &api))

	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil)
	overHTTP := func(token string) (*mcp.ClientSession, error) {
		return client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: p.console + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}, MaxRetries: -1}, nil)
	}
	file := filepath.Join(t.TempDir(), "token")
	overStdio := func(token string) (*mcp.ClientSession, error) {
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		cmd := exec.Command(binary, "mcp", "--token-file", file)
		cmd.Env = slices.Concat(p.cmd.Env, []string{"TOKENBOARD_SERVER=" + p.console})
		for _, arg := range cmd.Args {
			require.NotContains(t, arg, token)
		}
		return client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	}
	for name, open := range map[string]func(string) (*mcp.ClientSession, error){"http": overHTTP, "stdio": overStdio} {
		s, err := open(viewer)
		require.NoError(t, err, name)
		tools, err := s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, tools.Tools, 8)
		answer, failed := askTool(t, s, "usage_stats", nil)
		require.False(t, failed, answer)
		var got struct {
			Scope string
			Data  json.RawMessage
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &got))
		require.Equal(t, "all calls (role viewer)", got.Scope)
		require.JSONEq(t, string(api.Data), string(got.Data), name)
		require.Contains(t, answer, `"used_tokens":1500`)
		require.NoError(t, s.Close())

		s, err = open(member)
		require.NoError(t, err, name)
		answer, failed = askTool(t, s, "usage_breakdown", map[string]any{"by": []string{"model"}})
		require.False(t, failed, answer)
		require.NotContains(t, answer, "gpt-4o", "the call was made with nobody's key")
		require.NoError(t, s.Close())
	}
	for _, bad := range []string{verifier, "tbt-wrong"} {
		_, err = overHTTP(bad)
		require.Error(t, err)
		s, err := overStdio(bad)
		require.NoError(t, err, "the command itself is there")
		answer, failed := askTool(t, s, "usage_stats", nil)
		require.True(t, failed, answer)
		require.NotContains(t, answer, bad)
		require.NoError(t, s.Close())
	}
	p.stop(15)
}

// mcpCall is a request with one call.
func mcpCall(at time.Time) string {
	text := func(key, value string) string {
		return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, key, value)
	}
	number := func(key string, value int) string {
		return fmt.Sprintf(`{"key":%q,"value":{"intValue":"%d"}}`, key, value)
	}
	attributes := strings.Join([]string{
		text("gen_ai.operation.name", "chat"), text("gen_ai.provider.name", "openai"), text("gen_ai.response.model", "gpt-4o"),
		number("gen_ai.usage.input_tokens", 1200), number("gen_ai.usage.output_tokens", 300),
	}, ",")
	return fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"scope":{"name":"s"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",`+
		`"spanId":"eee19b7ec3c1b174","name":"chat","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s]}]}]}]}`,
		text("service.name", "my-app"), at.Add(-2*time.Second).UnixNano(), at.UnixNano(), attributes)
}

// TestMCPInspector runs the protocol's own inspector on both ways in. It installs the inspector from npm, which is
// why only make asks for it.
func TestMCPInspector(t *testing.T) {
	if os.Getenv("TOKENBOARD_SDKS") == "" {
		t.Skip("make test-sdks runs it: it installs the MCP inspector from npm")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("Node.js with npm, which the MCP inspector needs, is not here")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join("inspector", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	// not ci, which refuses the lock file that install itself writes for an optional package of the inspector
	install := exec.Command("npm", "install", "--ignore-scripts", "--silent")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, string(out))

	p := run(t, t.TempDir())
	require.True(t, p.send(t.Context(), "traces", []byte(mcpCall(time.Now()))))
	bin := filepath.Join(dir, "node_modules", ".bin")
	inspect := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(bin, "mcp-inspector"), append([]string{"--cli"}, args...)...)
		cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+dir, "TOKENBOARD_SERVER="+p.console)
		out, err := cmd.Output()
		require.NoError(t, err, "%v: %s", args, out)
		return string(out)
	}
	for name, way := range map[string][]string{
		"http": {p.console + "/mcp", "--transport", "http"}, "stdio": {"-e", "TOKENBOARD_SERVER=" + p.console, binary, "mcp"},
	} {
		ask := func(args ...string) string { return inspect(slices.Concat(way, []string{"--method"}, args)...) }
		for _, tool := range []string{"usage_stats", "usage_breakdown", "usage_trend", "find_calls", "explain_change", "list_budgets", "forecast", "list_models_and_prices"} {
			require.Contains(t, ask("tools/list"), `"name": "`+tool+`"`, name)
		}
		require.Contains(t, ask("tools/call", "--tool-name", "usage_stats", "--tool-arg", "from=7d"), `\"used_tokens\":1500`, name)
		require.Contains(t, ask("resources/list"), "tokenboard://glossary", name)
		require.Contains(t, ask("prompts/list"), "weekly_report", name)
	}
	p.stop(15)
}
