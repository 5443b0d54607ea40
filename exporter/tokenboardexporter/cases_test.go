package tokenboardexporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tokenboard/tokenboard/internal/dialectcases"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor"
)

// pipeline is the processor in front of the exporters on a store.
type pipeline struct {
	*running
	traces processor.Traces
	logs   processor.Logs
}

func startPipeline(t *testing.T) *pipeline {
	t.Helper()
	return pipelineOn(t, start(t, t.TempDir()))
}

func pipelineOn(t *testing.T, r *running) *pipeline {
	t.Helper()
	ctx := context.Background()
	p := &pipeline{running: r}
	f := tokenusageprocessor.NewFactory()
	var err error
	p.traces, err = f.CreateTraces(ctx, processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), p.running.traces)
	require.NoError(t, err)
	p.logs, err = f.CreateLogs(ctx, processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), p.running.logs)
	require.NoError(t, err)
	for _, c := range []component.Component{p.traces, p.logs} {
		require.NoError(t, c.Start(ctx, componenttest.NewNopHost()))
		t.Cleanup(func() { require.NoError(t, c.Shutdown(ctx)) })
	}
	return p
}

// record is a case as telemetry; of a metric there is none.
type record struct {
	tc     *dialectcases.Case
	traces *ptrace.Traces
	logs   *plog.Logs
	id     usage.ID // of a span
}

// records makes telemetry of the cases. Cases of one trace are reported within the same seconds, different
// traces hours apart, so that nothing but their ids and links ties them.
func records(t *testing.T, cases []dialectcases.Case) (out []record) {
	t.Helper()
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	of := map[string]time.Time{}
	spanID := func(id string) (s pcommon.SpanID) {
		sum := sha256.Sum256([]byte("span " + id))
		copy(s[:], sum[:])
		return s
	}
	byID := map[string]pcommon.SpanID{}
	for i := range cases {
		byID[cases[i].ID] = spanID(cases[i].ID)
		if s := cases[i].Text("__span_id__"); s != "" {
			b, err := hex.DecodeString(s)
			require.NoError(t, err)
			byID[cases[i].ID] = pcommon.SpanID(b)
		}
	}
	for i := range cases {
		tc := &cases[i]
		if _, known := of[tc.Trace]; !known {
			of[tc.Trace] = base.Add(time.Duration(len(of)) * time.Hour)
		}
		from := of[tc.Trace]
		sum := sha256.Sum256([]byte("trace " + tc.Trace))
		trace := pcommon.TraceID(sum[:16])
		if s := tc.Text("__trace_id__"); s != "" {
			b, err := hex.DecodeString(s)
			require.NoError(t, err)
			trace = pcommon.TraceID(b)
		}
		switch tc.Signal {
		case "span":
			td := ptrace.NewTraces()
			rs := td.ResourceSpans().AppendEmpty()
			tc.PutResource(rs.Resource().Attributes())
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(tc.Scope)
			s := ss.Spans().AppendEmpty()
			s.SetName(tc.SpanName)
			s.SetTraceID(trace)
			s.SetSpanID(byID[tc.ID])
			if tc.Parent != "" {
				s.SetParentSpanID(byID[tc.Parent])
			}
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(from))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(from.Add(time.Second)))
			tc.PutAttributes(t, s.Attributes())
			out = append(out, record{tc: tc, traces: &td, id: usage.SpanRecordID(usage.TraceID(trace), usage.SpanID(byID[tc.ID]))})
		case "log":
			ld := plog.NewLogs()
			rl := ld.ResourceLogs().AppendEmpty()
			tc.PutResource(rl.Resource().Attributes())
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName(tc.Scope)
			lr := sl.LogRecords().AppendEmpty()
			lr.Body().SetStr(tc.SpanName)
			lr.SetTimestamp(pcommon.NewTimestampFromTime(from.Add(time.Second)))
			tc.PutAttributes(t, lr.Attributes())
			out = append(out, record{tc: tc, logs: &ld})
		}
	}
	return out
}

// send delivers records, split into batches at random: several records of one signal go in one request.
func (p *pipeline) send(t *testing.T, all []record, rng *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	for len(all) > 0 {
		n := 1 + rng.IntN(min(len(all), 6))
		td, ld := ptrace.NewTraces(), plog.NewLogs()
		for _, r := range all[:n] {
			switch { // copies: the processor changes what it is given
			case r.traces != nil:
				r.traces.ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
			case r.logs != nil:
				r.logs.ResourceLogs().At(0).CopyTo(ld.ResourceLogs().AppendEmpty())
			}
		}
		all = all[n:]
		if td.SpanCount() > 0 {
			require.NoError(t, p.traces.ConsumeTraces(ctx, td))
		}
		if ld.LogRecordCount() > 0 {
			require.NoError(t, p.logs.ConsumeLogs(ctx, ld))
		}
	}
}

// TestCases: every dialect case, in any order and any batches, through the processor and the exporter
// into a ledger: the sums are those of the cases that count, and each of these counts with its own figures.
func TestCases(t *testing.T) {
	cases := dialectcases.Load(t, filepath.Join("..", "..", "testdata"))
	require.Len(t, cases, 96)
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := startPipeline(t)
			all := records(t, cases)
			rng := rand.New(rand.NewPCG(seed, 11))
			rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			p.send(t, all, rng)

			answer, err := p.ledger.Query(context.Background(), ledger.Query{})
			require.NoError(t, err)
			var sum ledger.Sums
			for _, g := range answer.Groups {
				for i := range g.Points {
					sum.Merge(&g.Points[i])
				}
			}
			require.Equal(t, int64(68), sum.Calls)
			require.Equal(t, int64(480_980), sum.Tokens.Input())
			require.Equal(t, int64(8_957), sum.Tokens.Output())

			counted := map[usage.ID]*store.Record{}
			require.NoError(t, p.ledger.Scan(context.Background(), store.Filter{}, func(r *store.Record) error {
				if r.Counted {
					held := *r
					counted[r.ID] = &held
				}
				return nil
			}))
			require.Len(t, counted, 68)
			for _, r := range all {
				if r.traces == nil || r.tc.DupGroup != "" {
					continue // which of a group counts is not asserted
				}
				got, is := counted[r.id]
				require.Equal(t, r.tc.Expect.Counted, is, r.tc.ID)
				if is {
					requireFigures(t, r.tc, got.Tokens)
				}
			}
		})
	}
}

func requireFigures(t *testing.T, tc *dialectcases.Case, got usage.Tokens) {
	t.Helper()
	for _, f := range []struct {
		name string
		want *int64
		has  usage.TokenFields
		got  int64
	}{
		{"input", tc.Expect.Input, usage.HasInput, got.Input()}, {"output", tc.Expect.Output, usage.HasOutput, got.Output()},
		{"cache read", tc.Expect.CacheRead, usage.HasCacheRead, got.CacheRead}, {"cache write", tc.Expect.CacheWrite, usage.HasCacheWrite, got.CacheWrite},
		{"reasoning", tc.Expect.Reasoning, usage.HasReasoning, got.Reasoning},
	} {
		if f.want == nil {
			require.Zero(t, got.Fields&f.has, "%s: %s must stay absent", tc.ID, f.name)
			continue
		}
		require.NotZero(t, got.Fields&f.has, "%s: %s is reported", tc.ID, f.name)
		require.Equal(t, *f.want, f.got, "%s: %s", tc.ID, f.name)
	}
}
