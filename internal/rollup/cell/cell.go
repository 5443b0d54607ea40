package cell

import (
	"encoding/binary"
	"errors"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// A cell is Sums as bytes: a bitmap of the figures that are not zero, these as zigzag varints, and
// where there are histograms their length in bytes and they themselves, so that a reader of counts
// passes over them.

const (
	countFields = 13
	hasDuration = 1 << countFields
	hasTTFT     = 1 << (countFields + 1)
)

// ErrDamaged reports bytes that this package did not write.
var ErrDamaged = errors.New("stored sums are damaged")

// AppendCell appends sums, as Reader.AddCell reads them.
func AppendCell(b []byte, s *Sums) []byte {
	var bits uint16
	counts := s.Fields()
	for i, n := range counts {
		if *n != 0 {
			bits |= 1 << i
		}
	}
	if len(s.Duration.index) > 0 {
		bits |= hasDuration
	}
	if len(s.TTFT.index) > 0 {
		bits |= hasTTFT
	}
	b = binary.LittleEndian.AppendUint16(b, bits)
	for i, n := range counts {
		if bits&(1<<i) != 0 {
			b = binary.AppendVarint(b, *n)
		}
	}
	if bits&(hasDuration|hasTTFT) == 0 {
		return b
	}
	var room [256]byte
	h := room[:0]
	for _, part := range []struct {
		bit uint16
		h   *Histogram
	}{{hasDuration, &s.Duration}, {hasTTFT, &s.TTFT}} {
		if bits&part.bit != 0 {
			h = appendHistogram(h, part.h)
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(h))), h...)
}

func appendHistogram(b []byte, h *Histogram) []byte {
	b = binary.AppendUvarint(b, uint64(len(h.index)))
	last := int64(0)
	for i, bucket := range h.index {
		b = binary.AppendVarint(b, int64(bucket)-last)
		b = binary.AppendVarint(b, h.count[i])
		last = int64(bucket)
	}
	return b
}

// Reader reads what the append functions wrote. After bytes that they did not write, Bad is set.
type Reader struct{ varint.Reader }

// NewReader returns a reader of bytes.
func NewReader(b []byte) Reader { return Reader{varint.Reader{B: b}} }

// AppendText appends a text with its length.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Text returns the next text.
func (r *Reader) Text() string { return string(r.Take(r.Uvarint())) }

// AddCell adds the figures of the next cell to counts, and its histograms to histograms; nil leaves them out.
func (r *Reader) AddCell(counts, histograms *Sums) {
	if len(r.B) < 2 {
		r.Fail()
		return
	}
	bits := binary.LittleEndian.Uint16(r.B)
	r.B = r.B[2:]
	if counts == nil {
		for i := range countFields {
			if bits&(1<<i) != 0 {
				r.Varint()
			}
		}
	} else {
		r.addCounts(counts, bits)
	}
	if bits&(hasDuration|hasTTFT) == 0 {
		return
	}
	h := NewReader(r.Take(r.Uvarint()))
	if histograms == nil {
		return
	}
	if bits&hasDuration != 0 {
		h.addHistogram(&histograms.Duration)
	}
	if bits&hasTTFT != 0 {
		h.addHistogram(&histograms.TTFT)
	}
	r.Bad = r.Bad || h.Bad
}

func (r *Reader) addCounts(s *Sums, bits uint16) {
	t := &s.Tokens
	if bits&(1<<0) != 0 {
		s.Calls = usage.AddSat(s.Calls, r.Varint())
	}
	if bits&(1<<1|1<<2|1<<3|1<<4|1<<5) != 0 {
		for i, n := range [...]*int64{&s.Errors, &s.NoUsage, &s.Unpriced, &s.Inconsistent, &s.Estimated} {
			if bits&(1<<(i+1)) != 0 {
				*n = usage.AddSat(*n, r.Varint())
			}
		}
	}
	if bits&(1<<6) != 0 {
		t.InputUncached = usage.AddSat(t.InputUncached, r.Varint())
	}
	if bits&(1<<7) != 0 {
		t.CacheRead = usage.AddSat(t.CacheRead, r.Varint())
	}
	if bits&(1<<8) != 0 {
		t.CacheWrite = usage.AddSat(t.CacheWrite, r.Varint())
	}
	if bits&(1<<9) != 0 {
		t.CacheWrite1h = usage.AddSat(t.CacheWrite1h, r.Varint())
	}
	if bits&(1<<10) != 0 {
		t.OutputText = usage.AddSat(t.OutputText, r.Varint())
	}
	if bits&(1<<11) != 0 {
		t.Reasoning = usage.AddSat(t.Reasoning, r.Varint())
	}
	if bits&(1<<12) != 0 {
		*(*int64)(&s.Cost) = usage.AddSat(*(*int64)(&s.Cost), r.Varint())
	}
}

func (r *Reader) addHistogram(h *Histogram) {
	n := r.Uvarint()
	bucket := int64(0)
	for range n {
		bucket += r.Varint()
		count := r.Varint()
		if r.Bad || bucket < -1<<15 || bucket >= 1<<15 {
			r.Bad = true
			return
		}
		h.AddBucket(int16(bucket), count)
	}
}
