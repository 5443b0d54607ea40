// Package storetest is the conformance suite of every engine of internal/store: it checks the promises of the doc
// comments there on a real database, with lost answers, restarts and concurrent readers.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest/documents"
	"github.com/tokenboard/tokenboard/internal/store/storetest/views"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Open opens the store of a folder as a process does, and makes it where there is none. Closing the engine ends
// the directory too. An engine that only one process may have open returns store.ErrInUse for a second one.
type Open func(ctx context.Context, dir string) (store.Engine, store.Directory, error)

// Run runs the suite. Open is called for many folders.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"Model":  func(t *testing.T, open Open) { Model(t, func(*rapid.T) Open { return open }) },
		"Search": testSearch, "RoundTrip": testRoundTrip, "SameStart": testSameStart, "LiteralFilters": testLiteralFilters,
		"Cursors": testCursors, "Limits": testLimits, "Lookup": testLookup, "Links": testLinks,
		"Repeats": testRepeats, "Remembered": testRemembered, "Cancelled": testCancelled, "Faults": testFaults,
		"ConcurrentReaders": testConcurrentReaders, "StalledScans": testStalledScans,
		"Retire": testRetire, "Saturation": testSaturation, "RetireBesideWrites": testRetireBesideWrites,
		"Inbox": testInbox, "InboxLimits": testInboxLimits, "Follow": testFollow, "Moved": testMoved, "Members": testMembers,
		"Changes": testChanges, "Sums": testSums, "Leases": testLeases, "Fencing": testFencing, "TwoProcesses": testTwoProcesses,
		"Keys": testKeys, "KeyVersions": testKeyVersions, "NamesAreOwners": testNamesAreOwners,
		"Users": testUsers, "UserVersions": testUserVersions, "Sessions": testSessions, "Tokens": testTokens,
		"Budgets": testBudgets, "Views": func(t *testing.T, open Open) { views.RoundTrip(t, fresh(t, open)) },
		"BudgetVersions": testBudgetVersions,
		"Documents": func(t *testing.T, open Open) {
			s := fresh(t, open)
			documents.RoundTrip(t, s, func() store.Directory { s.restart(); return s })
		},
		"DocumentRace": func(t *testing.T, open Open) { documents.Race(t, fresh(t, open)) },
		"AlertRules":   testAlertRules, "AlertChannels": testAlertChannels, "WriteAlerts": testWriteAlerts, "AlertRace": testAlertRace,
		"AlertHistory": testAlertHistory, "Deliveries": testDeliveries,
		"Audit": testAudit, "AuditFilter": testAuditFilter, "AuditClasses": testAuditClasses,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var (
	ctx   = context.Background()
	start = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)
)

// opened is an open store that can be closed and opened again.
type opened struct {
	store.Engine
	store.Directory
	t    require.TestingT
	open Open
	dir  string
}

func begin(t require.TestingT, open Open, dir string) *opened {
	s := &opened{t: t, open: open, dir: dir}
	s.begin()
	return s
}

// fresh opens a new store until the test ends.
func fresh(t *testing.T, open Open) *opened {
	s := begin(t, open, t.TempDir())
	t.Cleanup(s.end)
	return s
}

func (s *opened) begin() {
	engine, directory, err := s.open(ctx, s.dir)
	require.NoError(s.t, err)
	s.Engine, s.Directory = engine, directory
}

func (s *opened) end() { require.NoError(s.t, s.Close()) }

func (s *opened) restart() {
	s.end()
	s.begin()
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

// put commits records in one write.
func (s *opened) put(records ...store.Record) {
	require.NoError(s.t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: records, At: start}))
}

func (s *opened) scan(f store.Filter) (out []store.Record) {
	require.NoError(s.t, s.Scan(ctx, f, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

func (s *opened) committed(id store.WriteID) bool {
	committed, err := s.Committed(ctx, id)
	require.NoError(s.t, err)
	return committed
}

// all is the filter of every record.
var all = store.Filter{Superseded: true}

// settle makes a write as a caller does that must know its outcome: after an error it asks, and writes again where
// nothing was committed. It returns the error of the first try.
func settle(t require.TestingT, e store.Calls, id store.WriteID, write func() error) error {
	first := write()
	for err := first; err != nil; err = write() {
		require.NotErrorIs(t, err, store.ErrFenced)
		committed, asked := e.Committed(ctx, id)
		for errors.Is(asked, store.ErrOutcomeUnknown) {
			committed, asked = e.Committed(ctx, id)
		}
		require.NoError(t, asked)
		if committed {
			break
		}
	}
	return first
}
