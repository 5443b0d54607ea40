package cell

import (
	"encoding/binary"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Single base buckets take most bytes of a page, so they are packed: a bitmap of the figures that differ from their
// usual value, these figures as zigzag varints, and the histograms with their length before them, so that a reader of
// counts passes over them.

// packedOrder is the order of the figures' bits: the most frequent figures come first, so that most bitmaps are one
// byte. The first bit is set where Calls is not 1, the last but one of the first byte where there are histograms.
var packedOrder = [countFields]uint8{calls, 6, 10, 12, 7, 11, 1, 2, 3, 8, 9, 4, 5}

const (
	packedHist  = 1 << 6 // histograms
	packedFirst = 6      // figures whose bits precede it
)

// packedBit returns the bit of the i-th figure of packedOrder.
func packedBit(i int) uint64 {
	if i >= packedFirst {
		i++
	}
	return 1 << i
}

// AppendPacked appends figures and histograms, as Reader.Packed reads them.
func AppendPacked(b []byte, f *Figures, duration, ttft *Histogram) []byte {
	var set uint64
	for i, field := range packedOrder {
		if f[field] != 0 && field != calls || field == calls && f[field] != 1 {
			set |= packedBit(i)
		}
	}
	var room [256]byte
	h := AppendHistograms(room[:0], duration, ttft)
	if len(h) > 0 {
		set |= packedHist
	}
	b = binary.AppendUvarint(b, set)
	for i, field := range packedOrder {
		if set&packedBit(i) != 0 {
			b = binary.AppendVarint(b, f[field])
		}
	}
	if len(h) > 0 {
		b = append(binary.AppendUvarint(b, uint64(len(h))), h...)
	}
	return b
}

// Packed adds the figures of the next cell and returns the bytes of its histograms.
func (r *Reader) Packed(f *Figures) (histograms []byte) {
	set := r.Uvarint()
	if set&1 == 0 {
		f[calls]++
	}
	if set&^packedHist != 0 {
		for i, field := range packedOrder {
			if set&packedBit(i) != 0 {
				f[field] = usage.AddSat(f[field], r.Varint())
			}
		}
	}
	if set&packedHist != 0 {
		histograms = r.Take(r.Uvarint())
	}
	return histograms
}

// The buckets near which most durations and times to the first token lie: 4 seconds and one. A value within a factor of
// 250 of them takes one byte.
const (
	durationNear = 176
	ttftNear     = 160
)

// AppendHistograms appends both; nothing where both are empty.
func AppendHistograms(b []byte, duration, ttft *Histogram) []byte {
	if len(duration.index)+len(ttft.index) == 0 {
		return b
	}
	return appendPackedHistogram(appendPackedHistogram(b, duration, durationNear), ttft, ttftNear)
}

// A histogram is 0 where it is empty, 1 and the bucket where it has one value, else the number of
// buckets and one, the first bucket and its count, and of each further one a byte with the distance
// to the last and the count where both are small, else 0 and both.
const (
	packedEmpty  = 0
	packedSingle = 1
	nibble       = 15
)

func appendPackedHistogram(b []byte, h *Histogram, near int64) []byte {
	n := len(h.index)
	switch {
	case n == 0:
		return append(b, packedEmpty)
	case n == 1 && h.count[0] == 1:
		return binary.AppendVarint(append(b, packedSingle), int64(h.index[0])-near)
	}
	b = binary.AppendUvarint(b, uint64(n)+1)
	b = binary.AppendVarint(b, int64(h.index[0])-near)
	b = binary.AppendVarint(b, h.count[0])
	for i := 1; i < n; i++ {
		distance, count := int64(h.index[i])-int64(h.index[i-1]), h.count[i]
		if distance <= nibble && 0 < count && count <= nibble {
			b = append(b, byte(distance<<4|count))
			continue
		}
		b = binary.AppendVarint(binary.AppendUvarint(append(b, 0), uint64(distance)), count)
	}
	return b
}

// ReadHistograms decodes the result of appendHistograms; the memory of the histograms is reused.
func ReadHistograms(b []byte, duration, ttft *Histogram) error {
	duration.Clear()
	ttft.Clear()
	if len(b) == 0 {
		return nil
	}
	r := NewReader(b)
	r.packedHistogram(duration, durationNear)
	r.packedHistogram(ttft, ttftNear)
	if r.Bad || len(r.B) > 0 {
		return ErrDamaged
	}
	return nil
}

func (r *Reader) packedHistogram(h *Histogram, near int64) {
	n := r.Uvarint()
	if n == packedEmpty {
		return
	}
	bucket, count := r.Varint()+near, int64(1)
	if n != packedSingle {
		count = r.Varint()
	}
	for {
		if r.Bad || bucket < -1<<15 || bucket >= 1<<15 {
			r.Fail()
			return
		}
		h.index, h.count = append(h.index, int16(bucket)), append(h.count, count)
		if n <= packedSingle+1 {
			return
		}
		n--
		if both := r.Byte(); both != 0 {
			bucket, count = bucket+int64(both>>4), int64(both&nibble)
		} else {
			distance := r.Uvarint()
			if distance == 0 || distance >= 1<<16 {
				r.Fail()
				return
			}
			bucket, count = bucket+int64(distance), r.Varint()
		}
	}
}
