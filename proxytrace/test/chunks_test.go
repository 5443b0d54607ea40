package test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// script is a handler that reads its request and sends an answer in given pieces.
func script(c *answers.Case, coding string, pieces [][]byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", c.Kind)
		if coding != "" {
			w.Header().Set("Content-Encoding", header(coding))
		}
		for i := 0; i+1 < len(c.Headers); i += 2 {
			w.Header().Set(c.Headers[i], c.Headers[i+1])
		}
		w.Header().Set("Trailer", "X-Sum")
		if c.Status != 0 {
			w.WriteHeader(c.Status)
		}
		for _, p := range pieces {
			_, _ = w.Write(p)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Sum", "trailer")
	})
}

// replay answers a case in pieces through Middleware and Transport, in memory, and requires that the
// bytes are the same and both spans are right.
func replay(t testing.TB, c *answers.Case, coding string, pieces [][]byte) {
	t.Helper()
	s := newSpans(t)
	h := proxytrace.Middleware(script(c, coding, pieces), proxytrace.WithTracerProvider(s.provider))
	r := requestOf(c, c.Path)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	want := bytes.Join(pieces, nil)
	require.True(t, bytes.Equal(want, w.Body.Bytes()), "bytes changed")
	require.Equal(t, c.Want, recordedBy(s.only(t, 1)))

	s = newSpans(t)
	out := proxytrace.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		require.NoError(t, err)
		h := http.Header{"Content-Type": {c.Kind}}
		for i := 0; i+1 < len(c.Headers); i += 2 {
			h.Set(c.Headers[i], c.Headers[i+1])
		}
		if coding != "" {
			h.Set("Content-Encoding", header(coding))
		}
		return &http.Response{StatusCode: max(c.Status, 200), Header: h, Body: io.NopCloser(&piecewise{pieces: pieces})}, nil
	}), proxytrace.WithTracerProvider(s.provider))
	r = requestOf(c, "http://upstream.example"+c.Path)
	res, err := out.RoundTrip(r)
	require.NoError(t, err)
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.True(t, bytes.Equal(want, got), "bytes changed")
	require.Equal(t, c.Want, recordedBy(s.only(t, 1)))
}

// requestOf makes the request of a case.
func requestOf(c *answers.Case, target string) *http.Request {
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, target, strings.NewReader(c.Request))
	if c.RequestKind != "" {
		r.Header.Set("Content-Type", c.RequestKind)
	}
	return r
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// piecewise reads as a connection does that brings one piece at a time.
type piecewise struct{ pieces [][]byte }

func (p *piecewise) Read(b []byte) (int, error) {
	for len(p.pieces) > 0 && len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.pieces[0])
	p.pieces = append([][]byte{p.pieces[0][n:]}, p.pieces[1:]...)
	return n, nil
}

func singly(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// TestCodings answers every case whole and byte by byte in every content coding.
func TestCodings(t *testing.T) {
	for i := range answers.Cases {
		c := &answers.Cases[i]
		for _, coding := range codings {
			t.Run(fmt.Sprint(c.Name, "/", coding), func(t *testing.T) {
				body := packed(t, coding, c.Body)
				replay(t, c, coding, [][]byte{body})
				replay(t, c, coding, singly(body))
			})
		}
	}
}

// TestEveryBoundary cuts every answer in two at every place.
func TestEveryBoundary(t *testing.T) {
	for i := range answers.Cases {
		c := &answers.Cases[i]
		t.Run(c.Name, func(t *testing.T) {
			for _, coding := range []string{"", "gzip"} {
				body := packed(t, coding, c.Body)
				for at := 1; at < len(body); at++ {
					replay(t, c, coding, [][]byte{body[:at], body[at:]})
				}
			}
		})
	}
}

// FuzzChunks cuts an answer anywhere, and changes it: what passes is what came, whatever it is, and
// what is recorded does not depend on how it was cut.
func FuzzChunks(f *testing.F) {
	for i := range answers.Cases {
		f.Add(uint8(i), []byte(answers.Cases[i].Body), uint64(i), uint8(i%len(codings)))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte, seed uint64, coding uint8) {
		c := answers.Cases[int(which)%len(answers.Cases)]
		code := codings[int(coding)%len(codings)]
		if seed%4 != 0 { // the fourth is garbage under the header of a coding
			body = packed(t, code, string(body))
		}
		whole := observe(t, &c, code, [][]byte{body})
		rng := rand.New(rand.NewPCG(seed, 1))
		var pieces [][]byte
		for rest := body; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 1+rng.IntN(200)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		require.Equal(t, whole, observe(t, &c, code, pieces))
	})
}

// observe passes an answer through Middleware and returns what was recorded.
func observe(t *testing.T, c *answers.Case, coding string, pieces [][]byte) answers.Recorded {
	s := newSpans(t)
	w := httptest.NewRecorder()
	r := requestOf(c, c.Path)
	proxytrace.Middleware(script(c, coding, pieces), proxytrace.WithTracerProvider(s.provider)).ServeHTTP(w, r)
	require.True(t, bytes.Equal(bytes.Join(pieces, nil), w.Body.Bytes()), "bytes changed")
	got := recordedBy(s.only(t, 1))
	for _, n := range []int64{got.Input, got.Output, got.Read, got.Write, got.Reasoning} {
		require.GreaterOrEqual(t, n, answers.Unknown)
	}
	return got
}
