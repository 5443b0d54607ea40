package rollup

import (
	"encoding/binary"
	"errors"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// A cell is Sums as bytes: a bitmap of the figures that are not zero, these as zigzag varints, and
// where there are histograms their length in bytes and they themselves, so that a reader of counts
// passes over them.

const (
	countFields = 13
	hasDuration = 1 << countFields
	hasTTFT     = 1 << (countFields + 1)
)

// errDamaged reports bytes that this package did not write.
var errDamaged = errors.New("stored sums are damaged")

func appendCell(b []byte, s *Sums) []byte {
	var bits uint16
	counts := s.counts()
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

// reader reads what the append functions wrote. After bytes that they did not write, bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() {
	r.b, r.bad = nil, true
}

func (r *reader) varint() int64 {
	// most figures are small: one or two bytes
	if len(r.b) > 0 && r.b[0] < 0x80 {
		u := r.b[0]
		r.b = r.b[1:]
		return int64(u>>1) ^ -int64(u&1)
	}
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// take gives the next n bytes.
func (r *reader) take(n uint64) []byte {
	if uint64(len(r.b)) < n {
		r.fail()
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// addCell adds the figures of the next cell to counts and its histograms to those of histograms; nil
// leaves them out.
func (r *reader) addCell(counts, histograms *Sums) {
	if len(r.b) < 2 {
		r.fail()
		return
	}
	bits := binary.LittleEndian.Uint16(r.b)
	r.b = r.b[2:]
	if counts == nil {
		for i := range countFields {
			if bits&(1<<i) != 0 {
				r.varint()
			}
		}
	} else {
		r.addCounts(counts, bits)
	}
	if bits&(hasDuration|hasTTFT) == 0 {
		return
	}
	h := reader{b: r.take(r.uvarint())}
	if histograms == nil {
		return
	}
	if bits&hasDuration != 0 {
		h.addHistogram(&histograms.Duration)
	}
	if bits&hasTTFT != 0 {
		h.addHistogram(&histograms.TTFT)
	}
	r.bad = r.bad || h.bad
}

func (r *reader) addCounts(s *Sums, bits uint16) {
	t := &s.Tokens
	if bits&(1<<0) != 0 {
		s.Calls = usage.AddSat(s.Calls, r.varint())
	}
	if bits&(1<<1|1<<2|1<<3|1<<4|1<<5) != 0 {
		for i, n := range [...]*int64{&s.Errors, &s.NoUsage, &s.Unpriced, &s.Inconsistent, &s.Estimated} {
			if bits&(1<<(i+1)) != 0 {
				*n = usage.AddSat(*n, r.varint())
			}
		}
	}
	if bits&(1<<6) != 0 {
		t.InputUncached = usage.AddSat(t.InputUncached, r.varint())
	}
	if bits&(1<<7) != 0 {
		t.CacheRead = usage.AddSat(t.CacheRead, r.varint())
	}
	if bits&(1<<8) != 0 {
		t.CacheWrite = usage.AddSat(t.CacheWrite, r.varint())
	}
	if bits&(1<<9) != 0 {
		t.CacheWrite1h = usage.AddSat(t.CacheWrite1h, r.varint())
	}
	if bits&(1<<10) != 0 {
		t.OutputText = usage.AddSat(t.OutputText, r.varint())
	}
	if bits&(1<<11) != 0 {
		t.Reasoning = usage.AddSat(t.Reasoning, r.varint())
	}
	if bits&(1<<12) != 0 {
		*(*int64)(&s.Cost) = usage.AddSat(*(*int64)(&s.Cost), r.varint())
	}
}

func (r *reader) addHistogram(h *Histogram) {
	n := r.uvarint()
	bucket := int64(0)
	for range n {
		bucket += r.varint()
		count := r.varint()
		if r.bad || bucket < -1<<15 || bucket >= 1<<15 {
			r.bad = true
			return
		}
		h.add(int16(bucket), count)
	}
}
