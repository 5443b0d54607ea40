package sqlite

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
)

// TestScansThatStall: visits that stall, of more scans than there are readers, keep no other reader from
// reading, and the log can be written back meanwhile. When they go on, each visits every record once.
func TestScansThatStall(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	const n = 2*columnar.ScanBatch + 10
	for at := 0; at < n; at += 1000 {
		var w store.Write
		for i := at; i < min(at+1000, n); i++ {
			w.Put = append(w.Put, record(i+1, start.Add(time.Duration(i/7)*time.Second))) // some start together
		}
		require.NoError(t, e.Commit(ctx, w))
	}
	const scans = readers + 3
	stalled, release := make(chan struct{}, scans), make(chan struct{})
	var all sync.WaitGroup
	for range scans {
		all.Go(func() {
			seen := map[int64]bool{}
			last := time.Time{}
			require.NoError(t, e.Scan(ctx, store.Filter{}, func(r *store.Record) error {
				require.False(t, seen[r.Tokens.InputUncached], "visited twice")
				require.False(t, r.Start.Before(last))
				if seen[r.Tokens.InputUncached], last = true, r.Start; len(seen) == columnar.ScanBatch/2 {
					stalled <- struct{}{}
					<-release
				}
				return nil
			}))
			require.GreaterOrEqual(t, len(seen), n)
		})
	}
	for range scans {
		<-stalled
	}
	page, _, err := e.List(ctx, store.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 10)
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(n+1, start.Add(24*time.Hour)), record(n+2, start.Add(-time.Hour))}}))
	var busy, log, written int
	require.NoError(t, e.writer.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &written))
	require.Zero(t, busy, "a reader holds the log")
	close(release)
	all.Wait()
}
