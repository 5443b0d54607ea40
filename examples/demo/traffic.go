package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
)

// clients make the calls of the company's people.
type clients struct {
	console string
	proxies map[team]string // where each team's proxy is
	http    *http.Client
	company *company
}

// prepare makes the keys.
func (c *clients) prepare(ctx context.Context) error {
	for i := range c.company.people {
		p := &c.company.people[i]
		body := map[string]any{"name": p.keyName, "description": "made by the demo", "owner": p.user}
		if p.limits != nil {
			body["limits"] = p.limits
		}
		key, err := c.makeKey(ctx, body)
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		p.key = key
	}
	return nil
}

// makeKey asks the console for a key.
func (c *clients) makeKey(ctx context.Context, body any) (key string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.console+"/api/console/keys", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if raw, err = io.ReadAll(res.Body); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("status %d: %s", res.StatusCode, raw)
	}
	var made struct{ Data struct{ Key string } }
	err = json.Unmarshal(raw, &made)
	return made.Data.Key, err
}

// traffic makes calls until ctx ends. It returns an error if a program of the demo ends before. A rate of 0 stands for
// the rate that the past had at this time of the day.
func (c *clients) traffic(ctx context.Context, rate float64, programs []*child) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(programs))
	for _, p := range programs {
		calls.Go(func() {
			select {
			case <-p.exited:
				ended <- p.ended()
			case <-ctx.Done():
			}
		})
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for n := 0; ; n++ {
		if x, ok := c.company.draw(rng, time.Now()); ok {
			r, err := c.request(ctx, x, n)
			if err != nil {
				return err
			}
			calls.Go(func() { // one that fails is part of the picture
				if res, err := c.http.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
				}
			})
		}
		now := rate
		if now == 0 {
			now = busy(time.Now()) / quarter.Seconds()
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-time.After(time.Duration(rng.ExpFloat64() / now * float64(time.Second))):
		}
	}
}

// urlPath is where a call goes.
func (m *model) urlPath(stream, query bool) string {
	switch {
	case m.provider != "gcp.gemini":
		return m.path
	case !stream:
		return m.path + "generateContent"
	case query:
		return m.path + "streamGenerateContent?alt=sse"
	default:
		return m.path + "streamGenerateContent"
	}
}

// request writes a call as a client would; its headers ask the fake provider for the answer that was drawn.
func (c *clients) request(ctx context.Context, x *call, n int) (*http.Request, error) {
	m, p := x.model, x.person
	body := map[string]any{"model": m.name, "stream": x.stream, "n": n, "input": "a question"}
	if x.stream && m.path == "/v1/chat/completions" && !x.silent {
		body["stream_options"] = map[string]any{"include_usage": true}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write a call: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.proxies[p.team]+m.urlPath(x.stream, true), bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("write a call: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	switch m.provider {
	case "anthropic":
		r.Header.Set("X-Api-Key", p.key)
		r.Header.Set("Anthropic-Version", "2023-06-01")
	case "gcp.gemini":
		r.Header.Set("X-Goog-Api-Key", p.key)
	default:
		r.Header.Set("Authorization", "Bearer "+p.key)
	}
	bill, err := json.Marshal(fakeupstream.Bill{Input: x.input, Output: x.output, CacheRead: x.read, CacheWrite: x.write, Reasoning: x.reasoning})
	if err != nil {
		return nil, fmt.Errorf("write a call: %w", err)
	}
	r.Header.Set(fakeupstream.HeaderBill, string(bill))
	r.Header.Set(fakeupstream.HeaderFirst, x.ttft.String())
	r.Header.Set(fakeupstream.HeaderTook, x.took.String())
	if x.status != http.StatusOK {
		r.Header.Set(fakeupstream.HeaderStatus, strconv.Itoa(x.status))
	}
	if x.cut {
		r.Header.Set(fakeupstream.HeaderCut, "6")
	}
	return r, nil
}
