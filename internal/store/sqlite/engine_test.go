package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var (
	ctx   = context.Background()
	start = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)
)

func open(t *testing.T, path string) *Engine {
	t.Helper()
	e, err := Open(ctx, Options{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// record makes a record that counts; n distinguishes it from others.
func record(n int, at time.Time) store.Record {
	r := store.Record{Counted: true, StoredAt: start.Truncate(time.Second), Call: usage.Call{
		Trace: usage.TraceID{1, byte(n >> 16), byte(n >> 8), byte(n)}, Span: usage.SpanID{2, byte(n >> 16), byte(n >> 8), byte(n)},
		Role: usage.RoleCall, Start: at, Model: "m", Provider: "p",
		Tokens: usage.Tokens{InputUncached: int64(n), Fields: usage.HasInput},
	}}
	r.ID = usage.SpanRecordID(r.Trace, r.Span)
	return r
}

func scan(t require.TestingT, e *Engine, f store.Filter) (out []store.Record) {
	require.NoError(t, e.Scan(ctx, f, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

// find returns the stored record of an identity and start.
func find(e *Engine, id usage.ID, at time.Time) (r store.Record, found bool, err error) {
	records, err := e.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: id, Start: at}}})
	if len(records) > 0 {
		r, found = records[0], true
	}
	return r, found, err
}

// retire removes at most limit records that start before a time, and returns how many.
func retire(e *Engine, before, linksBefore time.Time, limit int) (n int, err error) {
	r := store.Retirement{ID: store.NewWriteID(), Watermark: before, LinksBefore: linksBefore, Before: store.Ref{Start: before}}
	page, _, err := e.List(ctx, store.Page{
		Filter: store.Filter{To: before, Superseded: true}, Order: store.Order{Ascending: true}, Limit: limit + 1,
	})
	if err != nil {
		return 0, err
	}
	if n = min(len(page), limit); n < len(page) {
		r.Before = store.Ref{ID: page[n].ID, Start: page[n].Start}
	}
	return n, e.Retire(ctx, r)
}

// audited is an entry for changes whose entry a test does not look at.
var audited = store.AuditEntry{Action: "test.change"}

// TestBackupWhileWriting: the copy is whole, whatever is written meanwhile.
func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	e := open(t, filepath.Join(dir, "t.db"))
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Add(1)
	go func() {
		defer writing.Done()
		for i := 0; ; i += 2 {
			select {
			case <-stop:
				return
			default: // always two records in one write
				_ = e.Commit(ctx, store.Write{Put: []store.Record{record(i+1, start), record(i+2, start)}})
			}
		}
	}()
	for i := range 5 {
		to := filepath.Join(dir, fmt.Sprint("copy", i))
		require.NoError(t, Backup(ctx, filepath.Join(dir, "t.db"), to))
		copied := open(t, to)
		require.Zero(t, len(scan(t, copied, store.Filter{}))%2, "a write is in the copy whole or not at all")
		require.NoError(t, copied.Close())
	}
	close(stop)
	writing.Wait()
	require.ErrorIs(t, e.Backup(ctx, filepath.Join(dir, "copy0")), os.ErrExist)
	require.Error(t, Backup(ctx, filepath.Join(dir, "none"), filepath.Join(dir, "x")))
}

func TestRefusedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.db")
	e := open(t, path)
	_, err := Open(ctx, Options{Path: path})
	require.ErrorContains(t, err, "another tokenboard process")
	require.NoError(t, e.Close())

	junk := filepath.Join(dir, "junk.db")
	require.NoError(t, os.WriteFile(junk, []byte(strings.Repeat("junk", 5000)), 0o600))
	_, err = Open(ctx, Options{Path: junk})
	require.ErrorIs(t, err, store.ErrCorrupt)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = Open(ctx, Options{Path: filepath.Join(dir, "file", "t.db")})
	require.ErrorContains(t, err, "data directory")

	b, err := os.ReadFile(path)
	require.NoError(t, err)
	cut := filepath.Join(dir, "cut.db")
	require.NoError(t, os.WriteFile(cut, b[:len(b)/2], 0o600))
	_, err = Open(ctx, Options{Path: cut})
	require.Error(t, err)
	after, err := os.ReadFile(cut)
	require.NoError(t, err)
	require.Equal(t, b[:len(b)/2], after, "the file was changed")
}

// TestCloseLeavesOneFile: after an orderly end the log is in the database, whoever read it.
func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(1, start)}, At: start}))
	require.Len(t, scan(t, e, store.Filter{}), 1)
	require.NoError(t, e.Close())
	require.NoFileExists(t, path+"-wal")
	require.NoFileExists(t, path+"-shm")
	require.ErrorIs(t, e.Scan(ctx, store.Filter{}, nil), errClosed)
}
