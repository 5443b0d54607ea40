package cell

import (
	"encoding/binary"
	"slices"
)

// Blob is bytes of each value of a page.
type Blob struct {
	ends []uint32
	data []byte
}

// At returns the bytes of the i-th value.
func (b *Blob) At(i int) []byte {
	begin := uint32(0)
	if i > 0 {
		begin = b.ends[i-1]
	}
	return b.data[begin:b.ends[i]]
}

// Append adds the bytes of a further value.
func (b *Blob) Append(block []byte) {
	b.data = append(b.data, block...)
	b.ends = append(b.ends, uint32(len(b.data)))
}

// Size returns the bytes that it takes in memory.
func (b *Blob) Size() int64 { return int64(len(b.data)) + 4*int64(len(b.ends)) }

// Len returns the number of bytes of all of them.
func (b *Blob) Len() int { return len(b.data) }

// Clip returns up memory that nothing is in.
func (b *Blob) Clip() { b.data = slices.Clip(b.data) }

// Encode appends it, as Reader.Blob reads it.
func (b *Blob) Encode(to []byte) []byte {
	begin := uint32(0)
	for _, end := range b.ends {
		to = binary.AppendUvarint(to, uint64(end-begin))
		begin = end
	}
	return append(to, b.data...)
}

// Blob reads the bytes of a number of values; nil where they are damaged.
func (r *Reader) Blob(members int) *Blob {
	b, end := &Blob{}, uint64(0)
	for range members {
		if end += r.Uvarint(); r.Bad || end > 1<<31 {
			r.Fail()
			return nil
		}
		b.ends = append(b.ends, uint32(end))
	}
	b.data = append([]byte(nil), r.Take(end)...)
	if r.Bad {
		return nil
	}
	return b
}
