package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // reads and spoils databases
)

// failedStart runs the binary, which must fail, and returns the one line that says why.
func failedStart(t *testing.T, env []string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	require.Error(t, err, string(out))
	require.NotNil(t, cmd.ProcessState)
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), string(out))
	require.NotContains(t, string(out), "goroutine")
	require.NotContains(t, string(out), ".go:1\n")
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := all[len(all)-1]
	require.True(t, strings.HasPrefix(last, "tokenboard: "), "the last line says why: %s", out)
	return last
}

// asNobody returns a command of the binary that has no rights; a data folder of the test is closed to
// it, whoever runs the tests.
func asNobody(t *testing.T, env []string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 { // nothing to give up: close the folder instead
		for _, v := range env {
			if dir, ok := strings.CutPrefix(v, "TOKENBOARD_DATA_DIR="); ok {
				require.NoError(t, os.Chmod(dir, 0o500))
				t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
			}
		}
	}
	return unprivileged(t, env)
}

// nobody is the user without rights of most systems.
const nobody = 65534

// unprivileged returns a command of the binary that does not run as root.
func unprivileged(t *testing.T, env []string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		cmd := exec.Command(binary)
		cmd.Env = env
		return cmd
	}
	dir, err := os.MkdirTemp("", "nobody")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	b, err := os.ReadFile(binary)
	require.NoError(t, err)
	path := filepath.Join(dir, "tokenboard")
	require.NoError(t, os.WriteFile(path, b, 0o755))
	cmd := exec.Command(path)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

func TestFailedStarts(t *testing.T) {
	free := func() string { return freeAddress(t) }
	t.Run("a taken port", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		taken := l.Addr().String()
		require.Contains(t, failedStart(t, environment(t.TempDir(), taken, free(), free())), taken)
		require.Contains(t, failedStart(t, environment(t.TempDir(), free(), free(), taken)), taken)
	})
	t.Run("a folder that cannot be written", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		require.Contains(t, failedStart(t, environment(filepath.Join(file, "data"), free(), free(), free())), "data directory")
	})
	t.Run("a folder of somebody else", func(t *testing.T) {
		cmd := asNobody(t, environment(t.TempDir(), free(), free(), free()))
		out, err := cmd.CombinedOutput()
		require.Error(t, err, string(out))
		require.Contains(t, string(out), "\ntokenboard: ")
		require.Contains(t, string(out), "permission denied")
		require.NotContains(t, string(out), "goroutine")
	})
	t.Run("a damaged database", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "tokenboard.db")
		junk := bytes.Repeat([]byte("no database "), 1000)
		require.NoError(t, os.WriteFile(path, junk, 0o600))
		require.Contains(t, failedStart(t, environment(dir, free(), free(), free())), "damaged or is not a tokenboard database")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(junk, after), "the file was changed")
	})
	t.Run("a newer database", func(t *testing.T) {
		dir := t.TempDir()
		p := run(t, dir)
		p.stop(syscall.SIGTERM)
		path := filepath.Join(dir, "tokenboard.db")
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		_, err = db.Exec("PRAGMA user_version = 1000")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, failedStart(t, environment(dir, free(), free(), free())), "newer version of tokenboard")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, after), "the file was changed")
	})
	t.Run("an unknown key in the configuration", func(t *testing.T) {
		line := failedStart(t, environment(t.TempDir(), free(), free(), free()),
			"--config", "../examples/quickstart/config.yaml", "--config", "yaml:extensions::tokenstore::retentoin: 1")
		require.Contains(t, line, "retentoin")
	})
	t.Run("a second process on one database", func(t *testing.T) {
		dir := t.TempDir()
		run(t, dir)
		require.Contains(t, failedStart(t, environment(dir, free(), free(), free())), "another tokenboard process")
	})
	t.Run("open access from outside", func(t *testing.T) {
		line := failedStart(t, environment(t.TempDir(), "0.0.0.0:0", free(), free()))
		require.Contains(t, line, "can be reached from outside")
	})
}

