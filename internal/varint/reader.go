// Package varint reads integers of variable length from bytes that may be damaged: nothing is read beyond their end, and
// one look at the end says whether all of it was there.
package varint

import "encoding/binary"

// Reader reads what encoding/binary's Append functions wrote. After anything else Bad is set, B is empty, and every
// further number is 0.
type Reader struct {
	B   []byte // what is left
	Bad bool
}

// Fail notes that the bytes are damaged.
func (r *Reader) Fail() { r.B, r.Bad = nil, true }

// Varint returns the next signed integer.
func (r *Reader) Varint() int64 {
	if len(r.B) > 0 && r.B[0] < 0x80 { // as most are
		u := r.B[0]
		r.B = r.B[1:]
		return int64(u>>1) ^ -int64(u&1)
	}
	n, size := binary.Varint(r.B)
	if size <= 0 {
		r.Fail()
		return 0
	}
	r.B = r.B[size:]
	return n
}

// Uvarint returns the next unsigned integer.
func (r *Reader) Uvarint() uint64 {
	if len(r.B) > 0 && r.B[0] < 0x80 { // as most are
		u := r.B[0]
		r.B = r.B[1:]
		return uint64(u)
	}
	n, size := binary.Uvarint(r.B)
	if size <= 0 {
		r.Fail()
		return 0
	}
	r.B = r.B[size:]
	return n
}

// Byte returns the next byte.
func (r *Reader) Byte() byte {
	if len(r.B) == 0 {
		r.Fail()
		return 0
	}
	c := r.B[0]
	r.B = r.B[1:]
	return c
}

// Uint32 returns the next four bytes as a number, the lowest byte first.
func (r *Reader) Uint32() uint32 {
	b := r.Take(4)
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// Take returns the next n bytes, and nil if there are fewer.
func (r *Reader) Take(n uint64) []byte {
	if uint64(len(r.B)) < n {
		r.Fail()
		return nil
	}
	out := r.B[:n:n]
	r.B = r.B[n:]
	return out
}
