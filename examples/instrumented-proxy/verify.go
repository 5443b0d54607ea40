package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/proxytrace"
)

type contextKey int

const (
	modelKey contextKey = iota
	ownerKey
)

func withModel(ctx context.Context, model string) context.Context {
	return context.WithValue(ctx, modelKey, model)
}

// ownerOf returns the owner of the key of a request that was let in.
func ownerOf(ctx context.Context) string {
	owner, _ := ctx.Value(ownerKey).(string)
	return owner
}

type verifySettings struct {
	console, token string
	fresh, stale   time.Duration
	failOpen       bool
}

// verifier accepts the requests whose key is valid for Tokenboard.
//
// A verdict is used again for a while (fresh), so that the console is not asked for every call of a
// busy client; a revoked key therefore works for that much longer, and limits are reached that much
// later. While the console does not answer, keys that were valid stay valid (stale); any other is rejected,
// or let in with failOpen.
type verifier struct {
	verifySettings
	url    string
	client *http.Client
	next   http.Handler
	now    func() time.Time

	mu       sync.Mutex
	verdicts map[[sha256.Size]byte]verdict
}

// verdict is the console's answer about a key and a model.
type verdict struct {
	refusal *refusal // nil for a valid key
	owner   string
	at      time.Time
	until   time.Time // when it must be asked again
}

const (
	maxVerdicts = 10_000
	askTimeout  = 3 * time.Second
)

func newVerifier(s verifySettings, next http.Handler) (http.Handler, error) {
	if s.console == "" {
		return next, nil
	}
	u, err := url.Parse(s.console)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("-console: %q is no URL", s.console)
	}
	return &verifier{
		verifySettings: s, url: u.JoinPath("/api/console/keys/verify").String(), next: next, now: time.Now,
		client:   &http.Client{Timeout: askTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 20, IdleConnTimeout: time.Minute}},
		verdicts: map[[sha256.Size]byte]verdict{},
	}, nil
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	model, _ := r.Context().Value(modelKey).(string)
	d := v.verdict(r, proxytrace.ClientKey(r), model)
	if d.refusal != nil {
		refuse(w, r, d.refusal)
		return
	}
	v.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ownerKey, d.owner)))
}

func (v *verifier) verdict(r *http.Request, key, model string) verdict {
	if key == "" {
		return verdict{refusal: &refusal{http.StatusUnauthorized, "send an API key", ""}}
	}
	id := sha256.Sum256([]byte(strconv.Itoa(len(key)) + ":" + key + model)) // no key is kept, and no two pairs are one
	v.mu.Lock()
	last, known := v.verdicts[id]
	v.mu.Unlock()
	now := v.now()
	if known && now.Before(last.until) {
		return last
	}
	d, err := v.ask(r, key, model)
	if err == nil {
		v.keep(id, &d)
		return d
	}
	if r.Context().Err() != nil {
		return verdict{refusal: &refusal{http.StatusServiceUnavailable, "the call was given up", ""}}
	}
	slog.Warn("a key could not be checked", "error", err)
	switch {
	case known && last.refusal == nil && now.Sub(last.at) < v.stale:
		return last
	case v.failOpen:
		return verdict{}
	default:
		return verdict{refusal: &refusal{http.StatusServiceUnavailable, "the API key cannot be checked now; try again", "5"}}
	}
}

// keep remembers a verdict for a while. Where there are too many, any of the others goes.
func (v *verifier) keep(id [sha256.Size]byte, d *verdict) {
	d.at = v.now()
	d.until = d.at.Add(v.fresh)
	v.mu.Lock()
	defer v.mu.Unlock()
	for old := range v.verdicts {
		if len(v.verdicts) < maxVerdicts {
			break
		}
		delete(v.verdicts, old)
	}
	v.verdicts[id] = *d
}

// ask asks the console; an error says that it gave no verdict.
func (v *verifier) ask(r *http.Request, key, model string) (verdict, error) {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = ""
	}
	body, err := json.Marshal(struct {
		Key    string `json:"key"`
		Model  string `json:"model,omitempty"`
		Source string `json:"source_ip,omitempty"`
	}{key, model, source})
	if err != nil {
		return verdict{}, fmt.Errorf("write the question: %w", err)
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, v.url, bytes.NewReader(body)) //nolint:gosec // the address is of the configuration, not of the request
	if err != nil {
		return verdict{}, fmt.Errorf("ask the console: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if v.token != "" {
		req.Header.Set("X-Tokenboard-Token", v.token)
	}
	res, err := v.client.Do(req) //nolint:gosec // as above
	if err != nil {
		return verdict{}, fmt.Errorf("ask the console: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Message string
		Data    struct{ Owner string }
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	switch {
	case err != nil:
		return verdict{}, fmt.Errorf("read the console's answer (status %d): %w", res.StatusCode, err)
	case res.StatusCode == http.StatusOK:
		return verdict{owner: answer.Data.Owner}, nil
	case res.Header.Get("X-Tokenboard-Outcome") != "" || res.StatusCode == http.StatusTooManyRequests:
		return verdict{refusal: &refusal{res.StatusCode, answer.Message, res.Header.Get("Retry-After")}}, nil
	default: // it says nothing of the key: no token, wrong token, not ready
		return verdict{}, fmt.Errorf("the console answered with status %d: %s", res.StatusCode, answer.Message)
	}
}
