package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/planted"
)

// TestSecrets: telemetry full of secrets goes into the binary, with the processor and without it. None comes out:
// not from the API, the exports, the metrics, the backup, not in the files of the store, not in the log.
func TestSecrets(t *testing.T) {
	for _, name := range []string{"with the processor", "without it"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{}
			if name == "without it" {
				args = append(args, "--config", withoutProcessor(t))
			}
			p := run(t, dir, args...)
			set := planted.Make(time.Now().Add(-time.Hour).UTC())
			spans, err := (&ptrace.JSONMarshaler{}).MarshalTraces(set.Traces)
			require.NoError(t, err)
			records, err := (&plog.JSONMarshaler{}).MarshalLogs(set.Logs)
			require.NoError(t, err)
			require.True(t, p.send(t.Context(), "traces", spans), p.stderr)
			require.True(t, p.send(t.Context(), "logs", records), p.stderr)

			for _, path := range []string{
				"/api/console/stats", "/api/console/logs?limit=500", "/api/console/logs?limit=500&status=error", "/api/console/breakdown?by=user&limit=500", "/api/console/breakdown?by=model&limit=500",
				"/api/console/export?format=json", "/api/console/export?format=ndjson", "/api/console/export?format=csv", "/api/console/export?format=parquet",
				"/api/console/quality", "/metrics",
			} {
				text := p.text(path)
				require.NotEmpty(t, text, path)
				require.Empty(t, set.Found([]byte(text)), path)
			}
			quality := get[struct {
				SinceStart struct {
					Secrets int `json:"secrets_removed"`
				} `json:"since_start"`
				Calls int `json:"api_call_count"`
			}](p, "/quality")
			require.Greater(t, quality.SinceStart.Secrets, 500)
			require.Greater(t, quality.Calls, len(set.Secrets), "calls are counted whatever they carry")

			backup := filepath.Join(dir, "backup.db")
			cmd := exec.CommandContext(t.Context(), binary, "backup", backup)
			cmd.Env = p.cmd.Env
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			p.stop(syscall.SIGTERM)
			files := 0
			require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Empty(t, set.Found(data), path)
				files++
				return nil
			}))
			require.Greater(t, files, 1)
			require.Empty(t, set.Found([]byte(p.stderr.String())))
		})
	}
}

// withoutProcessor writes a configuration in which telemetry reaches the exporter as it comes.
func withoutProcessor(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../examples/quickstart/config.yaml")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(raw), ", tokenusage]", "]")
	require.NotEqual(t, string(raw), text)
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
