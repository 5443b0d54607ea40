package columnar

import (
	"encoding/binary"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/varint"
)

var errMemtableLog = fmt.Errorf("%w: the log of recent records cannot be read", store.ErrCorrupt)

// The parts of a row of the log, which is one write.
const (
	partRows    = 1 // the figures and the names of up to block.MaxRows records
	partRemoved = 2 // a record that was removed: start and id
)

// encodeLog returns the row of entries, which are ascending by place.
func encodeLog(entries []*memEntry) []byte {
	var b []byte
	var rows []block.Row
	flush := func() {
		if len(rows) > 0 {
			b = appendPart(append(b, partRows), block.EncodeFigures(rows, dictionary.InlineText))
			b = appendPart(b, block.EncodeNames(rows, false))
			rows = rows[:0]
		}
	}
	for _, e := range entries {
		if e.removed() {
			b = appendPlace(append(b, partRemoved), &e.Place)
			continue
		}
		if rows = append(rows, e.row); len(rows) == block.MaxRows {
			flush()
		}
	}
	flush()
	return b
}

// eachLogPart reads the parts of a row: figures and names of records, and places of removed ones.
func eachLogPart(b []byte, rows func(figures, names []byte) error, removed func(Place)) error {
	r := varint.Reader{B: b}
	for len(r.B) > 0 {
		switch r.Byte() {
		case partRemoved:
			p := r.Take(placeSize)
			if r.Bad {
				return errMemtableLog
			}
			removed(placeIn(p))
		case partRows:
			figures := r.Take(r.Uvarint())
			names := r.Take(r.Uvarint())
			if r.Bad {
				return errMemtableLog
			}
			if err := rows(figures, names); err != nil {
				return err
			}
		default:
			return errMemtableLog
		}
	}
	return nil
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func appendPlace(b []byte, p *Place) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(p.Start)), p.ID[:]...)
}

// placeSize is how many bytes appendPlace appends.
const placeSize = 8 + uint64(len(usage.ID{}))

// placeIn reads what appendPlace appended.
func placeIn(b []byte) (p Place) {
	p.Start = int64(binary.LittleEndian.Uint64(b))
	copy(p.ID[:], b[8:])
	return p
}