func TestCommands(t *testing.T) {
	output := func(args ...string) string {
		cmd := exec.Command(binary, args...)
		cmd.Env = environment(t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	require.Contains(t, output("--help"), "TOKENBOARD_DATA_DIR")
	for _, name := range []string{"otlp", "tokenusage", "tokenboard", "tokenstore", "tokenconsole", "memory_limiter", "batch",
		"debug", "nop", "otlphttp", "zpages", "health_check", "healthcheckv2", "file_storage", "bearertokenauth", "oidc", "pprof"} {
		require.Contains(t, output("components"), name)
	}
	output("validate")
	configs, err := filepath.Glob("../examples/*/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, configs)
	for _, c := range configs {
		if b, err := os.ReadFile(c); err == nil && bytes.Contains(b, []byte("\nservice:")) && bytes.Contains(b, []byte("pipelines:")) && filepath.Base(filepath.Dir(c)) != "kafka" { // which is not in the binary, see TestKafkaExample
			for _, secret := range regexp.MustCompile(`\$\{env:([A-Z_]+)\}`).FindAllSubmatch(b, -1) {
				switch name := string(secret[1]); name {
				case "TOKENBOARD_DATA_DIR":
				case "TOKENBOARD_DSN": // which is parsed, and not connected to
					t.Setenv(name, "postgres://tokenboard:a-secret-of-the-tests@127.0.0.1:1/tokenboard")
				default:
					t.Setenv(name, "a secret of the tests")
				}
			}
			output("validate", "--config", c)
		}
	}
	manifest, err := os.ReadFile("../builder-config.yaml")
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^  version: (\S+)$`).FindSubmatch(manifest)
	require.NotNil(t, version)
	require.Contains(t, output("--version"), string(version[1]))
}

// TestBackup copies the database while the binary runs, and starts another on the copy.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	p := run(t, dir)
	start := time.Now().Add(-time.Hour).UnixNano()
	usage := `{"key":"gen_ai.usage.input_tokens","value":{"intValue":"5"}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":"7"}}`
	for i := range 20 {
		require.True(t, p.send(context.Background(), "traces", span(i+1, i+1, start, usage)))
	}
	restored := t.TempDir()
	cmd := exec.Command(binary, "backup", "--data-dir", dir, filepath.Join(restored, "tokenboard.db"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	want := get[stats](p, "/stats")
	require.EqualValues(t, 20, want.Calls)
	q := run(t, restored)
	require.Equal(t, want, get[stats](q, "/stats"))

	out, err = exec.Command(binary, "backup", "--data-dir", dir, filepath.Join(restored, "tokenboard.db")).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "exists already")
}

// TestBadTelemetry: figures that cannot be are left out and flagged, and stop nothing else.
func TestBadTelemetry(t *testing.T) {
	p := run(t, t.TempDir())
	start := time.Now().Add(-time.Hour).UnixNano()
	text := func(key, value string) string { return `{"key":"` + key + `","value":{"stringValue":"` + value + `"}}` }
	bad := []string{
		`{"key":"gen_ai.usage.input_tokens","value":{"doubleValue":"NaN"}},` + text("gen_ai.usage.output_tokens", "NaN"),
		`{"key":"gen_ai.usage.input_tokens","value":{"doubleValue":"Infinity"}}`,
		`{"key":"gen_ai.usage.input_tokens","value":{"intValue":"-5"}}`,
		`{"key":"gen_ai.usage.input_tokens","value":{"doubleValue":9223372036854775808}}`,
		`{"key":"gen_ai.usage.input_tokens","value":{"boolValue":true}}`,
		`{"key":"gen_ai.usage.input_tokens","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}`,
		text("gen_ai.usage.input_tokens", "many"),
	}
	for i, attributes := range bad {
		require.True(t, p.send(context.Background(), "traces", span(i+1, i+1, start, attributes)), attributes)
	}
	strange := text("gen_ai.usage.input_tokens", "1200.0") + "," + text("gen_ai.usage.output_tokens", "300") + "," +
		text("gen_ai.input.messages", strings.Repeat("x", 1<<20)) + "," + text("enduser.id", "<script>alert(1)</script>")
	require.True(t, p.send(context.Background(), "traces", span(100, 100, start, strange)))

	got := get[stats](p, "/stats")
	require.Equal(t, sums{Calls: int64(len(bad)) + 1, NoUsage: int64(len(bad)), Input: 1200, Output: 300, Unpriced: 1}, got.sums)
	require.Equal(t, len(bad), strings.Count(p.text("/api/console/logs"), `"inconsistent"`))
	requireSameSums(t, p, got)
}

// TestOtherHosts: a web page that reaches the console under a name of its own gets nothing.
func TestOtherHosts(t *testing.T) {
	p := run(t, t.TempDir())
	req, err := http.NewRequest(http.MethodGet, p.console+"/api/console/stats", nil)
	require.NoError(t, err)
	req.Host = "rebound.example:8317"
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, res.StatusCode)
	require.NotContains(t, string(b), "used_tokens")
}
