package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// latencyPlan says how long a query is measured: a number of requests or a duration, whichever is reached first.
type latencyPlan struct {
	requests int
	longest  time.Duration
}

// timing is how long the requests of a query took, in milliseconds.
type timing struct {
	query
	times  series
	cpu    float64 // the server's processor time of one, whatever else it did meanwhile included
	failed error   // the first failure; none is expected
}

// latencies asks each query by one client, one request at a time.
func latencies(ctx context.Context, s *server, all []query, plan latencyPlan) ([]timing, error) {
	out := make([]timing, len(all))
	for i, q := range all {
		out[i].query = q
		if err := q.ask(ctx); err != nil { // what is not there yet is made
			out[i].failed = err
			continue
		}
		before, err := s.cpu()
		if err != nil {
			return nil, err
		}
		for begun := time.Now(); len(out[i].times) < plan.requests && time.Since(begun) < plan.longest; {
			start := time.Now()
			if err := q.ask(ctx); err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				out[i].failed = err
				break
			}
			out[i].times.add(milliseconds(time.Since(start)))
		}
		after, err := s.cpu()
		if err != nil {
			return nil, err
		}
		out[i].cpu = milliseconds(after-before) / float64(max(1, len(out[i].times)))
	}
	return out, ctx.Err()
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// writer writes live calls at a rate, and counts what it wrote.
type writer struct {
	stop func() error // ends it; the sums are complete then

	truth loadgen.Truth // of what was acknowledged

	mu   sync.Mutex
	acks []ack
}

// ack is a request that was acknowledged.
type ack struct {
	sent time.Time
	took time.Duration
}

// longest is the longest that an acknowledgement took of requests that were sent in a range of time,
// in ms.
func (w *writer) longest(from, to time.Time) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var most time.Duration
	for _, a := range w.acks {
		if a.sent.Add(a.took).After(from) && a.sent.Before(to) {
			most = max(most, a.took)
		}
	}
	return milliseconds(most)
}

// writeBatch is the calls of one request of a writer.
const writeBatch = 100

// startWriting begins to write perSecond calls a second over one connection; 0 is as fast as possible.
func startWriting(ctx context.Context, to *sender, set uint64, perSecond int) *writer {
	w := &writer{}
	ctx, end := context.WithCancelCause(ctx)
	done := make(chan error, 1)
	go func() { done <- w.write(ctx, to, set, perSecond) }()
	w.stop = func() error {
		end(errStopped)
		err := <-done
		done <- err // it may be stopped again
		return err
	}
	return w
}

var errStopped = errors.New("writing was stopped")

func (w *writer) write(ctx context.Context, to *sender, set uint64, perSecond int) error {
	g := loadgen.New(loadgen.Set{Seed: set, Calls: 1 << 30})
	pause := time.Duration(0)
	if perSecond > 0 {
		pause = time.Second * writeBatch / time.Duration(perSecond)
	}
	for next := time.Now(); ctx.Err() == nil; next = next.Add(pause) {
		if wait := time.Until(next); wait > 0 {
			if sleep(ctx, wait) != nil {
				return stopped(ctx)
			}
		}
		r, err := liveRequest(g)
		if err != nil {
			return err
		}
		start := time.Now()
		// a request is ended even where the writer is stopped meanwhile: whether it counts must be known
		if err := to.send(context.WithoutCancel(ctx), r.Body); err != nil {
			return err
		}
		w.mu.Lock()
		w.acks = append(w.acks, ack{start, time.Since(start)})
		w.mu.Unlock()
		w.truth = g.Distinct
	}
	return stopped(ctx)
}

func stopped(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, errStopped) {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// liveRequest makes a request of calls that began a moment ago.
func liveRequest(g *loadgen.Generator) (loadgen.Request, error) {
	calls := make([]usage.Call, 0, writeBatch)
	for len(calls) < writeBatch {
		c, ok := g.NextFresh()
		if !ok {
			break
		}
		c.Start = time.Now().Add(-c.Duration).UTC()
		calls = append(calls, c)
	}
	return loadgen.RequestOf(calls)
}
