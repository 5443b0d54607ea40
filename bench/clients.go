package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"
)

// crowd is many clients that ask at one time.
type crowd struct {
	clients int
	pause   time.Duration // between two requests of one, on average
	lasts   time.Duration

	times    series // of all requests, in ms
	by       map[string]series
	failures []error
	rate     float64 // requests a second
	cpu      float64 // of the server, ms a request
}

// request is a kind of request of a client.
type request struct {
	name  string
	share int // of a hundred
	ask   func(ctx context.Context, rng *rand.Rand) error
}

// requests are the client requests of the benchmark: mostly key checks, else the reads of a page that is opened.
func requests(web *api, q *questions) []request {
	return []request{
		{"key check", 40, func(ctx context.Context, _ *rand.Rand) error { return web.verify(ctx, q.secret) }},
		{"stats", 24, func(ctx context.Context, _ *rand.Rand) error { return web.get(ctx, "/stats", nil) }},
		{"trend", 10, func(ctx context.Context, _ *rand.Rand) error {
			return web.get(ctx, "/usage-trend", url.Values{"days": {"7"}, "group_by": {"model"}})
		}},
		{"logs", 24, func(ctx context.Context, _ *rand.Rand) error {
			return web.get(ctx, "/logs", url.Values{"limit": {"50"}})
		}},
		{"logs of a user", 2, func(ctx context.Context, rng *rand.Rand) error {
			return web.get(ctx, "/logs", url.Values{"limit": {"50"}, "user": {fmt.Sprintf("user-%04d", rng.IntN(2000))}})
		}},
	}
}

// ask sends the clients' requests and measures them.
func (c *crowd) ask(ctx context.Context, s *server, q *questions) error {
	web := newAPI(s.console, c.clients)
	defer web.close()
	kinds := requests(web, q)
	c.by = map[string]series{}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	begun := time.Now()
	for i := range c.clients {
		all.Go(func() {
			c.client(ctx, kinds, begun, uint64(i), func(name string, took float64, err error) {
				mu.Lock()
				defer mu.Unlock()
				c.times.add(took)
				c.by[name] = append(c.by[name], took)
				if err != nil && ctx.Err() == nil {
					c.failures = append(c.failures, err)
				}
			})
		})
	}
	all.Wait()
	took := time.Since(begun)
	after, err := s.cpu()
	if err != nil {
		return err
	}
	for _, k := range kinds {
		name, times := k.name, c.by[k.name]
		progress("  %-15s %6d requests, p50 %7.1f ms, p99 %7.1f ms", name, len(times), times.median(), times.p99())
	}
	if len(c.failures) > 0 {
		progress("  the first of %d failures: %v", len(c.failures), c.failures[0])
	}
	c.rate = float64(len(c.times)) / took.Seconds()
	c.cpu = milliseconds(after-before) / float64(len(c.times))
	return ctx.Err()
}

// client sends the requests of one client, with pauses between them, until the crowd's time is over.
func (c *crowd) client(ctx context.Context, kinds []request, begun time.Time, seed uint64, done func(name string, took float64, err error)) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(rng.Int64N(2 * int64(c.pause)))):
		}
		if time.Since(begun) > c.lasts {
			return
		}
		kind, at := 0, rng.IntN(100)
		for at >= kinds[kind].share {
			at -= kinds[kind].share
			kind++
		}
		start := time.Now()
		err := kinds[kind].ask(ctx, rng)
		done(kinds[kind].name, milliseconds(time.Since(start)), err)
	}
}

// verifyRate checks a key over several connections without pauses. It returns checks a second, and the server's processor
// time of one in microseconds.
func verifyRate(ctx context.Context, s *server, q *questions, lasts time.Duration) (rate, cpu float64, err error) {
	const connections = 16
	web := newAPI(s.console, connections)
	defer web.close()
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	counts := make([]int, connections)
	var all sync.WaitGroup
	begun := time.Now()
	for i := range connections {
		all.Go(func() {
			for ctx.Err() == nil && time.Since(begun) < lasts {
				if err := web.verify(ctx, q.secret); err != nil {
					stop(err)
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return 0, 0, err
	}
	took := time.Since(begun)
	after, err := s.cpu()
	n := 0
	for _, c := range counts {
		n += c
	}
	return float64(n) / took.Seconds(), (after - before).Seconds() * 1e6 / float64(n), err
}
