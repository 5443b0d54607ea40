package tokenboardexporter

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/planted"
	"github.com/tokenboard/tokenboard/internal/store"
)

// TestPlanted: of secrets in every place under every name, and of every shape in every text, nothing is kept,
// with the processor before the exporter and without it: not in records, not in the files of the store, not in
// a backup.
func TestPlanted(t *testing.T) {
	set := planted.Make(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	for _, processed := range []bool{true, false} {
		ctx := context.Background()
		p := startPipeline(t)
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		set.Traces.CopyTo(td)
		set.Logs.CopyTo(ld)
		if processed {
			require.NoError(t, p.traces.ConsumeTraces(ctx, td))
			require.NoError(t, p.logs.ConsumeLogs(ctx, ld))
		} else {
			require.NoError(t, p.running.traces.ConsumeTraces(ctx, td))
			require.NoError(t, p.running.logs.ConsumeLogs(ctx, ld))
		}
		n := 0
		require.NoError(t, p.ledger.Scan(ctx, store.Filter{}, func(r *store.Record) error {
			n++
			text, err := json.Marshal(r)
			require.NoError(t, err)
			require.Empty(t, set.Found(text), string(text))
			return nil
		}))
		require.Greater(t, n, len(set.Secrets))
		status, err := p.ledger.Status(ctx)
		require.NoError(t, err)
		require.Greater(t, status.Secrets, int64(len(set.Secrets)/4), "they are counted")

		copied := filepath.Join(t.TempDir(), "backup.db")
		require.NoError(t, p.ledger.Backup(ctx, copied))
		files := []string{copied}
		require.NoError(t, filepath.WalkDir(p.dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files = append(files, path)
			}
			return err
		}))
		require.Greater(t, len(files), 2)
		for _, path := range files {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, set.Found(data), path)
		}
	}
}
