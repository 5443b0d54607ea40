package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQuickstartLines runs the curl lines of the quickstart as they stand there.
func TestQuickstartLines(t *testing.T) {
	for _, document := range []string{"../examples/quickstart/README.md", "../README.md", "../README.zh-CN.md"} {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		commands := regexp.MustCompile(`(?m)^curl .*$`).FindAllString(string(text), -1)
		require.GreaterOrEqual(t, len(commands), 3, document)
		p := run(t, t.TempDir())
		ports := strings.NewReplacer("http://localhost:4318", p.otlp, "http://localhost:8317", p.console)
		for _, c := range commands {
			if strings.Contains(c, "/keys/") {
				continue // names a key of its own
			}
			out, err := exec.Command("sh", "-c", ports.Replace(c)).CombinedOutput()
			require.NoError(t, err, "%s: %s", c, out)
			require.NotContains(t, string(out), `"message"`, c)
		}
		s := get[stats](p, "/stats")
		require.Equal(t, sums{Calls: 1, Input: 1200, Output: 300, Cost: 6_000_000}, s.sums, "1200 tokens at 2.50 and 300 at 10 USD a million")
		p.stop(syscall.SIGTERM)
	}
}

// TestSystemdUnit has systemd check the unit, with the built binary in its place.
func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit, err := os.ReadFile("../examples/systemd/tokenboard.service")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tokenboard.service")
	abs, err := filepath.Abs(binary)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/local/bin/tokenboard", abs)), 0o600))
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "tokenboard.service", "no complaint of the unit")
}

// TestContainerConfig runs the container's configuration: people sign in to its console.
func TestContainerConfig(t *testing.T) {
	raw, err := os.ReadFile("../examples/container/config.yaml")
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := string(raw)
	for from, to := range map[string]string{"0.0.0.0:8317": "TOKENBOARD_CONSOLE_ENDPOINT", "0.0.0.0:4317": "TOKENBOARD_OTLP_GRPC_ENDPOINT", "0.0.0.0:4318": "TOKENBOARD_OTLP_HTTP_ENDPOINT"} {
		require.Contains(t, text, from)
		text = strings.ReplaceAll(text, from, "${env:"+to+"}")
	}
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	p := start(t, t.TempDir(), "--config", config)
	p.waitFor(p.ready)
	require.Equal(t, http.StatusUnauthorized, p.status("/api/console/stats", ""))
	require.Equal(t, http.StatusUnauthorized, p.status("/api/console/stats", "wrong"))
	admin := p.signIn("admin", adminPassword)
	require.Equal(t, http.StatusOK, admin.call(http.MethodGet, "/api/console/stats", "", nil))
	var made struct{ Data struct{ Token string } }
	require.Equal(t, http.StatusCreated, admin.call(http.MethodPost, "/api/console/tokens", `{"name":"script","role":"viewer"}`, &made))
	require.Equal(t, http.StatusOK, p.status("/api/console/stats", made.Data.Token))
	require.Equal(t, http.StatusForbidden, p.status("/api/console/users", made.Data.Token))
	require.NotContains(t, p.stderr.String(), adminPassword)
	require.NotContains(t, p.stderr.String(), "there is no admin yet")
	p.stop(syscall.SIGTERM)
}

// status asks an address with a bearer token, and returns the status; 0 where nothing answers.
func (p *process) status(path, bearer string) int {
	req, err := http.NewRequest(http.MethodGet, p.console+path, nil)
	require.NoError(p.t, err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
