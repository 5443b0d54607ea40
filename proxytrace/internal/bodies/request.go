package bodies

import (
	"io"
	"net/http"
	"sync"

	"github.com/tokenboard/tokenboard/proxytrace/internal/decode"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// Request reads the body of a request while it is sent.
type Request struct {
	encoding string
	kind     string // content type

	mu      sync.Mutex // a transport reads in a goroutine of its own, which may outlive the call
	round   int        // counts how often the body was begun: it can be sent again
	request llmapi.Request
	in      decode.Feeder
	close   io.Closer
	over    bool
}

// WatchRequest replaces the body of r by one that is read while it is sent. r is changed, and so must not be the caller's.
// The result is nil for a request without a body.
func WatchRequest(r *http.Request) *Request {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &Request{encoding: r.Header.Get("Content-Encoding"), kind: r.Header.Get("Content-Type")}
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

// begin returns a body that is read from its beginning.
func (b *Request) begin(body io.ReadCloser) io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop()
	b.round++
	b.request = llmapi.Request{}
	if !b.over {
		var in decode.Feeder = jsonscan.New(llmapi.RequestTree(), &b.request)
		if f := newForm(b.kind, &b.request); f != nil {
			in = f
		}
		b.in, b.close = decode.New(b.encoding, in)
	}
	return &watchedBody{ReadCloser: body, of: b, round: b.round}
}

// stop waits until the pieces that have come are read.
func (b *Request) stop() {
	if b.close != nil {
		_ = b.close.Close()
	}
	b.in, b.close = nil, nil
}

func (b *Request) read(round int, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if round == b.round && b.in != nil && len(p) > 0 {
		b.in.Feed(p)
	}
}

// Finish returns what was read of the body. Nothing is read afterwards.
func (b *Request) Finish() llmapi.Request {
	if b == nil {
		return llmapi.Request{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stop()
	b.over = true
	return b.request
}

// watchedBody is the body of a request, read while it is sent.
type watchedBody struct {
	io.ReadCloser
	of    *Request
	round int
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.of.read(w.round, p[:n])
	return n, err
}
