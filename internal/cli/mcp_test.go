package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/mcptools"
)

// speak starts the command and returns a session of the SDK's own client with it, and what ends it.
func speak(t *testing.T, args ...string) (session *mcp.ClientSession, end func() error) {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	root := &cobra.Command{Use: "tokenboard", Version: "v-test", SilenceErrors: true}
	root.AddCommand(Commands()...)
	root.SetArgs(append([]string{"mcp"}, args...))
	root.SetIn(in)
	root.SetOut(out)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(context.Background()) }()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	require.NoError(t, err)
	return session, func() error {
		_ = session.Close()
		return <-done
	}
}

// TestMCPSpeaks: the tools over the standard input and output have the figures of the API.
func TestMCPSpeaks(t *testing.T) {
	serve(t)
	s, end := speak(t)
	require.Equal(t, "v-test", s.InitializeResult().ServerInfo.Version)
	tools, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, tools.Tools, 8)
	for _, tool := range tools.Tools {
		args := map[string]any{"usage_breakdown": map[string]any{"by": []string{"model"}}, "explain_change": map[string]any{"from": "2026-11-02"}}[tool.Name]
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool.Name, Arguments: args})
		require.NoError(t, err)
		require.False(t, r.IsError, "%s: %v", tool.Name, r.Content[0])
		var a mcptools.Answer
		require.NoError(t, json.Unmarshal([]byte(r.Content[0].(*mcp.TextContent).Text), &a))
		if tool.Name == "usage_stats" {
			stdout, _, err := run(t.Context(), "stats", "--json")
			require.NoError(t, err)
			var want, got struct {
				Used int64       `json:"used_tokens"`
				Cost json.Number `json:"cost_usd"`
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &want))
			require.NoError(t, json.Unmarshal(a.Data, &got))
			require.Positive(t, got.Used)
			require.Equal(t, want, got)
			require.EqualValues(t, 1, a.Quality.NoUsage)
		}
	}
	require.NoError(t, end())
}

// TestMCPWithoutServer: a server that is not there, or that refuses, is an answer, no end.
func TestMCPWithoutServer(t *testing.T) {
	t.Setenv(serverVariable, "http://127.0.0.1:1")
	t.Setenv(tokenVariable, "tbt-a-secret-that-stays-secret")
	s, end := speak(t)
	for range 2 {
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "usage_stats"})
		require.NoError(t, err)
		require.True(t, r.IsError)
		require.Contains(t, r.Content[0].(*mcp.TextContent).Text, "127.0.0.1:1")
		require.NotContains(t, r.Content[0].(*mcp.TextContent).Text, "tbt-")
	}
	require.NoError(t, end())
	http.DefaultClient.CloseIdleConnections()
}

// TestMCPHostileInput: nonsense ends the command or is answered with an error; it never hangs, and takes bounded memory.
func TestMCPHostileInput(t *testing.T) {
	serve(t)
	for name, input := range map[string]string{
		"nothing": "", "nonsense": "not json\n", "half": `{"jsonrpc":"2.0","id":1,`, "array": "[1,2,3]\n", "null": "null\n",
		"long": `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 1<<20), "deep": strings.Repeat("[", 100_000),
		"unknown": `{"jsonrpc":"2.0","id":1,"method":"no/such"}` + "\n",
	} {
		out := &strings.Builder{}
		root := &cobra.Command{Use: "tokenboard", SilenceErrors: true, SilenceUsage: true}
		root.AddCommand(Commands()...)
		root.SetArgs([]string{"mcp"})
		root.SetIn(strings.NewReader(input))
		root.SetOut(out)
		_ = root.ExecuteContext(t.Context()) // it ends; whether nonsense is an error is the SDK's to say
		require.Less(t, out.Len(), 1000, name)
		require.NotContains(t, out.String(), `"result"`, name)
	}
}

// TestMCPToken: a token is taken from a file that only its owner reads, never from an argument.
func TestMCPToken(t *testing.T) {
	serve(t)
	_, _, err := run(t.Context(), "mcp", "--token", "tbt-x")
	require.Error(t, err)
	require.Equal(t, exitWrong, ExitCode(err))
	_, _, err = run(t.Context(), "mcp", "tbt-x")
	require.Equal(t, exitWrong, ExitCode(err))
}
