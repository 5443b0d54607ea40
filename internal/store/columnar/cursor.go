package columnar

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// A cursor is a version, the place of the last record of the page, and a check byte, which most other texts do not
// have.
const cursorVersion = 2

const cursorSize = 1 + 8 + len(usage.ID{}) + 1

func cursorOf(p *Place) string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(p.Start))
	b = append(b, p.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, checkByte(b)))
}

func parseCursor(s string) (*Place, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion || checkByte(b[:cursorSize-1]) != b[cursorSize-1] {
		return nil, store.ErrCursor
	}
	p := &Place{Start: int64(binary.BigEndian.Uint64(b[1:9]))}
	if p.Start < 0 {
		return nil, store.ErrCursor
	}
	copy(p.ID[:], b[9:])
	return p, nil
}

func checkByte(b []byte) byte {
	sum := byte(0x5a)
	for _, v := range b {
		sum = sum<<1 | sum>>7
		sum ^= v
	}
	return sum
}

// A cursor of a sorted list says the order too: with another one it would skip records.
const sortedCursorVersion = 3

const sortedCursorSize = 1 + 1 + 8 + 8 + len(usage.ID{}) + 1

func orderByte(o store.Order) byte {
	b := byte(o.By) << 1
	if o.Ascending {
		b |= 1
	}
	return b
}

func sortedCursor(r *ranked, o store.Order) string {
	b := binary.BigEndian.AppendUint64([]byte{sortedCursorVersion, orderByte(o)}, uint64(r.rank))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Start))
	b = append(b, r.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, checkByte(b)))
}

func parseSortedCursor(s string, o store.Order) (*ranked, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != sortedCursorSize || b[0] != sortedCursorVersion || b[1] != orderByte(o) ||
		checkByte(b[:sortedCursorSize-1]) != b[sortedCursorSize-1] {
		return nil, store.ErrCursor
	}
	r := &ranked{rank: int64(binary.BigEndian.Uint64(b[2:10]))}
	r.Start = int64(binary.BigEndian.Uint64(b[10:18]))
	copy(r.ID[:], b[18:])
	return r, nil
}
