package cell

import (
	"encoding/binary"
	"math/bits"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Figures are the counts of Sums in the order of Sums.counts.
type Figures [countFields]int64

const calls = 0 // the place of Sums.Calls

// FiguresOf returns the counts of sums.
func FiguresOf(s *Sums) (f Figures) {
	for i, n := range s.Fields() {
		f[i] = *n
	}
	return f
}

// Add adds the figures of o.
func (f *Figures) Add(o *Figures) {
	for i, v := range o {
		f[i] = usage.AddSat(f[i], v)
	}
}

// Subtract is the reverse of add.
func (f *Figures) Subtract(o *Figures) {
	for i, v := range o {
		f[i] = usage.SubSat(f[i], v)
	}
}

// AddTo adds the figures to sums.
func (f *Figures) AddTo(s *Sums) {
	for i, n := range s.Fields() {
		*n = usage.AddSat(*n, f[i])
	}
}

// Columns are the figures of many values: one column of numbers for each figure, in as few bytes a number as the
// largest needs. To add a value's figures takes some nanoseconds.
type Columns struct {
	cols []column
	data []byte // columnPad bytes more than the columns
}

type column struct {
	field uint8
	width uint8 // bytes of a number
	at    uint32
	mask  uint64
	base  int64 // is added to each number
}

// columnPad lets a number be read as eight bytes.
const columnPad = 8

func widthMask(width uint8) uint64 { return 1<<(8*uint(width)) - 1 } // of 8 bytes: all ones

// MakeColumns returns the columns of rows, one of each value.
func MakeColumns(rows []Figures) (c Columns) {
	for field := range countFields {
		if len(rows) == 0 {
			break
		}
		low, high := rows[0][field], rows[0][field]
		for i := range rows {
			low, high = min(low, rows[i][field]), max(high, rows[i][field])
		}
		if low == 0 && high == 0 {
			continue
		}
		width := uint8((bits.Len64(uint64(high-low)) + 7) / 8)
		c.cols = append(c.cols, column{field: uint8(field), width: width, at: uint32(len(c.data)), mask: widthMask(width), base: low})
		var room [8]byte
		for i := range rows {
			binary.LittleEndian.PutUint64(room[:], uint64(rows[i][field]-low))
			c.data = append(c.data, room[:width]...)
		}
	}
	c.data = append(c.data, make([]byte, columnPad)...)
	return c
}

// Add adds the figures of the i-th value.
func (c *Columns) Add(i int, to *Figures) {
	for k := range c.cols {
		col := &c.cols[k]
		v := binary.LittleEndian.Uint64(c.data[int(col.at)+i*int(col.width):])
		to[col.field] = usage.AddSat(to[col.field], col.base+int64(v&col.mask))
	}
}

// Row returns the figures of the i-th value.
func (c *Columns) Row(i int) (f Figures) {
	c.Add(i, &f)
	return f
}

// Size returns the number of bytes of the numbers.
func (c *Columns) Size() int64 { return int64(len(c.data)) }

// Encode appends the columns of a number of values, as Reader.Columns reads them.
func (c *Columns) Encode(b []byte, members int) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.cols)))
	for _, col := range c.cols {
		b = append(b, col.field, col.width)
		b = binary.AppendVarint(b, col.base)
		b = append(b, c.data[col.at:int(col.at)+members*int(col.width)]...)
	}
	return b
}

// Columns reads the columns of a number of values.
func (r *Reader) Columns(members int) (c Columns) {
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		col := column{field: r.Byte(), width: r.Byte(), base: r.Varint(), at: uint32(len(c.data))}
		if col.field >= countFields || col.width > 8 {
			r.Fail()
			return c
		}
		col.mask = widthMask(col.width)
		c.cols = append(c.cols, col)
		c.data = append(c.data, r.Take(uint64(members)*uint64(col.width))...)
	}
	c.data = append(c.data, make([]byte, columnPad)...)
	if r.Bad {
		return Columns{}
	}
	return c
}
