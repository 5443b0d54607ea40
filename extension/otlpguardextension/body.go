package otlpguardextension

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/otlpsize"
)

const (
	firstPiece = 16 << 10
	nextPiece  = 64<<10 - 1
	// One byte more than a body of nextPiece has, to see its end.
	largestPiece = nextPiece + 1
)

// body holds a request's bytes as they came, in pieces, until the receiver has read them.
type body struct {
	guard  *guard
	pieces [][]byte
	read   int   // bytes of pieces[0] that the receiver has
	held   int64 // bytes of guard.receiving
	length int64
}

// receive reads and scans a body. It returns a refusal, or an error of reading it. Whatever it returns, the
// body must be closed.
func (b *body) receive(ctx context.Context, from io.Reader, length int64, s otlpsize.Scanner) (*refusal, error) {
	for {
		n := int64(firstPiece)
		switch {
		case len(b.pieces) > 0:
			n = nextPiece
		case length >= 0:
			n = min(length, nextPiece) + 1 // one more, to see the end
		}
		if !b.grow(ctx, n) {
			return b.guard.busy(), nil
		}
		piece := b.guard.newPiece(n)
		filled, err := io.ReadFull(from, piece)
		piece = piece[:filled]
		b.pieces = append(b.pieces, piece)
		if refused := b.guard.scan(s, piece, b.length); refused != nil {
			return b.guard.refuse(refused), nil
		}
		b.length += int64(filled)
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if err := s.Close(); err != nil {
				return b.guard.refuse(err), nil
			}
			return nil, nil
		default:
			return nil, err
		}
	}
}

// grow takes a share of what may be received. Only who holds nothing waits for it: otherwise all might wait
// for each other.
func (b *body) grow(ctx context.Context, n int64) bool {
	ok := b.held == 0 && b.guard.acquire(ctx, b.guard.receiving, n) || b.held > 0 && b.guard.receiving.TryAcquire(n)
	if ok {
		b.held += n
	}
	return ok
}

// newPiece returns n bytes of any content. Large pieces are used again: they would be a tenth of all that a
// request allocates.
func (g *guard) newPiece(n int64) []byte {
	if n < nextPiece {
		return make([]byte, n)
	}
	if p, ok := g.pieces.Get().(*[largestPiece]byte); ok {
		return p[:n]
	}
	return make([]byte, n, largestPiece)
}

// freePiece lets a piece be used again. Nothing may refer to it any more.
func (g *guard) freePiece(piece []byte) {
	if cap(piece) >= largestPiece {
		g.pieces.Put((*[largestPiece]byte)(piece[:largestPiece]))
	}
}

// Read copies bytes to the receiver, and frees what was read.
func (b *body) Read(p []byte) (n int, err error) {
	for len(b.pieces) > 0 && b.read == len(b.pieces[0]) {
		b.guard.freePiece(b.pieces[0])
		b.pieces[0] = nil
		b.pieces, b.read = b.pieces[1:], 0
	}
	if len(b.pieces) == 0 {
		_ = b.Close() // returns no error
		return 0, io.EOF
	}
	n = copy(p, b.pieces[0][b.read:])
	b.read += n
	return n, nil
}

// Close frees what was not read, and returns the share.
func (b *body) Close() error {
	for _, piece := range b.pieces {
		b.guard.freePiece(piece)
	}
	b.pieces, b.read = nil, 0
	if b.held > 0 {
		b.guard.receiving.Release(b.held)
		b.held = 0
	}
	return nil
}

var _ io.ReadCloser = (*body)(nil)

// unreadable says why a body could not be read.
func unreadable(err error) *refusal {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &refusal{
			reason: "memory", http: http.StatusRequestEntityTooLarge,
			message: "the body is larger than max_request_body_size of the receiver; send smaller batches, or raise it",
		}
	}
	return &refusal{reason: "malformed", http: http.StatusBadRequest, message: "the body cannot be read: " + err.Error()}
}
