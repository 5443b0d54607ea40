package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// ErrDamaged reports bytes that this package did not write.
var ErrDamaged = errors.New("a block of records is damaged")

// ErrNewer reports bytes of a newer version of this package.
var ErrNewer = fmt.Errorf("%w: a block of records is of a newer format than this program reads", store.ErrNewer)

const (
	version     = 1 // of names, and of figures without inline texts and without service tiers
	checkedSize = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the padding and the checksum.
func seal(b []byte) []byte {
	b = append(b, make([]byte, padding)...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// unseal checks a string and returns a reader of what was sealed, the padding included.
func unseal(b []byte) (*reader, error) {
	end := len(b) - checkedSize
	if end < padding || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, ErrDamaged
	}
	return &reader{varint.Reader{B: b[:end]}}, nil
}

// reader reads what this package wrote. After anything else, Bad is set.
type reader struct{ varint.Reader }

// padded passes over n bytes and returns them with all that follows, which must be enough for bitsAt.
func (r *reader) padded(n int) []byte {
	if n < 0 || len(r.B) < n+padding {
		r.Fail()
		return nil
	}
	out := r.B
	r.B = r.B[n:]
	return out
}

// section returns a reader of the next section; it must end before the padding.
func (r *reader) section() reader {
	section := r.Take(r.Uvarint())
	return reader{varint.Reader{B: section, Bad: r.Bad}}
}
