package stream

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math"
	"sort"
)

// A place in a feed is the number of the next event. Feeds of replicas have the same events and number them differently,
// because they begin at different times; a position says the same in all of them.

// position is before a change of a commit of the store, see ledger.Commit.Seq; before the next commit where in is wholeCommit.
type position struct {
	seq int64
	in  uint32
}

const wholeCommit = math.MaxUint32

func (p position) less(o position) bool {
	return cmp.Or(cmp.Compare(p.seq, o.seq), cmp.Compare(p.in, o.in)) < 0
}

// mark returns what a client sends to go on at a place, or at a position where that is later.
func (f *feed) mark(place uint64, atLeast position) string {
	var plain []byte
	if f.shared {
		p := f.positionOf(place)
		if p.less(atLeast) {
			p = atLeast
		}
		plain = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, uint64(p.seq)), p.in)
	} else {
		plain = binary.BigEndian.AppendUint64(nil, place)
	}
	return base64.RawURLEncoding.EncodeToString(f.seal.Seal(nil, nil, plain, nil))
}

// place reads a mark: the next event of this feed, and the position before which none is wanted, because another replica,
// which was ahead, has sent it. It is false for marks that mean nothing here, or from before what is kept.
func (f *feed) place(mark string) (place uint64, from position, known bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(mark)
	if err != nil {
		return 0, from, false
	}
	plain, err := f.seal.Open(nil, nil, sealed, nil)
	switch {
	case err != nil:
		return 0, from, false
	case f.shared && len(plain) == 12:
		from = position{int64(binary.BigEndian.Uint64(plain)), binary.BigEndian.Uint32(plain[8:])}
		place, known = f.placeOf(from)
		return place, from, known
	case !f.shared && len(plain) == 8:
		n := binary.BigEndian.Uint64(plain)
		return n, from, n >= 1 && n <= f.end()
	}
	return 0, from, false
}

// oldest is the number of the first event that is kept. The caller holds f.mu.
func (f *feed) oldest() uint64 {
	first := uint64(1)
	if f.next > f.kept {
		first = f.next - f.kept
	}
	return max(first, f.first)
}

func (f *feed) positionOf(place uint64) position {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case place >= f.next:
		return f.last
	case place < f.oldest(): // overwritten meanwhile
		return position{}
	}
	return f.ring[place%f.kept].at
}

func (f *feed) placeOf(p position) (place uint64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	oldest, since := f.oldest(), f.base
	if oldest > max(f.first, 1) { // earlier ones were overwritten
		since = f.ring[oldest%f.kept].at
	}
	if p.less(since) {
		return 0, false
	}
	after := sort.Search(int(f.next-oldest), func(i int) bool {
		return !f.ring[(oldest+uint64(i))%f.kept].at.less(p)
	})
	return oldest + uint64(after), true
}
