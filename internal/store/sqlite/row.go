package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Rows stand in the order of time: a row's key is its start in microseconds, shifted by 12
// bits, filled with bits of its id. Where another record has that key, the next microsecond is
// tried with other bits, so that many records with one start find places quickly.
const (
	idBits    = 12
	maxProbes = 100_000 // microseconds that a key may lie after its start
	maxMicros = int64(1)<<(63-idBits) - maxProbes - 1
)

var errStart = errors.New("a record's start does not fit into the database (years 1970 to 2041)")

// rowKey gives the i-th place to look for a record.
func rowKey(id usage.ID, start time.Time, i int64) (int64, error) {
	us := start.UnixMicro()
	if us <= 0 || us > maxMicros {
		return 0, errStart
	}
	h := fnv.New32a()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(i)) //nolint:gosec // bits, not a number
	_, _ = h.Write(id[:])
	_, _ = h.Write(b[:])
	return (us+i)<<idBits | int64(h.Sum32()&(1<<idBits-1)), nil
}

// gap stands in the place of a record that was removed: others may have been placed behind it.
var gap = []byte("gap")

// findPlace looks for a record with at, which gives the id of the record at a key (nil or
// sql.ErrNoRows where there is none, or gap): the key it stands at (found), else the first at
// which it can be put.
func findPlace(id usage.ID, start time.Time, at func(key int64) ([]byte, error)) (key int64, found bool, err error) {
	free := int64(0)
	for i := range int64(maxProbes) {
		key, err := rowKey(id, start, i)
		if err != nil {
			return 0, false, err
		}
		there, err := at(key)
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return 0, false, mapError("look for a record", err)
		case bytes.Equal(there, id[:]):
			return key, true, nil
		case len(there) == 0 && free != 0:
			return free, false, nil
		case len(there) == 0:
			return key, false, nil
		case bytes.Equal(there, gap) && free == 0:
			free = key
		}
	}
	return 0, false, errors.New("too many records have the same start")
}

// gapSet is the keys of removed records.
type gapSet struct {
	mu   sync.RWMutex
	keys map[int64]bool
}

func (g *gapSet) has(key int64) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.keys[key]
}

func (g *gapSet) add(keys map[int64]bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range keys {
		g.keys[k] = true
	}
}

// dropTo forgets the gaps up to a key.
func (g *gapSet) dropTo(key int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.keys {
		if k <= key {
			delete(g.keys, k)
		}
	}
}

// startOf gives a row's exact start.
func startOf(key, offset int64) time.Time {
	return time.Unix(0, key>>idBits*1000+offset).UTC()
}

// bits of the column state: two flags, the reason, and above it what was lent (usage.Lent).
const (
	stateCounted = 1 << iota
	stateFailed
	stateReason // times the reason

	stateReasonBits = 6
	stateLent       = stateReason << stateReasonBits // times usage.Lent
)

const allLent = (1<<8 - 1) * stateLent

func stateOf(counted, failed bool, reason store.Reason) int64 {
	s := int64(reason) * stateReason
	if counted {
		s |= stateCounted
	}
	if failed {
		s |= stateFailed
	}
	return s
}

const callColumns = `c.key, c.id, c.start_offset, c.parent, c.state, c.superseded_by, c.seen,
c.model, c.provider, c.api_key, c.user, c.service, c.project, c.emitter, c.request, c.error_type, c.status,
c.input_uncached, c.cache_read, c.cache_write, c.output_text, c.reasoning, c.fields,
c.cost, c.reported_cost, c.quality, c.duration, c.ttft, c.cache_write_1h, c.modalities, c.prices,
i.trace, i.span, i.response_id, i.request_id, i.session, i.echo_group`

const callTables = "calls c LEFT JOIN call_ids i ON i.key = c.key"

// scanner is a row of callColumns.
type scanner interface{ Scan(dest ...any) error }

// scanRecord reads a row of callColumns and gives its key.
func (e *Engine) scanRecord(row scanner, r *store.Record) (int64, error) {
	var (
		key, offset, state, seen, fields, quality, duration, ttft int64
		id, parent, supersededBy, modalities, trace, span         []byte
		reported                                                  sql.NullInt64
		responseID, requestID, session, group                     sql.NullString
		dimIDs                                                    [kindCount]int64
	)
	*r = store.Record{}
	t := &r.Tokens
	err := row.Scan(&key, &id, &offset, &parent, &state, &supersededBy, &seen,
		&dimIDs[kindModel], &dimIDs[kindProvider], &dimIDs[kindKey], &dimIDs[kindUser], &dimIDs[kindService],
		&dimIDs[kindProject], &dimIDs[kindEmitter], &dimIDs[kindRequest], &dimIDs[kindErrorType], &r.Status,
		&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.OutputText, &t.Reasoning, &fields,
		&r.Cost, &reported, &quality, &duration, &ttft, &t.CacheWrite1h, &modalities, &dimIDs[kindPrices],
		&trace, &span, &responseID, &requestID, &session, &group)
	if err != nil {
		return 0, err
	}
	texts, err := e.dims.texts(&dimIDs)
	if err != nil {
		return 0, err
	}
	setDims(&r.Call, &texts)
	r.Modalities = unpackModalities(modalities)
	copy(r.ID[:], id)
	copy(r.Parent[:], parent)
	copy(r.SupersededBy[:], supersededBy)
	copy(r.Trace[:], trace)
	copy(r.Span[:], span)
	if r.Signal == usage.SignalSpan {
		copy(r.Trace[:], r.ID[:16])
		copy(r.Span[:], r.ID[16:])
	}
	r.Start = startOf(key, offset)
	r.Seen = time.Unix(seen, 0).UTC()
	r.Counted, r.Failed = state&stateCounted != 0, state&stateFailed != 0
	r.Reason = store.Reason(state / stateReason % (1 << stateReasonBits)) //nolint:gosec // written by stateOf
	r.Lent = usage.Lent(state / stateLent)                                //nolint:gosec // written by put
	t.Fields = usage.TokenFields(fields)                                  //nolint:gosec // written from TokenFields
	r.Quality = usage.Quality(quality)                                    //nolint:gosec // written from Quality
	r.Duration, r.TTFT = time.Duration(duration), time.Duration(ttft)
	r.ReportedCost, r.HasReportedCost = usage.NanoUSD(reported.Int64), reported.Valid
	r.ResponseID, r.RequestID, r.Session, r.Group = responseID.String, requestID.String, session.String, group.String
	return key, nil
}
