// Package decode decompresses a copy of a body while the body passes.
package decode

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Feeder reads a body in pieces. Feed must not keep p, and cannot fail: the body itself passes unchanged, whatever it is.
type Feeder interface {
	Feed(p []byte)
}

// maxDecoded is how many bytes of a decompressed body are read, so that a small body that decompresses to a large one
// cannot delay a call.
const maxDecoded = 256 << 20

// zstdWindow is the window that a body sent over HTTP may use, RFC 9659.
const zstdWindow = 8 << 20

// decoder decompresses a copy of a body in a goroutine of its own, which ends with Close.
type decoder struct {
	pipe *io.PipeWriter
	done chan struct{}
	over bool // the rest cannot be decompressed
}

// New returns a feeder for the pieces of a body with a content coding (gzip, deflate, br, zstd, identity or ""), which
// passes the decompressed bytes to to. The closer, nil where nothing is to be closed, waits until all of them have been
// passed. Both are nil for an unsupported coding.
func New(encoding string, to Feeder) (Feeder, io.Closer) {
	encoding = strings.ToLower(strings.TrimSpace(encoding))
	switch encoding {
	case "", "identity":
		return to, nil
	case "gzip", "x-gzip", "deflate", "br", "zstd":
	default:
		return nil, nil
	}
	r, w := io.Pipe()
	d := &decoder{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		err := decompress(encoding, r, to)
		_ = r.CloseWithError(err) // further writes fail
	}()
	return d, d
}

func (d *decoder) Feed(p []byte) {
	if d.over {
		return
	}
	_, err := d.pipe.Write(p)
	d.over = err != nil
}

// Close waits until all pieces have been decompressed and passed on.
func (d *decoder) Close() error {
	err := d.pipe.Close()
	<-d.done
	return err
}

var errTooLarge = errors.New("the decompressed body is too large to be read")

func decompress(encoding string, r io.Reader, to Feeder) error {
	var body io.Reader
	switch encoding {
	case "br":
		body = brotli.NewReader(r)
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		body = z
	case "deflate":
		buffered := bufio.NewReader(r)
		head, err := buffered.Peek(2)
		if err != nil {
			return err
		}
		if head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
			z, err := zlib.NewReader(buffered)
			if err != nil {
				return err
			}
			body = z
		} else { // some servers send it without the header
			body = flate.NewReader(buffered)
		}
	default:
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		body = z
	}
	buf := make([]byte, 16<<10)
	for seen := 0; seen < maxDecoded; {
		n, err := body.Read(buf)
		to.Feed(buf[:n])
		seen += n
		if err != nil {
			return err
		}
	}
	return errTooLarge
}
