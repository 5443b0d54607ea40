package block

import (
	"encoding/binary"
	"math/bits"
)

// padding follows packed bits, so that eight bytes can be read wherever a value begins.
const padding = 8

// appendBits appends values that take width bits each, the lowest bits first.
func appendBits(b []byte, values []uint64, width int) []byte {
	var held uint64
	used := 0
	for _, v := range values {
		held |= v << used
		if used += width; used >= 64 {
			b = binary.LittleEndian.AppendUint64(b, held)
			used -= 64
			held = v >> (width - used)
		}
	}
	for ; used > 0; used -= 8 {
		b = append(b, byte(held))
		held >>= 8
	}
	return b
}

// packedSize is how many bytes n values of a width take.
func packedSize(n, width int) int { return (n*width + 7) / 8 }

// bitsAt returns the i-th value of a width. There must be padding behind the packed bytes.
func bitsAt(b []byte, i, width int) uint64 {
	at := i * width
	v := binary.LittleEndian.Uint64(b[at>>3:]) >> (at & 7)
	if rest := 64 - at&7; rest < width {
		v |= uint64(b[at>>3+8]) << rest
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}

// scales are tried as common divisors of a column: many clocks have no nanoseconds.
var scales = [...]uint64{1, 1_000, 1_000_000}

// scaleOf returns the number of the greatest scale that divides all values.
func scaleOf(values []uint64) int {
	for s := len(scales) - 1; s > 0; s-- {
		all := true
		for _, v := range values {
			if v%scales[s] != 0 {
				all = false
				break
			}
		}
		if all {
			return s
		}
	}
	return 0
}

// appendInts appends a column of numbers: the width of a value, the number of the scale, the least value, and the
// difference of each value from the least one.
func appendInts(b []byte, values []int64) []byte {
	least := values[0]
	for _, v := range values {
		least = min(least, v)
	}
	var above [MaxRows]uint64
	all := uint64(0)
	for i, v := range values {
		above[i] = uint64(v) - uint64(least)
		all |= above[i]
	}
	if all == 0 {
		return binary.AppendVarint(append(b, 0, 0), least)
	}
	scale := scaleOf(above[:len(values)])
	if scale > 0 {
		all = 0
		for i := range values {
			above[i] /= scales[scale]
			all |= above[i]
		}
	}
	width := bits.Len64(all)
	b = binary.AppendVarint(append(b, byte(width), byte(scale)), least)
	return appendBits(b, above[:len(values)], width)
}

// ints is a column of numbers as it was read.
type ints struct {
	least  int64
	scale  uint64
	width  int
	packed []byte // with what follows it
}

func (c *ints) at(i int) int64 {
	if c.width == 0 {
		return c.least
	}
	return c.least + int64(bitsAt(c.packed, i, c.width)*c.scale)
}

// readInts reads the head of a column of n numbers. The padding must follow the column.
func readInts(r *reader, n int) (c ints) {
	width, scale := int(r.Byte()), int(r.Byte())
	c.least = r.Varint()
	if width > 64 || scale >= len(scales) {
		r.Fail()
		return ints{}
	}
	c.width, c.scale = width, scales[scale]
	c.packed = r.padded(packedSize(n, width))
	if r.Bad {
		return ints{}
	}
	return c
}

// dictionary collects the different values of a column.
type dictionary struct {
	values []uint64
	index  [MaxRows]uint64
	slots  [2 * MaxRows]uint16 // numbers of values plus one, by hash
}

func (d *dictionary) fill(n int, value func(i int) uint64) {
	d.values = d.values[:0]
	d.slots = [2 * MaxRows]uint16{}
	for i := range n {
		v := value(i)
		slot := v * 0x9E3779B97F4A7C15 >> 55 // Fibonacci hashing to 9 bits
		for d.slots[slot] != 0 && d.values[d.slots[slot]-1] != v {
			slot = (slot + 1) % uint64(len(d.slots))
		}
		if d.slots[slot] == 0 {
			d.values = append(d.values, v)
			d.slots[slot] = uint16(len(d.values))
		}
		d.index[i] = uint64(d.slots[slot] - 1)
	}
}

// indexWidth is the bits that an index into so many values takes.
func indexWidth(values int) int { return bits.Len(uint(values - 1)) }

// append appends the column: how many values there are, they themselves, and the index of each row.
func (d *dictionary) append(b []byte, n int) []byte {
	b = binary.AppendUvarint(b, uint64(len(d.values)))
	for _, v := range d.values {
		b = binary.AppendUvarint(b, v)
	}
	return appendBits(b, d.index[:n], indexWidth(len(d.values)))
}

// Dict is a column of few different values.
type Dict struct {
	Values []uint64
	padded []uint64 // Values, and zeros behind them for every index that there are bits for
	width  int
	packed []byte
}

// At returns the index in Values of row i.
func (d *Dict) At(i int) int {
	if d.width == 0 {
		return 0
	}
	// a width of at most eight bits and seven bits before it are in two bytes
	at := i * d.width
	return int(binary.LittleEndian.Uint16(d.packed[at>>3:])>>(at&7)) & (1<<d.width - 1)
}

// Value returns the value of row i.
func (d *Dict) Value(i int) uint64 { return d.padded[d.At(i)] }

// readDict reads a dictionary column of n rows; its values are appended to room.
func readDict(r *reader, n int, room []uint64) (d Dict, used []uint64) {
	count := r.Uvarint()
	if count < 1 || count > uint64(n) {
		r.Fail()
		return Dict{padded: make([]uint64, 1)}, room
	}
	d.width = indexWidth(int(count))
	begin := len(room)
	for range count {
		room = append(room, r.Uvarint())
	}
	end := len(room)
	for len(room) < begin+1<<d.width {
		room = append(room, 0)
	}
	d.Values, d.padded = room[begin:end:end], room[begin:len(room):len(room)]
	d.packed = r.padded(packedSize(n, d.width))
	if r.Bad {
		return Dict{padded: make([]uint64, 1)}, room
	}
	return d, room
}
