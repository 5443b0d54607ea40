package compress

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// An answer in JSON says the same names again and again, and compressed it is a tenth as long. The levels
// are those that cost less time than the network saves: an answer is compressed once and read once.
const (
	answerGzip   = 5
	answerBrotli = 4
)

// Worthwhile is the bytes from which on compressing saves a packet.
const Worthwhile = 1 << 10

// encoders are kept for the next answer: each has tables of some hundred kilobytes.
var encoders = map[string]*sync.Pool{
	"gzip": {New: func() any { z, _ := gzip.NewWriterLevel(io.Discard, answerGzip); return z }}, // the level is one that there is
	"br":   {New: func() any { return brotli.NewWriterLevel(io.Discard, answerBrotli) }},
}

type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// JSON compresses the API's JSON answers to reads. Answers that are sent piece by piece for as long as a reader listens
// (events, lines) are not compressed. Answers to writes are not either: they may hold a secret, whose length
// compression would reveal to anyone who can place a guess next to it.
func JSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coding := BestCoding(r.Header.Get("Accept-Encoding"))
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, api.Base+"/") {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressing{ResponseWriter: w, coding: coding}
		next.ServeHTTP(c, r)
		c.end() // not after a panic: the client must not take half an answer for a whole one
	})
}

// IsCompressible reports whether an answer of a content type is JSON as a whole.
func IsCompressible(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// Encoded compresses a whole answer.
func Encoded(b []byte, coding string) []byte {
	pool := encoders[coding]
	e, _ := pool.Get().(encoder)
	defer pool.Put(e)
	var out bytes.Buffer
	e.Reset(&out)
	_, _ = e.Write(b) // to memory
	_ = e.Close()
	return out.Bytes()
}

// compressing compresses what is written to it if it is JSON and long enough. It keeps the beginning back until
// that is decided.
type compressing struct {
	http.ResponseWriter
	coding  string
	status  int    // 0: not said yet
	held    []byte // the beginning, as long as it may be too short to compress
	decided bool
	encoder encoder // nil: as it is
}

// Unwrap is for http.ResponseController.
func (c *compressing) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *compressing) WriteHeader(status int) {
	if status < http.StatusOK { // informational: the answer is still to come
		c.ResponseWriter.WriteHeader(status)
		return
	}
	if c.status != 0 {
		return
	}
	c.status = status
	h := c.Header()
	if !IsCompressible(h.Get("Content-Type")) {
		c.pass()
		return
	}
	h.Add("Vary", "Accept-Encoding")
	if c.coding == "" || h.Get("Content-Encoding") != "" || status == http.StatusNoContent || status == http.StatusNotModified {
		c.pass()
	}
}

// pass lets the answer go as it is.
func (c *compressing) pass() {
	c.decided = true
	c.ResponseWriter.WriteHeader(c.status)
}

// begin compresses from here on.
func (c *compressing) begin() {
	c.decided = true
	h := c.Header()
	h.Set("Content-Encoding", c.coding)
	h.Del("Content-Length")
	c.ResponseWriter.WriteHeader(c.status)
	c.encoder, _ = encoders[c.coding].Get().(encoder)
	c.encoder.Reset(c.ResponseWriter)
}

func (c *compressing) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	if !c.decided {
		if len(c.held)+len(b) < Worthwhile {
			c.held = append(c.held, b...)
			return len(b), nil
		}
		c.begin()
		if _, err := c.encoder.Write(c.held); err != nil {
			return 0, err
		}
		c.held = nil
	}
	if c.encoder != nil {
		return c.encoder.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// FlushError sends what was written so far.
func (c *compressing) FlushError() error {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	c.short()
	if c.encoder != nil {
		if err := c.encoder.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Flush is FlushError for those who ask for an http.Flusher.
func (c *compressing) Flush() { _ = c.FlushError() }

// short sends a beginning that was kept back as it is.
func (c *compressing) short() {
	if !c.decided {
		c.pass()
		_, _ = c.ResponseWriter.Write(c.held) // a client that is gone needs no answer
		c.held = nil
	}
}

// end sends the rest.
func (c *compressing) end() {
	if c.status == 0 {
		return // nothing was answered: the client is gone
	}
	c.short()
	if c.encoder != nil {
		_ = c.encoder.Close()
		c.encoder.Reset(io.Discard)
		encoders[c.coding].Put(c.encoder)
	}
}
