package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRowsToBlocks: every field of the rows of schema 6 comes over, whatever order they stand in, and the
// tables of rows are gone.
func TestRowsToBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db, err := sql.Open("sqlite", dsn(path, "rwc"))
	require.NoError(t, err)
	for _, m := range migrations() {
		if m.version < rowsGone {
			require.NoError(t, step(ctx, db, m))
		}
	}
	full := fullRecord()
	log := full
	log.Signal, log.ID, log.Start = usage.SignalLog, usage.ID{7, 7}, start.Add(time.Nanosecond)
	log.Counted, log.Reason, log.SupersededBy, log.HasReportedCost, log.ReportedCost = true, store.ReasonNone, usage.ID{}, false, 0
	var want []store.Record
	var keys []int64
	for i := range 600 { // all begin in one microsecond, and stand behind one another
		r := record(i+2, start)
		keys = append(keys, start.UnixMicro()<<12+int64(i))
		want = append(want, r)
	}
	late := record(1000, start.Add(30*time.Hour))
	want = append(want, full, log, late)
	keys = append(keys, (start.UnixMicro()+9)<<12, (start.UnixMicro()+10)<<12, late.Start.UnixMicro()<<12)
	numbers := map[string]int64{}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "BEGIN")
	require.NoError(t, err)
	for i := range want {
		insertOldRow(t, db, keys[i], &want[i], numbers)
	}
	_, err = db.ExecContext(ctx, "COMMIT")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	e := open(t, path)
	for i := range want {
		got, found, err := e.Find(ctx, want[i].ID, want[i].Start)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, want[i], got)
	}
	require.Len(t, scan(t, e, store.Filter{Superseded: true}), len(want))
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, len(want), info.Records)
	var tables int
	require.NoError(t, e.readDB.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name IN ('calls', 'call_ids', 'gaps')").Scan(&tables))
	require.Zero(t, tables)
}

// insertOldRow writes a record as schema 6 had it.
func insertOldRow(t *testing.T, db *sql.DB, key int64, r *store.Record, numbers map[string]int64) {
	t.Helper()
	dims := dimKeys(&r.Call)
	var of [kindCount]int64
	for k := range dims {
		text := string(rune('a'+k)) + dims[k].text()
		if numbers[text] == 0 {
			if k == int(kindPrices) && r.PriceVersion == "" {
				continue
			}
			numbers[text] = int64(len(numbers) + 1)
			_, err := db.ExecContext(ctx, "INSERT INTO dims (id, kind, value) VALUES (?,?,?)", numbers[text], k, dims[k].text())
			require.NoError(t, err)
		}
		of[k] = numbers[text]
	}
	blob := func(b []byte, absent bool) any {
		if absent {
			return nil
		}
		return b
	}
	state := int64(r.Reason)*oldReason + int64(r.Lent)*oldLent
	if r.Counted {
		state |= oldCounted
	}
	if r.Failed {
		state |= oldFailed
	}
	var reported any
	if r.HasReportedCost {
		reported = int64(r.ReportedCost)
	}
	var modalities any
	if !r.Modalities.IsZero() { // audio input 1, audio output 300, image output 2^40
		modalities = []byte{1, 0, 0xac, 2, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20}
	}
	_, err := db.ExecContext(ctx, `INSERT INTO calls (key, id, start_offset, parent, state, superseded_by, seen,
model, provider, api_key, user, service, project, emitter, request, error_type, status,
input_uncached, cache_read, cache_write, output_text, reasoning, fields,
cost, reported_cost, quality, duration, ttft, cache_write_1h, modalities, prices)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		key, r.ID[:], r.Start.UnixNano()-key>>12*1000, blob(r.Parent[:], r.Parent.IsZero()), state,
		blob(r.SupersededBy[:], r.SupersededBy == usage.ID{}), r.Seen.Unix(),
		of[kindModel], of[kindProvider], of[kindKey], of[kindUser], of[kindService], of[kindProject], of[kindEmitter],
		of[kindRequest], of[kindErrorType], r.Status,
		r.Tokens.InputUncached, r.Tokens.CacheRead, r.Tokens.CacheWrite, r.Tokens.OutputText, r.Tokens.Reasoning, int64(r.Tokens.Fields),
		int64(r.Cost), reported, int64(r.Quality), int64(r.Duration), int64(r.TTFT), r.Tokens.CacheWrite1h, modalities, of[kindPrices])
	require.NoError(t, err)
	log := r.Signal != usage.SignalSpan
	_, err = db.ExecContext(ctx, "INSERT INTO call_ids (key, trace, span, response_id, request_id, session, echo_group) VALUES (?,?,?,?,?,?,?)",
		key, blob(r.Trace[:], !log), blob(r.Span[:], !log), r.ResponseID, r.RequestID, r.Session, r.Group)
	require.NoError(t, err)
}
