// Package cliproxytest is a stand-in for CLIProxyAPI in tests. It behaves as v7 was observed to: the
// usage queue is popped by being read and lost at a restart, a subscriber starves the pollers, five
// wrong keys ban the address, an empty list of client keys lets everybody in.
package cliproxytest

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokenboard/tokenboard/internal/freeport"
)

// Options say how the proxy is set up.
type Options struct {
	Address       string        // a free one where empty
	Key           string        // the management key; without one there is no management API
	Delay         time.Duration // what a check of the key takes (bcrypt)
	Release       string        // of the version headers
	Retention     time.Duration // 60 s where 0
	StatisticsOff bool          // usage-statistics-enabled is false
	NoRESP        bool          // v7.1.17, v8: ERR RESP AUTH disabled
	NoCounters    bool          // versions before v7
	OnlyV8        bool          // serves the queue under /v8 only
	Keys          []string      // the client keys
}

const (
	wrongKeysAllowed = 5
	subscriberSlots  = 256
)

// Proxy is a running stand-in.
type Proxy struct {
	t       testing.TB
	address string

	mu          sync.Mutex
	o           Options
	listener    net.Listener
	server      *http.Server
	conns       map[net.Conn]bool
	running     sync.WaitGroup
	queue       []item
	subscribers map[chan string]bool
	pops        [][]string
	pulls       int // also those that gave nothing
	asked       int // requests with any key
	wrong       int
	banned      bool
	attempts    int64
	cut         int // the next answer breaks off after so many bytes
	fail        int // the next so many management requests answer 500
	changes     []string
}

type item struct {
	event string
	at    time.Time
}

// Start starts a proxy that ends with the test.
func Start(t testing.TB, o Options) *Proxy {
	t.Helper()
	if o.Retention == 0 {
		o.Retention = time.Minute
	}
	p := &Proxy{t: t, o: o, address: o.Address}
	p.Up()
	t.Cleanup(p.Down)
	return p
}

// URL is the proxy's address.
func (p *Proxy) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "http://" + p.address
}

// Up starts the proxy after Down, at the same address, with the same client keys, an empty queue, and counters at zero.
func (p *Proxy) Up() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return
	}
	var l net.Listener
	var err error
	if p.address == "" {
		l, err = freeport.Listen() // a port that stays free while it is down
	} else {
		l, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.address)
	}
	if err != nil {
		p.t.Fatalf("start the proxy: %v", err)
	}
	p.address = l.Addr().String()
	p.listener, p.conns, p.subscribers, p.queue = l, map[net.Conn]bool{}, map[chan string]bool{}, nil
	p.attempts = 0
	web := &connections{ready: make(chan net.Conn), closed: make(chan struct{}), address: l.Addr()}
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: 10 * time.Second}
	p.running.Add(2)
	go func(s *http.Server) {
		defer p.running.Done()
		_ = s.Serve(web)
	}(p.server)
	go func() {
		defer p.running.Done()
		p.accept(l, web)
	}()
}

// Down stops the proxy: connections break, the queue is lost.
func (p *Proxy) Down() {
	p.mu.Lock()
	if p.listener == nil {
		p.mu.Unlock()
		return
	}
	_ = p.listener.Close()
	_ = p.server.Close()
	for c := range p.conns {
		_ = c.Close()
	}
	p.dropSubscribers()
	p.listener, p.queue = nil, nil
	p.mu.Unlock()
	p.running.Wait()
}

// accept distinguishes HTTP and the Redis protocol by the first byte, as the proxy does.
func (p *Proxy) accept(l net.Listener, web *connections) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns[c] = true
		p.mu.Unlock()
		p.running.Add(1)
		go func() {
			defer p.running.Done()
			r := bufio.NewReader(c)
			first, err := r.Peek(1)
			if err != nil {
				_ = c.Close()
				return
			}
			if first[0] == '*' {
				p.redis(c, r)
				return
			}
			web.add(peeked{c, r})
		}()
	}
}

// Set changes how the proxy is set up, as by editing its configuration.
func (p *Proxy) Set(change func(*Options)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.o)
}

// Emit does what the proxy does when attempts end: each event goes to the subscribers, or else into the
// queue.
func (p *Proxy) Emit(events ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range events {
		p.attempts++
		if p.o.StatisticsOff || p.o.Key == "" || p.listener == nil {
			continue
		}
		if len(p.subscribers) > 0 {
			for s := range p.subscribers {
				select {
				case s <- e:
				default: // it is too slow, and dropped without more ado
					delete(p.subscribers, s)
					close(s)
				}
			}
			continue
		}
		p.prune()
		p.queue = append(p.queue, item{e, time.Now()})
	}
}

func (p *Proxy) prune() {
	limit := time.Now().Add(-p.o.Retention)
	p.queue = slices.DeleteFunc(p.queue, func(i item) bool { return i.at.Before(limit) })
}

func (p *Proxy) dropSubscribers() {
	for s := range p.subscribers {
		delete(p.subscribers, s)
		close(s)
	}
}

// Pops returns how many events each pull that was not empty removed.
func (p *Proxy) Pops() [][]string { p.mu.Lock(); defer p.mu.Unlock(); return slices.Clone(p.pops) }

// Pulls counts the requests for the queue.
func (p *Proxy) Pulls() int { p.mu.Lock(); defer p.mu.Unlock(); return p.pulls }

// Asked counts all requests that came with a management key, right or wrong.
func (p *Proxy) Asked() int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked }

// Banned reports whether the client has sent too many wrong keys.
func (p *Proxy) Banned() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.banned }

