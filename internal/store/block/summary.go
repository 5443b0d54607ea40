package block

import (
	"encoding/binary"
	"math/bits"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Summary says what a block cannot hold without the block being read: a bit for some of its texts'
// numbers, and a Bloom filter of its ids (Bloom, Space/time trade-offs in hash coding, 1970) with one byte
// a row and four probes, so that one id of some forty is searched for without need.
type Summary []byte

// The parts of a Summary: flags, then for each kind of text its share of the bits, then the filter.
const (
	flagSuperseded = 1 // some row is superseded by a single other record
	flagFailed     = 2

	bitsBegin = 1
	probes    = 4
)

// bitRange is where the bits of a kind of text begin and how many there are; kinds that have none are never
// ruled out. Keys and users are many, and people ask for one of them.
type bitRange struct{ at, bits int }

// SummaryBits says how many bits (a power of two, at least 8) each kind of text has in a Summary, in the order of
// the kinds; 0: none. Those of Failed are for failed rows alone, which are few.
type SummaryBits struct{ All, Failed [DictionaryKinds]int }

func (m *SummaryBits) of(kind int, failed bool) bitRange {
	at := bitsBegin * 8
	counts := &m.All
	if failed && m.Failed[kind] > 0 {
		for _, n := range m.All {
			at += n
		}
		counts = &m.Failed
	}
	for k := range kind {
		at += counts[k]
	}
	return bitRange{at: at, bits: counts[kind]}
}

func (m *SummaryBits) filterAt() int {
	total := 0
	for k := range DictionaryKinds {
		total += m.All[k] + m.Failed[k]
	}
	return bitsBegin + total/8
}

// Summarise makes the summary of 1 to MaxRows rows. texts is called for inline ones.
func (m *SummaryBits) Summarise(rows []Row, texts InlineTexts) Summary {
	filter := max(1<<bits.Len(uint(len(rows)-1)), 8)
	at := m.filterAt()
	s := make(Summary, at+filter)
	var all, failed [DictionaryKinds]bitRange
	for k := range DictionaryKinds {
		all[k], failed[k] = m.of(k, false), m.of(k, true)
	}
	for i := range rows {
		r := rows[i].Record
		if (r.SupersededBy != usage.ID{}) {
			s[0] |= flagSuperseded
		}
		ids := rows[i].IDs
		for k, n := range ids {
			if n&Inline != 0 {
				_, name := texts(r, k)
				ids[k] = NameNumber(name)
			}
		}
		for k, n := range ids {
			if all[k].bits > 0 {
				s.set(all[k].at + int(n)%all[k].bits)
			}
		}
		if r.Failed {
			s[0] |= flagFailed
			for k, n := range ids {
				if failed[k].bits > 0 {
					s.set(failed[k].at + int(n)%failed[k].bits)
				}
			}
		}
		h := idHash(&r.ID)
		for p := range probes {
			s.set(at*8 + probe(h, p, filter*8))
		}
	}
	return s
}

func (s Summary) set(bit int)      { s[bit/8] |= 1 << (bit % 8) }
func (s Summary) has(bit int) bool { return s[bit/8]&(1<<(bit%8)) != 0 }

// Valid reports whether a summary has a length that Summarise produces.
func (m *SummaryBits) Valid(s Summary) bool {
	filter := len(s) - m.filterAt()
	return filter >= 8 && filter <= MaxRows && filter&(filter-1) == 0
}

// MayHaveText reports whether a row, or a failed one, may have a text of a kind.
func (m *SummaryBits) MayHaveText(s Summary, kind int, number uint32, failed bool) bool {
	of := m.of(kind, failed)
	return of.bits == 0 || s.has(of.at+int(number)%of.bits)
}

// MayHaveID reports whether a row may have an id; hash is HashID of it.
func (m *SummaryBits) MayHaveID(s Summary, hash uint64) bool {
	at := m.filterAt()
	for p := range probes {
		if !s.has(at*8 + probe(hash, p, (len(s)-at)*8)) {
			return false
		}
	}
	return true
}

// HasSuperseded reports whether some row is superseded by a single other record.
func (s Summary) HasSuperseded() bool { return s[0]&flagSuperseded != 0 }

// HasFailed reports whether some row failed.
func (s Summary) HasFailed() bool { return s[0]&flagFailed != 0 }

// HashID is the hash of an id that MayHaveID wants.
func HashID(id usage.ID) uint64 { return idHash(&id) }

// idHash mixes an id as the finaliser of SplitMix64 does (Steele, Lea, Flood, 2014). Ids that are
// made to collide let blocks be read without need, and nothing else.
func idHash(id *usage.ID) uint64 {
	h := uint64(0)
	for i := 0; i < len(id); i += 8 {
		h ^= binary.LittleEndian.Uint64(id[i:])
		h += 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}

// probe returns the i-th bit to look at, of a number that is a power of two.
func probe(hash uint64, i, bits int) int {
	return int((hash>>32 + uint64(i)*(hash|1)) & uint64(bits-1))
}
