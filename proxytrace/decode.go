package proxytrace

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

// writer takes a body as it passes. Its write must not keep p, and cannot fail: whatever a body is,
// it passes on unchanged.
type writer interface {
	write(p []byte)
}

// maxDecoded is how much of a compressed body is looked at, so that a small body that unpacks to
// much cannot hold up a call.
const maxDecoded = 256 << 20

// zstdWindow is what a body sent over HTTP may ask for, RFC 9659.
const zstdWindow = 8 << 20

// decoder unpacks a copy of a compressed body as it passes. Close ends it.
type decoder struct {
	pipe *io.PipeWriter
	done chan struct{}
	over bool // the rest cannot be unpacked
}

// decoding gives a writer that unpacks for to, and what must be closed in the end. A coding that
// nobody here knows leaves nothing to look at.
func decoding(encoding string, to writer) (writer, io.Closer) {
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
		err := unpack(encoding, r, to)
		_ = r.CloseWithError(err) // from here on nothing is taken
	}()
	return d, d
}

func (d *decoder) write(p []byte) {
	if d.over {
		return
	}
	_, err := d.pipe.Write(p)
	d.over = err != nil
}

// Close waits until all that was written has been looked at.
func (d *decoder) Close() error {
	err := d.pipe.Close()
	<-d.done
	return err
}

var errEnough = errors.New("enough was looked at")

func unpack(encoding string, r io.Reader, to writer) error {
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
		to.write(buf[:n])
		seen += n
		if err != nil {
			return err
		}
	}
	return errEnough
}
