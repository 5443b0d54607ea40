package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommandsSendTheirToken: where people sign in, the commands that ask a server are let in by the token
// in the environment, and by nothing else.
func TestCommandsSendTheirToken(t *testing.T) {
	dir := t.TempDir()
	config := withAccess(t, "      mode: local\n")
	add := exec.Command(binary, "user", "add", "root", "--role", "admin", "--password-stdin", "--data-dir", dir)
	add.Stdin = strings.NewReader(adminPassword)
	out, err := add.CombinedOutput()
	require.NoError(t, err, string(out))
	p := run(t, dir, "--config", config)
	root := p.signIn("root", adminPassword)
	token := func(role string) string {
		var made struct{ Data struct{ Token string } }
		status := root.call(http.MethodPost, "/api/console/tokens", `{"name":"`+role+`","role":"`+role+`"}`, &made)
		require.Equal(t, http.StatusCreated, status)
		require.NotEmpty(t, made.Data.Token)
		return made.Data.Token
	}
	viewer, operator := token("viewer"), token("operator")
	file := filepath.Join(dir, "calls.ndjson")
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	command := func(token string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Dir = t.TempDir() // exports are new files
		cmd.Env = slices.Concat(p.cmd.Env, []string{"TOKENBOARD_SERVER=" + p.console, "TOKENBOARD_TOKEN=" + token})
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for args, reads := range map[string]bool{
		"reprice --from 2026-01-01 --yes --config " + config:    false, // the server has the database
		"reprice --from 2026-01-01 --yes --server " + p.console: false,
		"keys create made --json":                               false,
		"import --format ndjson " + file:                        false,
		"stats":                                                 true,
		"trend":                                                 true,
		"breakdown --by model":                                  true,
		"logs":                                                  true,
		"export --format csv":                                   true,
		"keys list":                                             true,
	} {
		words := strings.Fields(args)
		out, err := command("", words...)
		require.Error(t, err, "%s without a token: %s", args, out)
		out, err = command("tbt-wrong", words...)
		require.Error(t, err, "%s with a wrong token: %s", args, out)
		require.NotContains(t, out, "tbt-wrong", args)
		out, err = command(viewer+"\n", words...)
		require.Equal(t, reads, err == nil, "%s for a viewer: %s", args, out)
		require.NotContains(t, out, viewer, args)
		out, err = command(operator, words...)
		require.NoError(t, err, "%s for an operator: %s", args, out)
		require.NotContains(t, out, operator, args)
	}
}
