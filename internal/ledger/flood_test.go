package ledger

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

// flooded commits calls of ever new names over a year, and reports what the ledger takes in memory then and after
// a new start, and how long the start took.
func flooded(t *testing.T, calls int, engine sqlite.Options, o Options) (written, started uint64, start time.Duration) {
	t.Helper()
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	grown := func() uint64 { // what earlier tests left may go meanwhile
		now := heap()
		return now - min(before, now)
	}
	begin := func() *Ledger {
		e, err := sqlite.Open(context.Background(), engine)
		require.NoError(t, err)
		l, err := Open(context.Background(), e, o)
		require.NoError(t, err)
		return l
	}
	l := begin()
	const batch = 5_000
	for i := 0; i < calls; i += batch {
		require.NoError(t, l.Commit(context.Background(), newNames(i, batch, calls/365+1)))
	}
	written = grown()
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, calls, status.Info.Records)
	for _, v := range status.Values {
		require.LessOrEqual(t, v.Count, v.Max+1)
	}
	for _, k := range status.Info.Dictionaries {
		require.LessOrEqual(t, k.Count, k.Max)
	}
	sums, timings := l.Series()
	require.LessOrEqual(t, len(sums)+len(timings), 2*defaultSeries+1)
	require.NoError(t, l.Close())
	at := time.Now()
	l = begin()
	start = time.Since(at)
	require.EqualValues(t, calls, func() int64 { s := total(t, l); return s.Calls }())
	started = grown()
	runtime.KeepAlive(l)
	require.NoError(t, l.Close())
	return written, started, start
}

// TestFloodOfNames: ten times the calls with names of their own take no more memory, not after a new start
// either, but for what is known of each block of 256 records. Ten times, that is, with TOKENBOARD_FULL=1, which
// make test sets for a run without the race detector; else four times, and not under the race detector.
//
// TOKENBOARD_FLOOD=5000000 go test ./internal/ledger -run TestFloodOfNames -v -timeout 60m floods a ledger with the
// default limits with as many, and reports memory and start.
func TestFloodOfNames(t *testing.T) {
	racetest.Single(t)
	options := func(t *testing.T) sqlite.Options { return sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")} }
	o := Options{Now: now, MaxAge: 0}
	if text := os.Getenv("TOKENBOARD_FLOOD"); text != "" {
		calls, err := strconv.Atoi(text)
		require.NoError(t, err)
		e := options(t)
		written, started, start := flooded(t, calls, e, o)
		info, err := os.Stat(e.Path)
		require.NoError(t, err)
		t.Logf("%d calls, each with a model, provider, user, key, service, project, path and error type of its own: heap %.0f MB, after a new start %.0f MB, start %s, %d bytes a call on disk",
			calls, float64(written)/1e6, float64(started)/1e6, start.Round(time.Millisecond), info.Size()/int64(calls))
		return
	}
	o.MaxValues, o.MaxSpans, o.Series = 200, 1_000, series.Options{Max: 100}
	var few, many [2]uint64
	e := options(t)
	e.MaxTexts = 200
	few[0], few[1], _ = flooded(t, 10_000, e, o)
	e = options(t)
	e.MaxTexts = 200
	calls := 40_000
	if os.Getenv("TOKENBOARD_FULL") != "" {
		calls = 100_000
	}
	many[0], many[1], _ = flooded(t, calls, e, o)
	const (
		perBlock = 1_500      // bytes
		recent   = 24_000_000 // what is not in blocks yet
	)
	for i, what := range []string{"written", "started"} {
		t.Logf("%s: 10,000 calls %.1f MB, %d calls %.1f MB", what, float64(few[i])/1e6, calls, float64(many[i])/1e6)
		require.Less(t, many[i], few[i]+uint64(calls-10_000)/256*perBlock+recent, what)
	}
}
