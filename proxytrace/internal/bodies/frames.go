package bodies

import (
	"encoding/binary"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// Frames reads the frames that the server of a WebSocket sends, and passes the text of their messages to a scanner.
// Compressed messages are not read: the state of the compression is not kept.
// https://www.rfc-editor.org/rfc/rfc6455#section-5.2
type Frames struct {
	scan    *jsonscan.Scanner
	message func()

	head    []byte // of the current frame
	left    uint64 // bytes of its payload to come
	payload bool   // the head is complete
	broken  bool
}

// NewFrames returns a reader of a connection that calls message at the end of each message.
func NewFrames(scan *jsonscan.Scanner, message func()) *Frames {
	return &Frames{scan: scan, message: message}
}

const longestFrameHead = 10 // of frames that are not masked

// Feed reads the next piece.
func (f *Frames) Feed(p []byte) {
	for len(p) > 0 && !f.broken {
		if !f.payload {
			f.head = append(f.head, p[0])
			p = p[1:]
			f.beginFrame()
			continue
		}
		n := int(min(f.left, uint64(len(p))))
		if f.data() {
			f.scan.Feed(p[:n])
		}
		p = p[n:]
		f.left -= uint64(n)
		f.endFrame()
	}
}

// data reports whether the frame is a part of a message, and not one that controls the connection.
func (f *Frames) data() bool { return f.head[0]&0x0f < 8 }

// beginFrame reads a frame's head, once it is complete.
func (f *Frames) beginFrame() {
	if len(f.head) < 2 {
		return
	}
	size, need := uint64(f.head[1]&0x7f), 2
	switch size {
	case 126:
		need = 4
	case 127:
		need = longestFrameHead
	}
	if f.head[1]&0x80 != 0 || f.head[0]&0x70 != 0 { // masked, or compressed
		f.broken = true
		return
	}
	if len(f.head) < need {
		return
	}
	switch need {
	case 4:
		size = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case longestFrameHead:
		size = binary.BigEndian.Uint64(f.head[2:])
	}
	if kind := f.head[0] & 0x0f; kind == 1 || kind == 2 {
		f.scan.Reset()
	}
	f.left, f.payload = size, true
	f.endFrame()
}

// endFrame handles the end of a frame, once it has come.
func (f *Frames) endFrame() {
	if f.left > 0 {
		return
	}
	if f.data() && f.head[0]&0x80 != 0 {
		f.message()
	}
	f.head, f.payload = f.head[:0], false
}
