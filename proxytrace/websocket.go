package proxytrace

import (
	"encoding/binary"
)

// frames reads the frames of a WebSocket that come from its server, in pieces cut anywhere, and hands the text of
// their messages to a scanner. Compressed messages cannot be read: what they are compressed with is not kept.
// https://www.rfc-editor.org/rfc/rfc6455#section-5.2
type frames struct {
	scan    *scanner
	message func() // a message has ended

	head    []byte // of the current frame
	left    uint64 // bytes of its payload to come
	payload bool   // the payload is coming
	broken  bool
}

const longestFrameHead = 10 // of frames that are not masked

func (f *frames) write(p []byte) {
	for len(p) > 0 && !f.broken {
		if !f.payload {
			f.head = append(f.head, p[0])
			p = p[1:]
			f.begins()
			continue
		}
		n := int(min(f.left, uint64(len(p))))
		if f.data() {
			f.scan.write(p[:n])
		}
		p = p[n:]
		f.left -= uint64(n)
		f.ends()
	}
}

// data tells whether the frame is a part of a message, not of what controls the connection.
func (f *frames) data() bool { return f.head[0]&0x0f < 8 }

// begins takes a frame's head, if it is there.
func (f *frames) begins() {
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
		f.scan.reset()
	}
	f.left, f.payload = size, true
	f.ends()
}

// ends takes the end of a frame, if it is there.
func (f *frames) ends() {
	if f.left > 0 {
		return
	}
	if f.data() && f.head[0]&0x80 != 0 {
		f.message()
	}
	f.head, f.payload = f.head[:0], false
}
