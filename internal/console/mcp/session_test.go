package mcp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/mcptools"
)

// everyTool has a call of each tool that succeeds for who may read.
var everyTool = map[string]map[string]any{
	"usage_stats":            {},
	"usage_breakdown":        {"by": []string{"key", "user"}},
	"usage_trend":            {"days": 3, "group_by": "user"},
	"find_calls":             {"limit": 40},
	"explain_change":         {"from": "7d", "by": "key"},
	"list_budgets":           {},
	"forecast":               {},
	"list_models_and_prices": {},
}

// serve serves a bench over HTTP.
func serve(t *testing.T, b *consoletest.Bench) string {
	t.Helper()
	s := httptest.NewServer(b.Handler)
	t.Cleanup(s.Close)
	return s.URL
}

// withHeader sends requests with a header.
type withHeader struct {
	header map[string]string
	next   http.RoundTripper
}

func (h withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for k, v := range h.header {
		r.Header.Set(k, v)
	}
	return h.next.RoundTrip(r)
}

// open opens a session of the SDK's own client.
func open(t *testing.T, url string, header map[string]string) (*sdk.ClientSession, error) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{
		Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: withHeader{header, transport}}, MaxRetries: -1,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() })
	}
	return session, err
}

// connect opens a session that must succeed.
func connect(t *testing.T, b *consoletest.Bench, header map[string]string) *sdk.ClientSession {
	t.Helper()
	session, err := open(t, serve(t, b), header)
	require.NoError(t, err)
	return session
}

// text calls a tool and returns the text of its answer.
func text(t *testing.T, s *sdk.ClientSession, tool string, args map[string]any) (string, bool) {
	t.Helper()
	r, err := s.CallTool(context.Background(), &sdk.CallToolParams{Name: tool, Arguments: args})
	require.NoError(t, err, tool)
	require.Len(t, r.Content, 1)
	return r.Content[0].(*sdk.TextContent).Text, r.IsError
}

// call calls a tool that must succeed.
func call(t *testing.T, s *sdk.ClientSession, tool string, args map[string]any) (a mcptools.Answer) {
	t.Helper()
	answer, failed := text(t, s, tool, args)
	require.False(t, failed, "%s: %s", tool, answer)
	require.NoError(t, json.Unmarshal([]byte(answer), &a))
	return a
}
