package proxytrace

import (
	"io"
	"net/http"
	"sync"
)

// requestBody looks at a request's body as it is read.
type requestBody struct {
	encoding string
	kind     string // content type

	mu      sync.Mutex // a transport reads in a goroutine of its own, which may outlive the call
	round   int        // a body that is sent again is read anew
	reading requestReading
	scan    scanner
	in      writer
	close   io.Closer
	over    bool
}

// watchRequest puts itself between a request, which must be ours to change, and its body.
func watchRequest(r *http.Request) *requestBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &requestBody{encoding: r.Header.Get("Content-Encoding"), kind: r.Header.Get("Content-Type")}
	r.Body = b.begin(r.Body)
	if again := r.GetBody; again != nil {
		r.GetBody = func() (io.ReadCloser, error) {
			body, err := again()
			if err != nil {
				return nil, err
			}
			return b.begin(body), nil
		}
	}
	return b
}

// begin looks at a body from its beginning.
func (b *requestBody) begin(body io.ReadCloser) io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop()
	b.round++
	b.reading = requestReading{}
	b.scan = scanner{root: requestTree, sink: &b.reading}
	b.scan.reset()
	if !b.over {
		var in writer = &b.scan
		if f := newForm(b.kind, &b.reading); f != nil {
			in = f
		}
		b.in, b.close = decoding(b.encoding, in)
	}
	return &watchedBody{ReadCloser: body, of: b, round: b.round}
}

// stop waits until what was read has been looked at.
func (b *requestBody) stop() {
	if b.close != nil {
		_ = b.close.Close()
	}
	b.in, b.close = nil, nil
}

func (b *requestBody) read(round int, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if round == b.round && b.in != nil && len(p) > 0 {
		b.in.write(p)
	}
}

// finish gives what the request told.
func (b *requestBody) finish() requestReading {
	if b == nil {
		return requestReading{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop()
	b.over = true
	return b.reading
}

// watchedBody is a request's body that is looked at.
type watchedBody struct {
	io.ReadCloser
	of    *requestBody
	round int
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.of.read(w.round, p[:n])
	return n, err
}
