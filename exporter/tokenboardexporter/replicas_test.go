package tokenboardexporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/dialectcases"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// threeReplicas are pipelines on one database.
type threeReplicas struct {
	t      *testing.T
	server *pgtest.Server
	schema string
	all    []*pipeline
}

func startReplicas(t *testing.T) *threeReplicas {
	t.Helper()
	r := &threeReplicas{t: t, server: &pgtest.Server{}}
	t.Cleanup(r.server.End)
	dsn := r.server.Schema(t)
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	r.schema = u.User.Username()
	for range 3 {
		r.all = append(r.all, pipelineOn(t, startOn(t, func(c *tokenstoreextension.Config) {
			c.Engine, c.Postgres.DSN, c.Postgres.KeySecret = "postgres", configopaque.String(dsn), configopaque.String(strings.Repeat("0a", 32))
		})))
	}
	return r
}

// depose makes the replica that leads lose its lease, as if it had been suspended.
func (r *threeReplicas) depose() { r.server.Exec(r.t, "postgres", "DELETE FROM "+r.schema+".leases") }

// settle waits until all that was acknowledged is decided, and all replicas follow.
func (r *threeReplicas) settle() {
	r.t.Helper()
	ctx := context.Background()
	require.Eventually(r.t, func() bool {
		c, err := r.all[0].ledger.Cluster(ctx)
		if err != nil || c.Inbox.Deliveries > 0 {
			return false
		}
		c, err = r.all[0].ledger.Cluster(ctx) // what emptied the inbox is in it
		return err == nil && !slices.ContainsFunc(r.all, func(p *pipeline) bool { return p.ledger.Role().Seq < c.Seq })
	}, time.Minute, 5*time.Millisecond)
}

// placeTraces moves the spans of a capture to its place.
func placeTraces(td ptrace.Traces, place int) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				trace := s.TraceID()
				trace[0] ^= byte(place)
				s.SetTraceID(trace)
				s.SetStartTimestamp(placeTime(s.StartTimestamp(), place))
				s.SetEndTimestamp(placeTime(s.EndTimestamp(), place))
			}
		}
	}
}

// placeLogs moves the log records of a capture to its place.
func placeLogs(ld plog.Logs, place int) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				lr.SetTimestamp(placeTime(lr.Timestamp(), place))
				lr.SetObservedTimestamp(placeTime(lr.ObservedTimestamp(), place))
			}
		}
	}
}

func placeTime(at pcommon.Timestamp, place int) pcommon.Timestamp {
	if at == 0 {
		return 0
	}
	return pcommon.NewTimestampFromTime(at.AsTime().AddDate(0, 0, -20*place))
}

// sendCase sends the telemetry of a case, as it came to an emitter's exporter.
func sendCase(rec *record) func(*pipeline, bool) error {
	return func(p *pipeline, _ bool) error {
		ctx := context.Background()
		if rec.traces != nil { // copies: the processor changes what it is given
			td := ptrace.NewTraces()
			rec.traces.CopyTo(td)
			return p.traces.ConsumeTraces(ctx, td)
		}
		ld := plog.NewLogs()
		rec.logs.CopyTo(ld)
		return p.logs.ConsumeLogs(ctx, ld)
	}
}

// TestReplicas: every capture and every case, all mixed, each request twice, to any of three replicas whose leader changes
// meanwhile: all replicas have the records and sums that a single process has of the same.
func TestReplicas(t *testing.T) {
	var sends []func(*pipeline, bool) error
	for i, c := range captures {
		sends = append(sends, capturedSends(t, filepath.Join("..", "..", "testdata", "captures", c.name), i+1)...)
	}
	all := records(t, dialectcases.Load(t, filepath.Join("..", "..", "testdata")))
	for i := range all {
		sends = append(sends, sendCase(&all[i]))
	}
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	single := startPipeline(t)
	for _, i := range rng.Perm(len(sends)) {
		require.NoError(t, sends[i](single, true))
	}
	want := toldOf(t, single.ledger)
	require.NotEmpty(t, want)

	r := startReplicas(t)
	twice := slices.Concat(sends, sends)
	for n, i := range rng.Perm(len(twice)) {
		if n%(len(twice)/4) == len(twice)/8 {
			r.depose()
		}
		require.NoError(t, twice[i](r.all[rng.IntN(len(r.all))], true))
	}
	r.settle()
	for _, p := range r.all {
		has := toldOf(t, p.ledger)
		require.Len(t, has, len(want))
		for i := range want { // one by one: all of them are megabytes
			require.Equal(t, want[i], has[i])
		}
	}
}

// toldOf describes all records of a ledger, and its sums by several dimensions.
func toldOf(t *testing.T, l *ledger.Ledger) (told []string) {
	t.Helper()
	ctx := context.Background()
	require.NoError(t, l.Scan(ctx, store.Filter{Superseded: true}, func(r *store.Record) error {
		c := *r
		c.KeyFingerprint, c.StoredAt, c.Start = "", time.Time{}, c.Start.UTC() // each store has a secret of its own
		told = append(told, fmt.Sprintf("%s %+v", c.ID, c))
		return nil
	}))
	for _, by := range []ledger.GroupBy{ledger.ByModel, ledger.ByUser, ledger.ByService} {
		answer, err := l.Query(ctx, ledger.Query{By: by})
		require.NoError(t, err)
		for _, g := range answer.Groups {
			told = append(told, fmt.Sprintf("%d %q %q %+v", by, g.Value, g.Provider, g.Points[0].Counts))
		}
	}
	slices.Sort(told)
	return told
}
