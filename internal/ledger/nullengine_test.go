package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// nullEngine keeps nothing, so that what is measured is the ledger's own work.
type nullEngine struct{ store.Engine }

func (nullEngine) Commit(context.Context, store.Write) error { return nil }
func (nullEngine) Changes(context.Context, int64, func(store.Change) error) error {
	return nil
}
func (nullEngine) Lookup(context.Context, store.Lookup) ([]store.Record, error) { return nil, nil }
func (nullEngine) Links(context.Context, time.Time, func(usage.SpanParent) error) error {
	return nil
}
func (nullEngine) Scan(context.Context, store.Filter, func(*store.Record) error) error {
	return nil
}
func (nullEngine) Figures(context.Context, store.Filter, func(*store.Record) error) error {
	return nil
}
func (nullEngine) Info(context.Context) (store.Info, error) { return store.Info{}, nil }
func (nullEngine) Nth(context.Context, int64) (time.Time, bool, error) {
	return time.Time{}, false, nil
}
func (nullEngine) Retire(context.Context, store.Retirement) error { return nil }
func (nullEngine) Acquire(context.Context, string, string, time.Duration) (store.Lease, error) {
	return store.Lease{Epoch: 1}, nil
}
func (nullEngine) Release(context.Context, store.Lease) error { return nil }
func (nullEngine) Close() error                               { return nil }

// traffic makes batches of about n records.
type traffic func(g *loadgen.Generator, n int) usage.Batch

// singles are calls without relatives.
func singles(g *loadgen.Generator, n int) usage.Batch {
	b := usage.Batch{Calls: make([]usage.Call, 0, n)}
	for range n {
		c, ok := g.Next()
		if !ok {
			break
		}
		b.Calls = append(b.Calls, c)
	}
	return b
}

// logs are the same calls reported by log records.
func logs(g *loadgen.Generator, n int) usage.Batch {
	b := singles(g, n)
	for i := range b.Calls {
		c := &b.Calls[i]
		c.Signal, c.ID[23] = usage.SignalLog, c.ID[23]|1
		c.Trace, c.Span = usage.TraceID{}, usage.SpanID{}
		c.RequestID = "req-" + c.ResponseID
	}
	return b
}

// nested are traces of an agent, a chain below it, a span that is no call, and two calls below that.
func nested(g *loadgen.Generator, n int) usage.Batch {
	var b usage.Batch
	for len(b.Calls) < n {
		first, ok := g.Next()
		if !ok {
			break
		}
		place := func(c usage.Call, span, parent uint64) usage.Call {
			c.Trace = first.Trace
			c.Parent = usage.SpanID{}
			binary.BigEndian.PutUint64(c.Span[:], span)
			binary.BigEndian.PutUint64(c.Parent[:], parent)
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			return c
		}
		agent := place(first, 1, 0)
		agent.Role, agent.ResponseID, agent.Scope = usage.RoleAggregate, "", "framework"
		chain := agent
		chain = place(chain, 2, 1)
		link := usage.SpanParent{Trace: first.Trace, Span: place(first, 3, 2).Span, Parent: chain.Span}
		b.Parents = append(b.Parents, link)
		b.Calls = append(b.Calls, agent, chain, place(first, 4, 3))
		if second, ok := g.Next(); ok {
			b.Calls = append(b.Calls, place(second, 5, 3))
		}
	}
	return b
}

// perDay is the rate of the traffic that is measured: a hundred calls a second.
const perDay = 10_000_000

// BenchmarkAccount commits batches to an engine that keeps nothing; the figures are per record. Beside the
// time it reports the processor time, which other work on the machine changes less.
func BenchmarkAccount(b *testing.B) {
	book, err := pricing.Default()
	require.NoError(b, err)
	for _, kind := range []struct {
		name string
		make traffic
	}{{"singles", singles}, {"logs", logs}, {"nested", nested}} {
		for _, size := range []int{100, 4000} {
			b.Run(fmt.Sprintf("%s-%d", kind.name, size), func(b *testing.B) {
				l, err := Open(context.Background(), nullEngine{}, Options{Prices: book})
				require.NoError(b, err)
				defer func() { require.NoError(b, l.Close()) }()
				g := loadgen.New(loadgen.Set{Calls: perDay, End: time.Now().Add(maxAhead / 2), Ordered: true, Days: 1})
				b.ReportAllocs()
				b.ResetTimer()
				done := 0
				var busy time.Duration
				for done < b.N {
					b.StopTimer()
					batch := kind.make(g, size)
					began := processorTime(b)
					b.StartTimer()
					require.NoError(b, l.Commit(context.Background(), batch))
					busy += processorTime(b) - began
					done += len(batch.Calls)
				}
				b.ReportMetric(float64(busy.Nanoseconds())/float64(done), "cpu-ns/op")
			})
		}
	}
}

// processorTime is what this process has used of processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestIndexSize bounds the memory that the default number of spans takes.
func TestIndexSize(t *testing.T) {
	racetest.Single(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const calls = defaultMaxSpans
	g := loadgen.New(loadgen.Set{Calls: calls, End: time.Now(), Ordered: true, Days: 1})
	before := heap()
	x := correlation.New(true)
	for {
		b := singles(g, 4000)
		if len(b.Calls) == 0 {
			break
		}
		for i := range b.Calls {
			c := &b.Calls[i]
			if p := correlation.Precompute(c); x.Find(c.ID, &p) == nil {
				x.Add(&store.Record{Call: *c}, &p, c.Start)
			}
		}
		x.Commit()
		x.End()
	}
	now := heap()
	used := now - min(before, now) // what earlier tests left may go meanwhile
	t.Logf("%d spans take %.1f MB, %d bytes each", x.Size(), float64(used)/1e6, used/uint64(x.Size()))
	require.Less(t, used, uint64(60e6))
	runtime.KeepAlive(x)
	runtime.KeepAlive(g)
}
