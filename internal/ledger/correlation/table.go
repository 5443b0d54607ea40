package correlation

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// The index remembers many small things for each of hundreds of thousands of records. They are kept without pointers,
// in slabs and in tables of numbers: a garbage collector that had to follow them would cost more than all else, and
// Go's maps take several times the memory.

// slab returns out places for values of one kind, by number from 1 on. A value never moves.
type slab[T any] struct {
	chunks []*[slabChunk]T
	free   []uint32
	made   uint32
}

const slabChunk = 256

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/slabChunk][i%slabChunk] }

// take returns a place, which is zero.
func (s *slab[T]) take() (uint32, *T) {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i, s.at(i)
	}
	s.made++ // 0 names nothing
	if int(s.made/slabChunk) == len(s.chunks) {
		s.chunks = append(s.chunks, new([slabChunk]T))
	}
	return s.made, s.at(s.made)
}

// drop takes a place back.
func (s *slab[T]) drop(i uint32) {
	var zero T
	*s.at(i) = zero
	s.free = append(s.free, i)
}

// table finds numbers by a tag, which is 32 bits of a hash. Numbers of one tag can refer to different
// things, so callers must compare. Zero is no number. It takes 8 bytes for each place, of which at most 7/8 are
// taken; a tag is its own place, so that a removal need not look up what the numbers refer to.
type table struct {
	slots []slot // their number is a power of two
	used  int
}

type slot struct{ tag, number uint32 }

// find returns the place of the number with a tag for which is is true; -1 where there is none.
func (t *table) find(tag uint32, is func(number uint32) bool) int {
	if t.used == 0 {
		return -1
	}
	mask := len(t.slots) - 1
	for i := int(tag) & mask; ; i = (i + 1) & mask {
		s := t.slots[i]
		if s.number == 0 {
			return -1
		}
		if s.tag == tag && is(s.number) {
			return i
		}
	}
}

// prefetch reads where a tag will be looked for, so that it is in the processor's cache then. Several such reads in a
// row do not wait for each other, unlike the reads of find.
func (t *table) prefetch(tag uint32) uint32 {
	if len(t.slots) == 0 {
		return 0
	}
	return t.slots[int(tag)&(len(t.slots)-1)].number
}

// insert adds a number that is not there.
func (t *table) insert(tag, number uint32) {
	if t.used >= len(t.slots)-len(t.slots)/8 {
		t.grow()
	}
	t.place(slot{tag, number})
	t.used++
}

func (t *table) place(s slot) {
	mask := len(t.slots) - 1
	i := int(s.tag) & mask
	for t.slots[i].number != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = s
}

func (t *table) grow() {
	const least = 16
	old := t.slots
	t.slots = make([]slot, max(least, 2*len(old)))
	for _, s := range old {
		if s.number != 0 {
			t.place(s)
		}
	}
}

// remove takes out the number at a place. Entries that were displaced by it move up.
func (t *table) remove(i int) {
	mask := len(t.slots) - 1
	for j := (i + 1) & mask; t.slots[j].number != 0; j = (j + 1) & mask {
		if home := int(t.slots[j].tag) & mask; (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
	t.used--
}

// Tags are made with seeds of this process, so that nobody can choose ids that crowd together.
var (
	tagSeed      = maphash.MakeSeed()
	mixOne       = rand.Uint64() | 1  //nolint:gosec // of ChaCha8, seeded by the system, and never shown
	mixTwo       = rand.Uint64() | 1  //nolint:gosec // likewise
	slotDistance = uint32(0x9E3779B1) // odd, and far: places of neighbouring pieces of time are apart
)

// tagOf returns the tag of any value.
func tagOf[K comparable](v K) uint32 { return uint32(maphash.Comparable(tagSeed, v)) }

// tagOfBytes returns the tag of an id.
func tagOfBytes(id []byte) uint32 { return uint32(maphash.Bytes(tagSeed, id)) }

// mix returns the tag of two numbers.
func mix(a, b uint64) uint32 {
	hi, lo := bits.Mul64(a^mixOne, b^mixTwo)
	return uint32((hi ^ lo) >> 16)
}

// interned keeps each value once, by number, and counts its users. The zero value is number 0.
type interned[K comparable] struct {
	table
	values slab[use[K]]
	own    func(K) K // makes a copy that keeps nothing else in memory
}

type use[K comparable] struct {
	value K
	tag   uint32
	count int32
}

// take returns a value's number, and counts one more use of it.
func (s *interned[K]) take(v K, tag uint32) uint32 {
	if v == *new(K) {
		return 0
	}
	if i := s.find(tag, func(n uint32) bool { return s.values.at(n).value == v }); i >= 0 {
		n := s.slots[i].number
		s.values.at(n).count++
		return n
	}
	n, u := s.values.take()
	*u = use[K]{value: s.own(v), tag: tag, count: 1}
	s.insert(tag, n)
	return n
}

// drop counts one use less.
func (s *interned[K]) drop(n uint32) {
	if n == 0 {
		return
	}
	u := s.values.at(n)
	if u.count--; u.count > 0 {
		return
	}
	s.remove(s.find(u.tag, func(m uint32) bool { return m == n }))
	s.values.drop(n)
}

func (s *interned[K]) value(n uint32) (v K) {
	if n == 0 {
		return v
	}
	return s.values.at(n).value
}

// internedAttribution is the same for the facts of who made a call. These are many, of few texts.
type internedAttribution struct {
	facts interned[attributionFacts]
	texts interned[string]
}

// attributionFacts are the numbers of an attribution's texts, and its tier.
type attributionFacts struct {
	texts [7]uint32
	tier  usage.Tier
}

func attributionTexts(w *usage.Attribution) [7]*string {
	return [...]*string{&w.KeyFingerprint, &w.KeyDisplay, &w.User, &w.Project, &w.Session, &w.Account, &w.ErrorMessage}
}

func (s *internedAttribution) take(w *usage.Attribution, tag uint32) uint32 {
	if *w == (usage.Attribution{}) {
		return 0
	}
	if i := s.facts.find(tag, func(n uint32) bool { return s.value(n) == *w }); i >= 0 {
		n := s.facts.slots[i].number
		s.facts.values.at(n).count++
		return n
	}
	facts := attributionFacts{tier: w.Tier}
	for i, text := range attributionTexts(w) {
		facts.texts[i] = s.texts.take(*text, tagOf(*text))
	}
	return s.facts.take(facts, tag)
}

func (s *internedAttribution) drop(n uint32) {
	if n == 0 {
		return
	}
	if u := s.facts.values.at(n); u.count == 1 {
		for _, text := range u.value.texts {
			s.texts.drop(text)
		}
	}
	s.facts.drop(n)
}

func (s *internedAttribution) value(n uint32) (w usage.Attribution) {
	if n == 0 {
		return w
	}
	facts := s.facts.value(n)
	for i, text := range attributionTexts(&w) {
		*text = s.texts.value(facts.texts[i])
	}
	w.Tier = facts.tier
	return w
}
