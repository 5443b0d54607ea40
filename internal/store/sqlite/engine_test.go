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
	"go.uber.org/goleak"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// record makes a record that counts; n tells it from others.
func record(n int, at time.Time) store.Record {
	r := store.Record{Counted: true, Seen: start.Truncate(time.Second), Call: usage.Call{
		Trace: usage.TraceID{1, byte(n >> 16), byte(n >> 8), byte(n)}, Span: usage.SpanID{2, byte(n >> 16), byte(n >> 8), byte(n)},
		Role: usage.RoleCall, Start: at, Model: "m", Provider: "p",
		Tokens: usage.Tokens{InputUncached: int64(n), Fields: usage.HasInput},
	}}
	r.ID = usage.SpanRecordID(r.Trace, r.Span)
	return r
}

func scan(t *testing.T, e *Engine, f store.Filter) (out []store.Record) {
	t.Helper()
	require.NoError(t, e.Scan(ctx, f, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

// find gives the stored record of an identity and start.
func find(e *Engine, id usage.ID, at time.Time) (r store.Record, found bool, err error) {
	records, err := e.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: id, Start: at}}})
	if len(records) > 0 {
		r, found = records[0], true
	}
	return r, found, err
}

// retire removes at most limit records that start before a time, and tells how many went.
func retire(e *Engine, before, linksBefore time.Time, limit int) (n int, err error) {
	r := store.Retirement{ID: store.NewWriteID(), Floor: before, LinksBefore: linksBefore, Before: store.Ref{Start: before}}
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

// fullRecord has every field set.
func fullRecord() store.Record {
	want := record(1, start)
	want.Parent = usage.SpanID{9}
	want.Role, want.Group, want.Echo = usage.RoleAggregate, "g", true
	want.Duration, want.TTFT, want.Stream = 5*time.Second+1, time.Second+2, usage.Yes
	want.Operation, want.RequestModel = "chat", "rm"
	want.KeyFingerprint, want.KeyDisplay = usage.Fingerprint("k"), "k…"
	want.User, want.Service, want.Environment, want.Project, want.Session = "u", "s", "e", "pr", "se"
	want.Method, want.Path, want.Status, want.ErrorType, want.Failed = "POST", "/v1", 429, "rate", true
	want.ResponseID, want.RequestID, want.Scope, want.Process = "resp", "req", "sc", 1<<63+5
	want.Tokens = usage.Tokens{InputUncached: 1, CacheRead: 2, CacheWrite: 3, OutputText: 4, Reasoning: 5, CacheWrite1h: 2, Fields: 63}
	want.Modalities = usage.Modalities{AudioInput: 1, AudioOutput: 300, ImageOutput: 1 << 40}
	want.PriceVersion = "book 1"
	want.Lent = usage.LentUser | usage.LentSession
	want.ReportedCost, want.HasReportedCost, want.Cost = 7, true, 7
	want.Quality = usage.Inconsistent | usage.ReportedCost
	want.Counted, want.SupersededBy, want.Reason = false, usage.ID{3}, store.ReasonTwin
	return want
}

// TestRoundTrip: a record with every field set comes back as it was, after a restart too.
func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	want := fullRecord()
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{want}, Seen: start}))
	for range 2 {
		got, found, err := find(e, want.ID, want.Start)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, want, got)
		require.NoError(t, e.Close())
		e = open(t, path)
	}
}

// TestSameStart: many records that start in the same microsecond are all kept and found.
func TestSameStart(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	const n = 6000 // more than the bits of an id in a key
	var w store.Write
	for i := range n {
		w.Put = append(w.Put, record(i+1, start))
	}
	require.NoError(t, e.Commit(ctx, w))
	require.NoError(t, e.Commit(ctx, w), "a second time changes nothing")
	require.Len(t, scan(t, e, store.Filter{}), n)
	for _, i := range []int{1, n / 2, n} {
		r := record(i, start)
		got, found, err := find(e, r.ID, r.Start)
		require.NoError(t, err)
		require.True(t, found)
		require.EqualValues(t, i, got.Tokens.InputUncached)
	}
	// removing one must not hide those behind it
	gone := record(n/2, start)
	require.NoError(t, e.Commit(ctx, store.Write{Remove: []store.Ref{{ID: gone.ID, Start: gone.Start}}}))
	require.NoError(t, e.Commit(ctx, w))
	require.Len(t, scan(t, e, store.Filter{}), n)
}

