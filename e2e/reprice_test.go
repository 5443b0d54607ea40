package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/examples/quickstart"
)

// TestRepriceCommand: calls are repriced with the database closed, and by a running server; each
// time only after a report, and only when somebody has agreed.
func TestRepriceCommand(t *testing.T) {
	dir := t.TempDir()
	config := func(usd string) string {
		path := filepath.Join(dir, "config.yaml")
		text := strings.Replace(quickstart.Config, "    directory: ${env:TOKENBOARD_DATA_DIR}\n", "    directory: ${env:TOKENBOARD_DATA_DIR}\n"+
			"    pricing:\n      overrides:\n        - {model: house-model, from: 2026-01-01, input: "+usd+", output: 0}\n", 1)
		require.NotEqual(t, quickstart.Config, text)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	p := run(t, dir)
	now := time.Now().Unix()
	for i, model := range []string{"house-model", "house-model", "gpt-4o"} {
		require.True(t, p.send(context.Background(), "traces", fmt.Appendf(nil, `{"resourceSpans":[{"scopeSpans":[{"spans":[{
"traceId":"5b8efff798038103d269b633813fc60%d","spanId":"eee19b7ec3c1b174","name":"chat","kind":3,"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000",
"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},
{"key":"gen_ai.response.model","value":{"stringValue":"%s"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"1000000"}},
{"key":"gen_ai.usage.output_tokens","value":{"intValue":"10"}}]}]}]}]}`, i, now-60, now-59, model)))
	}
	require.Equal(t, 2.5001, get[map[string]any](p, "/stats")["cost_usd"])
	env := p.cmd.Env
	p.stop(syscall.SIGTERM)

	reprice := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"reprice"}, args...)...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	file := config("0.25")
	out, err := reprice("--config", file, "--from", "2026-01-01", "--dry-run")
	require.NoError(t, err, out)
	require.Regexp(t, `prices: genai-prices [0-9.]+ \+ own [0-9a-f]{8}`, out)
	require.Regexp(t, `2 +2 +0 +0.5 +0.5 +2 +0 +house-model \(openai\)`, out)
	require.Regexp(t, `3 +2 +2.5001 +3.0001 +0.5 +2 +0 +all`, out)
	require.Contains(t, out, "dry run: nothing was changed")
	out, err = reprice("--config", file, "--from", "2026-01-01")
	require.Error(t, err)
	require.Contains(t, out, "nobody can be asked here; add --yes")
	out, err = reprice("--config", file, "--from", "2026-01-01", "--model", "none", "--yes")
	require.NoError(t, err, out)
	require.Contains(t, out, "nothing to do")
	out, err = reprice("--config", file, "--from", "2026-01-01", "--yes")
	require.NoError(t, err, out)
	require.Contains(t, out, "3 records changed: 2.5001 USD before, 3.0001 USD now")

	file = config("4")
	p = start(t, dir, "--config", file)
	p.waitUntilReady()
	env = p.cmd.Env
	require.Equal(t, 3.0001, get[map[string]any](p, "/stats")["cost_usd"], "stored calls keep their cost")
	out, err = reprice("--config", file, "--from", "2026-01-01", "--yes")
	require.NoError(t, err, out)
	require.Contains(t, out, "asking it at "+p.console)
	require.Contains(t, out, "3 records changed: 3.0001 USD before, 10.5001 USD now")
	require.Equal(t, 10.5001, get[map[string]any](p, "/stats")["cost_usd"])
	out, err = reprice("--server", p.console, "--from", "2026-01-01", "--yes")
	require.NoError(t, err, out)
	require.Contains(t, out, "nothing to do")
	p.stop(syscall.SIGTERM)

	for want, args := range map[string][]string{
		"set --from":                  {},
		"--from: \"soon\" is neither": {"--from", "soon"},
		"--to must be later":          {"--from", "2026-02-01", "--to", "2026-02-01"},
		"there is no database in":     {"--from", "2026-02-01", "--data-dir", filepath.Join(dir, "elsewhere")},
		"ask http://127.0.0.1:1":      {"--from", "2026-02-01", "--server", "http://127.0.0.1:1"},
	} {
		out, err := reprice(args...)
		require.Error(t, err)
		require.Contains(t, out, want)
	}
}
