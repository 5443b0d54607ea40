// Package coalesce has requests that ask the same at one time share one computation.
package coalesce

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/compress"
	"github.com/tokenboard/tokenboard/internal/console/gate"
)

// Many pages that show the same data request it at the same moments. Equal reads that wait at the same
// time share one answer. No request gets an answer that was computed before the request arrived: if it finds a
// computation under way, it waits for it to end, and shares the next one with all requests that arrived meanwhile.

// sharedReads begin the paths of routes whose answers depend on nothing but the address and on what
// the principal may see.
var sharedReads = []string{"/stats", "/usage-trend", "/logs", "/breakdown", "/dimensions/", "/quality", "/forecast", "/changes", "/bills"}

// sharedWait bounds the work on one shared answer: it goes on when the request that began it is cut off.
const sharedWait = time.Minute

// The work is cancelled when the last client that waits for it has disconnected. A large answer keeps its
// slot in the gate of reads until all clients have read it or disconnected: it is in memory until then.

// coalescer shares answers.
type coalescer struct {
	gate  *gate.Gate
	mu    sync.Mutex
	reads map[sharedKey]*sharedRead
}

// sharedKey identifies reads with equal answers.
type sharedKey struct {
	address string
	scope   string // id of a principal that sees only its own, else its role
}

// sharedRead has the reads of one key: the one under way, and the one that requests since its start wait for.
type sharedRead struct{ now, next *sharedAnswer }

type sharedAnswer struct {
	done   chan struct{} // closed when the rest is there
	status int
	header http.Header
	body   bytes.Buffer

	ctx    context.Context //nolint:containedctx // of the work, which is that of several requests
	cancel func()
	// Under the coalescer's lock:
	shared int    // requests that wait for it or read it
	leave  func() // frees the slot in the gate; nil where none is held
	// An answer that many clients share is compressed once.
	gzip, brotli func() []byte
}

// in returns the answer in a coding, and the coding; as it is where that is not worth while.
func (a *sharedAnswer) in(coding string) ([]byte, string) {
	if a.body.Len() < compress.Worthwhile || !compress.IsCompressible(a.header.Get("Content-Type")) {
		return a.body.Bytes(), ""
	}
	switch coding {
	case "br":
		return a.brotli(), coding
	case "gzip":
		return a.gzip(), coding
	}
	return a.body.Bytes(), ""
}

// largeAnswer is the size in bytes from which an answer keeps its slot until it was read.
const largeAnswer = 64 << 10

// answerStall bounds how long a client may take to read an answer.
const answerStall = 30 * time.Second

func (a *sharedAnswer) Header() http.Header { return a.header }

func (a *sharedAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *sharedAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// newSharedAnswer is worked on for as long as somebody waits, with the values of the context.
func newSharedAnswer(ctx context.Context) *sharedAnswer {
	a := &sharedAnswer{done: make(chan struct{}), header: http.Header{}}
	a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	a.gzip = sync.OnceValue(func() []byte { return compress.Encoded(a.body.Bytes(), "gzip") })
	a.brotli = sync.OnceValue(func() []byte { return compress.Encoded(a.body.Bytes(), "br") })
	return a
}

// New returns a coalescer whose computations take places of a gate.
func New(reads *gate.Gate) *coalescer {
	return &coalescer{gate: reads, reads: map[sharedKey]*sharedRead{}}
}

// Share shares the answers of a handler.
func (g *coalescer) Share(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := access.From(r.Context())
		if !isShared(r) || p.Role == access.Nobody {
			next.ServeHTTP(w, r)
			return
		}
		k := sharedKey{address: r.URL.RequestURI(), scope: "role " + p.Role.String()}
		if p.OwnOnly() {
			k.scope = "own " + p.ID + " " + p.Name
		}
		a, left := g.Answer(k, next, r)
		defer left()
		if a == nil {
			return // the client is gone
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerStall)) // not every server has deadlines
		maps.Copy(w.Header(), a.header)
		body, coding := a.in(compress.BestCoding(r.Header.Get("Accept-Encoding")))
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(body) //nolint:gosec // an answer of the API, JSON and nosniff; a client that is gone needs no answer
	})
}

func isShared(r *http.Request) bool {
	path, ours := strings.CutPrefix(r.URL.Path, api.Base)
	if r.Method != http.MethodGet || !ours || path == "/logs/stream" || path == "/breakdown/export" || path == "/bills/export" { // these are written piece by piece
		return false
	}
	for _, s := range sharedReads {
		if path == s || (strings.HasPrefix(path, s) && (strings.HasSuffix(s, "/") || path[len(s)] == '/')) {
			return true
		}
	}
	return false
}

// join counts one more request that waits for an answer. left counts it out: when it has read the
// answer, or its client is gone. The caller holds the lock.
func (g *coalescer) join(ctx context.Context, a *sharedAnswer) (left func()) {
	a.shared++
	out := sync.OnceFunc(func() {
		g.mu.Lock()
		a.shared--
		last, leave := a.shared == 0, a.leave
		if last {
			a.leave = nil
		}
		g.mu.Unlock()
		if last {
			a.cancel()
			if leave != nil {
				leave()
			}
		}
	})
	stop := context.AfterFunc(ctx, out)
	return func() { stop(); out() }
}

// Answer returns a request's answer; nil where the request ended before. left is called when the request
// needs the answer no more.
func (g *coalescer) Answer(k sharedKey, next http.Handler, r *http.Request) (a *sharedAnswer, left func()) {
	g.mu.Lock()
	read := g.reads[k]
	if read == nil {
		a = newSharedAnswer(r.Context())
		read = &sharedRead{now: a}
		g.reads[k] = read
		left = g.join(r.Context(), a)
		g.mu.Unlock()
		g.work(k, read, next, r)
		return a, left
	}
	before, first := read.now, false
	if a = read.next; a == nil || a.shared == 0 { // of one that all have left, whoever was first has to be too late
		a, first = newSharedAnswer(r.Context()), true
		read.next = a
	}
	left = g.join(r.Context(), a)
	g.mu.Unlock()
	if first { // the first one works for those that arrive meanwhile, even after its own client has gone
		<-before.done
		g.mu.Lock()
		due := read.now == a
		g.mu.Unlock()
		if !due {
			return nil, left // all had left
		}
		g.work(k, read, next, r)
		return a, left
	}
	select {
	case <-a.done:
		return a, left
	case <-r.Context().Done():
		return nil, left
	}
}

// work works out the answer that is due, and hands over to the next.
func (g *coalescer) work(k sharedKey, read *sharedRead, next http.Handler, r *http.Request) {
	a := read.now
	ctx, cancel := context.WithTimeout(a.ctx, sharedWait)
	defer cancel()
	var leave func()
	defer func() { // also after a panic, which net/http reports: nobody must wait for ever
		if a.status == 0 {
			api.WriteProblem(a, http.StatusInternalServerError, "the answer could not be worked out; the collector's log says why")
		}
		g.mu.Lock()
		if a.shared > 0 && a.body.Len() > largeAnswer {
			a.leave, leave = leave, nil
		}
		if read.now, read.next = read.next, nil; read.now == nil || read.now.shared == 0 {
			read.now = nil
			delete(g.reads, k)
		}
		g.mu.Unlock()
		close(a.done)
		if leave != nil {
			leave()
		}
	}()
	var err error
	if leave, err = g.gate.Enter(ctx, gate.ShareOf(access.From(ctx))); err != nil {
		gate.Crowded(a)
		return
	}
	next.ServeHTTP(a, r.Clone(ctx))
}