func TestFiltersAreLiteral(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	var w store.Write
	for i, model := range []string{"a%b", "aXb", "a_b", "A%B", "it's; DROP TABLE calls"} {
		r := record(i+1, start.Add(time.Duration(i)*time.Second))
		r.Model, r.RequestID = model, "req-"+model
		w.Put = append(w.Put, r)
	}
	require.NoError(t, e.Commit(ctx, w))
	count := func(f store.Filter) int { return len(scan(t, e, f)) }
	require.Equal(t, 1, count(store.Filter{Models: []string{"a%b"}}))
	require.Equal(t, 2, count(store.Filter{Models: []string{"a%b", "a_b", "none"}}))
	require.Equal(t, 1, count(store.Filter{Models: []string{"it's; DROP TABLE calls"}}))
	require.Equal(t, 2, count(store.Filter{Text: []store.Term{{Value: "A%b"}}}), "search knows no case")
	require.Equal(t, 1, count(store.Filter{Text: []store.Term{{Field: "request_id", Value: "a_b"}}}))
	require.Equal(t, 0, count(store.Filter{Text: []store.Term{{Field: "user", Value: "a"}}}))
	require.Equal(t, 3, count(store.Filter{From: start.Add(time.Second), To: start.Add(4 * time.Second)}))
	require.Equal(t, 1, count(store.Filter{From: start, To: start.Add(time.Nanosecond)}))
	require.Equal(t, 4, count(store.Filter{From: start.Add(time.Nanosecond)}))
}

func TestPagesAndCursors(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	var w store.Write
	for i := range 25 {
		w.Put = append(w.Put, record(i+1, start.Add(time.Duration(i)*time.Second)))
	}
	require.NoError(t, e.Commit(ctx, w))
	var all []store.Record
	cursor := ""
	for {
		page, next, err := e.List(ctx, store.Page{Limit: 7, Cursor: cursor})
		require.NoError(t, err)
		if all = append(all, page...); next == "" {
			break
		}
		// what is new does not move the pages
		require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(100+len(all), start.Add(time.Hour))}}))
		cursor = next
	}
	require.Len(t, all, 25)
	for i, r := range all {
		require.EqualValues(t, 25-i, r.Tokens.InputUncached)
	}
	for _, bad := range []string{"x", "AQ", strings.Repeat("A", 14), cursor[:len(cursor)-1] + "!"} {
		_, _, err := e.List(ctx, store.Page{Limit: 1, Cursor: bad})
		require.ErrorIs(t, err, store.ErrCursor, bad)
	}
}

func TestDropAndReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	e := open(t, path)
	var w store.Write
	for i := range 20 {
		w.Put = append(w.Put, record(i+1, start.Add(time.Duration(i)*time.Minute)))
		w.Links = append(w.Links, usage.Link{Trace: usage.TraceID{byte(i + 1)}, Span: usage.SpanID{1}, Parent: usage.SpanID{2}})
	}
	w.Seen = start
	require.NoError(t, e.Commit(ctx, w))
	floor := start.Add(10 * time.Minute)
	for range 3 {
		_, err := retire(e, floor, start.Add(time.Hour), 4)
		require.NoError(t, err)
	}
	require.NoError(t, e.Compact(ctx))
	require.NoError(t, e.Close())
	e = open(t, path)
	require.Len(t, scan(t, e, store.Filter{}), 10)
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 10, info.Records)
	require.True(t, info.Floor.Equal(floor))
	require.NoError(t, e.Links(ctx, time.Time{}, func(usage.Link) error { return fmt.Errorf("a link was left") }))
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
	require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(1, start)}, Seen: start}))
	require.Len(t, scan(t, e, store.Filter{}), 1)
	require.NoError(t, e.Close())
	require.NoFileExists(t, path+"-wal")
	require.NoFileExists(t, path+"-shm")
	require.ErrorIs(t, e.Scan(ctx, store.Filter{}, nil), errClosed)
}
