package varint

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReader: what was appended is read, and of every part of it that is cut off at the end nothing is made up.
func TestReader(t *testing.T) {
	numbers := []int64{0, 1, -1, 63, -64, 64, 1 << 20, math.MaxInt64, math.MinInt64}
	var b []byte
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = append(binary.LittleEndian.AppendUint32(append(b, 7), 0xfffefdfc), "text"...)
	for cut := range len(b) + 1 {
		r := Reader{B: b[:cut]}
		for _, n := range numbers {
			v := r.Varint()
			require.True(t, r.Bad || v == n)
			u := r.Uvarint()
			require.True(t, r.Bad || u == uint64(n))
		}
		c, u, text := r.Byte(), r.Uint32(), r.Take(4)
		require.Equal(t, cut < len(b), r.Bad)
		require.Empty(t, r.B)
		if cut == len(b) {
			require.Equal(t, byte(7), c)
			require.Equal(t, uint32(0xfffefdfc), u)
			require.Equal(t, "text", string(text))
		} else {
			require.Zero(t, r.Varint())
			require.Zero(t, r.Uvarint())
			require.Zero(t, r.Byte())
			require.Nil(t, r.Take(1))
		}
	}
	r := Reader{B: make([]byte, 20)}
	require.Nil(t, r.Take(math.MaxUint64))
	require.True(t, r.Bad)
	r = Reader{B: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}}
	require.Zero(t, r.Uvarint())
	require.True(t, r.Bad, "more than 64 bits")
}