// Queued counts the events in the queue.
func (p *Proxy) Queued() int { p.mu.Lock(); defer p.mu.Unlock(); p.prune(); return len(p.queue) }

// Subscribers counts who is subscribed.
func (p *Proxy) Subscribers() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.subscribers) }

// ClientKeys returns the client keys.
func (p *Proxy) ClientKeys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.o.Keys)
}

// Changes returns the length of the list of client keys after each change of it.
func (p *Proxy) Changes() []string { p.mu.Lock(); defer p.mu.Unlock(); return slices.Clone(p.changes) }

// CutNext makes the next answer with events break off after so many bytes.
func (p *Proxy) CutNext(bytes int) { p.mu.Lock(); defer p.mu.Unlock(); p.cut = bytes }

// FailNext makes the next n management requests answer HTTP 500.
func (p *Proxy) FailNext(n int) { p.mu.Lock(); defer p.mu.Unlock(); p.fail = n }

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" {
		p.models(w, r)
		return
	}
	if !strings.HasPrefix(r.URL.Path, "/v0/management/") && !strings.HasPrefix(r.URL.Path, "/v8/management/") {
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	o := p.o
	p.mu.Unlock()
	if o.Key == "" {
		http.NotFound(w, r)
		return
	}
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if key == "" {
		key = r.Header.Get("X-Management-Key")
	}
	if status := p.check(key); status != http.StatusOK {
		answer(w, status, map[string]string{"error": "invalid management key " + key})
		return
	}
	if o.Release != "" {
		w.Header().Set("X-Cpa-Version", o.Release)
		w.Header().Set("X-Cpa-Commit", "c0ffee")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail > 0 {
		p.fail--
		answer(w, http.StatusInternalServerError, map[string]string{"error": "failed"})
		return
	}
	p.manage(w, r)
}

// check pays for bcrypt and counts wrong keys.
func (p *Proxy) check(key string) int {
	p.mu.Lock()
	delay := p.o.Delay
	p.asked++
	banned := p.banned
	p.mu.Unlock()
	if banned {
		return http.StatusForbidden
	}
	time.Sleep(delay)
	p.mu.Lock()
	defer p.mu.Unlock()
	if key == p.o.Key {
		return http.StatusOK
	}
	p.wrong++
	p.banned = p.wrong >= wrongKeysAllowed
	return http.StatusUnauthorized
}

func (p *Proxy) manage(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/v0/management/usage-queue" && !p.o.OnlyV8 && r.Method == http.MethodGet,
		path == "/v8/management/observability/usage/queue" && p.o.OnlyV8 && r.Method == http.MethodGet:
		p.pop(w, r)
	case path == "/v0/management/usage-statistics-enabled" && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]bool{"usage-statistics-enabled": !p.o.StatisticsOff})
	case path == "/v0/management/usage-statistics-enabled" && r.Method == http.MethodPut:
		var body struct{ Value *bool }
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Value == nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid body"})
			return
		}
		p.o.StatisticsOff = !*body.Value
		ok(w)
	case path == "/v0/management/api-key-usage" && !p.o.NoCounters && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"fakeup": map[string]any{"http://upstream|up-key-secret": map[string]any{
			"success": p.attempts, "failed": 0, "recent_requests": []any{map[string]any{"success": p.attempts, "failed": 0}}}}})
	case path == "/v0/management/auth-files" && !p.o.NoCounters && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"files": []any{}})
	case path == "/v0/management/api-keys":
		p.clientKeys(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Proxy) pop(w http.ResponseWriter, r *http.Request) {
	p.pulls++
	n := 1
	if text := r.URL.Query().Get("count"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n <= 0 {
			answer(w, http.StatusBadRequest, map[string]string{"error": "count must be a positive integer"})
			return
		}
	}
	p.prune()
	n = min(n, len(p.queue))
	events := make([]string, n)
	for i := range events {
		events[i] = p.queue[i].event
	}
	p.queue = slices.Clone(p.queue[n:])
	if n > 0 {
		p.pops = append(p.pops, events)
	}
	body := "[" + strings.Join(events, ",") + "]"
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if p.cut > 0 && n > 0 {
		body, p.cut = body[:min(p.cut, len(body))], 0 // and the server closes the connection
	}
	_, _ = w.Write([]byte(body))
}

func (p *Proxy) clientKeys(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		answer(w, http.StatusOK, map[string][]string{"api-keys": p.o.Keys})
		return
	case http.MethodPatch:
		var body struct{ Old, New *string }
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Old == nil || body.New == nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid body"})
			return
		}
		if i := slices.Index(p.o.Keys, *body.Old); i >= 0 {
			p.o.Keys[i] = *body.New
		} else {
			p.o.Keys = append(p.o.Keys, *body.New)
		}
	case http.MethodDelete:
		value := r.URL.Query().Get("value")
		p.o.Keys = slices.DeleteFunc(p.o.Keys, func(k string) bool { return k == value })
	case http.MethodPut:
		var body struct{ Items []string }
		if json.NewDecoder(r.Body).Decode(&body) != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": "invalid body"})
			return
		}
		p.o.Keys = body.Items
	default:
		http.NotFound(w, r)
		return
	}
	p.changes = append(p.changes, strconv.Itoa(len(p.o.Keys)))
	ok(w)
}

// models is open to everybody who has a client key, or to all where there is none.
func (p *Proxy) models(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if len(p.o.Keys) > 0 && !slices.Contains(p.o.Keys, key) {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "Invalid API key"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"object": "list", "data": []any{}})
}

func ok(w http.ResponseWriter) { answer(w, http.StatusOK, map[string]string{"status": "ok"}) }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
