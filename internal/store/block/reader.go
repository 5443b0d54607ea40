package block

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// ErrDamaged reports bytes that this package did not write.
var ErrDamaged = errors.New("a block of records is damaged")

const (
	version     = 1 // of names, and of figures without inline texts and without service tiers
	checkedSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the padding and the checksum.
func seal(b []byte) []byte {
	b = append(b, make([]byte, padding)...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// unseal checks a string and returns a reader of what was sealed, the padding included.
func unseal(b []byte) (*reader, error) {
	end := len(b) - checkedSize
	if end < padding || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, ErrDamaged
	}
	return &reader{b: b[:end]}, nil
}

// reader reads what this package wrote. After anything else, bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return v
}

func (r *reader) varint() int64 {
	v, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return v
}

// take returns the next n bytes.
func (r *reader) take(n int) []byte {
	if n < 0 || len(r.b) < n {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// padded passes over n bytes and returns them with all that follows, which must be enough for bitsAt.
func (r *reader) padded(n int) []byte {
	if n < 0 || len(r.b) < n+padding {
		r.fail()
		return nil
	}
	out := r.b
	r.b = r.b[n:]
	return out
}

// section returns a reader of the next section; it must end before the padding.
func (r *reader) section() reader {
	size := r.uvarint()
	if size > uint64(len(r.b)) {
		r.fail()
		return reader{bad: true}
	}
	return reader{b: r.take(int(size))}
}
