package console

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
)

// Many pages that show the same thing ask for it at the same moments. Equal reads that wait at one
// time share one answer. No request is answered with what was worked out before it came: one that
// finds an answer being worked out waits for it to end, and shares the next with all who came meanwhile.

// sharedReads begin the paths of routes whose answers depend on nothing but the address and on what
// the principal may see.
var sharedReads = []string{"/stats", "/usage-trend", "/logs", "/breakdown", "/dimensions/", "/quality"}

// sharedWait bounds the work on one shared answer: it goes on when the request that began it is cut off.
const sharedWait = time.Minute

// coalescer shares answers.
type coalescer struct {
	mu    sync.Mutex
	reads map[sharedKey]*sharedRead
}

// sharedKey is what answers are the same for.
type sharedKey struct {
	address string
	scope   string // id of a principal that sees only its own, else its role
}

// sharedRead is the reads of one key: the one that is worked on, and the one that those wait for who came since.
type sharedRead struct{ now, next *sharedAnswer }

type sharedAnswer struct {
	done   chan struct{} // closed when the rest is there
	status int
	header http.Header
	body   bytes.Buffer
	shared int // requests that wait for it, while it is the next
	// What many clients share is compressed once.
	gzip, brotli func() []byte
}

// in gives the answer in a coding, and the coding; as it is where that is not worth while.
func (a *sharedAnswer) in(coding string) ([]byte, string) {
	if a.body.Len() < worthwhile || !isCompressible(a.header.Get("Content-Type")) {
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

func newSharedAnswer() *sharedAnswer {
	a := &sharedAnswer{done: make(chan struct{}), header: http.Header{}}
	a.gzip = sync.OnceValue(func() []byte { return encoded(a.body.Bytes(), "gzip") })
	a.brotli = sync.OnceValue(func() []byte { return encoded(a.body.Bytes(), "br") })
	return a
}

func newCoalescer() *coalescer { return &coalescer{reads: map[sharedKey]*sharedRead{}} }

// share shares the answers of a handler.
func (g *coalescer) share(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isShared(r) {
			next.ServeHTTP(w, r)
			return
		}
		p := access.From(r.Context())
		k := sharedKey{address: r.URL.RequestURI(), scope: "role " + p.Role.String()}
		if p.OwnOnly() {
			k.scope = "own " + p.ID + " " + p.Name
		}
		a := g.answer(k, next, r)
		if a == nil {
			return // the client is gone
		}
		maps.Copy(w.Header(), a.header)
		body, coding := a.in(bestCoding(r.Header.Get("Accept-Encoding")))
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(body) // a client that is gone needs no answer
	})
}

func isShared(r *http.Request) bool {
	path, ours := strings.CutPrefix(r.URL.Path, base)
	if r.Method != http.MethodGet || !ours || path == "/logs/stream" || path == "/breakdown/export" { // these are written piece by piece
		return false
	}
	for _, s := range sharedReads {
		if path == s || (strings.HasPrefix(path, s) && (strings.HasSuffix(s, "/") || path[len(s)] == '/')) {
			return true
		}
	}
	return false
}

// answer gives a request's answer; nil where the request ended before.
func (g *coalescer) answer(k sharedKey, next http.Handler, r *http.Request) *sharedAnswer {
	g.mu.Lock()
	read := g.reads[k]
	if read == nil {
		read = &sharedRead{now: newSharedAnswer()}
		g.reads[k] = read
		g.mu.Unlock()
		return g.work(k, read, next, r)
	}
	before, own, first := read.now, read.next, false
	if own == nil {
		own, first = newSharedAnswer(), true
		read.next = own
	}
	own.shared++
	g.mu.Unlock()
	if first { // whoever comes first works for those who come meanwhile, also when it is gone itself
		<-before.done
		return g.work(k, read, next, r)
	}
	select {
	case <-own.done:
		return own
	case <-r.Context().Done():
		return nil
	}
}

// work works out the answer that is due, and hands over to the next.
func (g *coalescer) work(k sharedKey, read *sharedRead, next http.Handler, r *http.Request) *sharedAnswer {
	a := read.now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), sharedWait)
	defer cancel()
	defer func() { // also after a panic, which net/http reports: nobody must wait for ever
		if a.status == 0 {
			writeProblem(a, http.StatusInternalServerError, "the answer could not be worked out; the collector's log says why")
		}
		g.mu.Lock()
		if read.now, read.next = read.next, nil; read.now == nil {
			delete(g.reads, k)
		}
		g.mu.Unlock()
		close(a.done)
	}()
	next.ServeHTTP(a, r.Clone(ctx))
	return a
}
