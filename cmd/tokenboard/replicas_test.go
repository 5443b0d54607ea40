package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const replicas = "../../examples/replicas/"

// TestReplicaConfig: the configuration of the replicas is one, the chart has the same, and without its variables it says
// which are missing.
func TestReplicaConfig(t *testing.T) {
	config, err := os.ReadFile(replicas + "config.yaml")
	require.NoError(t, err)
	inChart, err := os.ReadFile("../../examples/kubernetes/tokenboard/config.yaml")
	require.NoError(t, err)
	require.Equal(t, string(config), string(inChart))
	t.Setenv("TOKENBOARD_ADMIN_PASSWORD", "correct horse battery")
	t.Setenv("TOKENBOARD_SECRETS", t.TempDir())
	_, stderr, err := tokenboard(t, "validate", "--config", replicas+"config.yaml")
	require.Error(t, err)
	require.Contains(t, stderr, "postgres: dsn must be set")
	t.Setenv("TOKENBOARD_DSN", "postgres://tokenboard:secret@db1,db2/tokenboard?sslmode=require")
	_, stderr, err = tokenboard(t, "validate", "--config", replicas+"config.yaml")
	require.NoError(t, err, stderr)
	extra := filepath.Join(t.TempDir(), "extra.yaml") // as the chart writes it
	require.NoError(t, os.WriteFile(extra, []byte("{}\n"), 0o600))
	_, stderr, err = tokenboard(t, "validate", "--config", replicas+"config.yaml", "--config", extra)
	require.NoError(t, err, stderr)
}

// TestReplicaBalancer has nginx check the configuration of the load balancer, and compares its replicas with those of the
// compose file.
func TestReplicaBalancer(t *testing.T) {
	raw, err := os.ReadFile(replicas + "nginx.conf")
	require.NoError(t, err)
	compose, err := os.ReadFile(replicas + "compose.yaml")
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`replica\d`).FindAllString(string(raw), -1) {
		require.Contains(t, string(compose), "\n  "+name+": ")
	}
	nginx, err := exec.LookPath("/usr/sbin/nginx")
	if err != nil {
		t.Skip("nginx is not installed: tools/install-test-packages.sh installs it on Debian")
	}
	dir := t.TempDir()
	text := regexp.MustCompile(`replica\d`).ReplaceAllString(string(raw), "127.0.0.1")
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte("pid "+filepath.Join(dir, "pid")+";\n"+text), 0o600))
	out, err := exec.CommandContext(t.Context(), nginx, "-t", "-p", dir, "-e", "stderr", "-c", file, "-g", "error_log stderr;").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestReplicaUnit has systemd check the service with the drop-in that makes it a replica.
func TestReplicaUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	unit, err := os.ReadFile("../../examples/systemd/tokenboard.service")
	require.NoError(t, err)
	dropIn, err := os.ReadFile(replicas + "replica.conf")
	require.NoError(t, err)
	path := filepath.Join(dir, "tokenboard.service")
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(unit), "/usr/local/bin/tokenboard", "/bin/true")), 0o600))
	require.NoError(t, os.MkdirAll(path+".d", 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path+".d", "replica.conf"), dropIn, 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "replica.conf", "no complaint of the drop-in")
}
