package dictionary

import (
	"slices"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dictionary maps keys to their numbers and back. Values and Use are safe for concurrent use; all else is for the one
// writer of a store.
type Dictionary struct {
	mu      sync.RWMutex
	values  []Key // by number; not to be changed below the length that a reader has seen
	numbers map[Key]uint32
	counts  [KindCount]int // how many keys of a kind have numbers
	limit   int            // of each kind
	reuseAt int            // from so many numbers on some are used again
	free    []uint32       // numbers that no key has, descending

	// The writer's shortcuts: numbers by the one text that mostly differs, and the last ones of the kinds that
	// seldom change.
	byText [KindCount]map[string]uint32
	last   [KindCount]uint32
}

// Stored is a key as an engine stores it.
type Stored struct {
	Number, Kind int64
	Text         string // Key.Text
}

// reuseFactor is up to how many times the most numbers that keys can have there are numbers before some are
// used again.
const reuseFactor = 2

// New returns a dictionary with the stored entries. It takes at most limit further keys of each kind.
func New(limit int, stored []Stored) *Dictionary {
	d := &Dictionary{
		values: make([]Key, 1), numbers: map[Key]uint32{}, limit: limit, reuseAt: reuseFactor * int(KindCount) * limit,
	}
	for _, s := range stored {
		if s.Kind < 0 || s.Kind >= int64(KindCount) || s.Number < 1 || s.Number >= int64(block.Inline) {
			continue // no record has it
		}
		d.put(uint32(s.Number), ParseKey(Kind(s.Kind), s.Text))
	}
	for n := len(d.values) - 1; n > 0; n-- {
		if d.values[n].kind == KindCount {
			d.free = append(d.free, uint32(n))
		}
	}
	return d
}

// ReuseFrom sets from how many numbers on the numbers of removed keys are given to other keys, which costs a copy of
// all values each time. The default is a multiple of the limits.
func (d *Dictionary) ReuseFrom(n int) { d.reuseAt = n }

// Values returns all keys at this moment, by number.
func (d *Dictionary) Values() Values {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.values
}

// Use returns how many keys of each kind have numbers.
func (d *Dictionary) Use() []store.DictionaryUse {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := make([]store.DictionaryUse, 0, KindCount)
	for k, n := range d.counts {
		out = append(out, store.DictionaryUse{Kind: Kind(k).String(), Count: n, Max: d.limit})
	}
	return out
}

// Crowded reports whether three quarters of the numbers that keys of some kind can have are given.
func (d *Dictionary) Crowded() bool {
	const share = 4
	return slices.ContainsFunc(d.counts[:], func(n int) bool { return n > 0 && n >= d.limit-d.limit/share })
}

// Unused returns the numbers that keys have and that are not among those marked as used, by number.
func (d *Dictionary) Unused(used []bool) (unused []uint32) {
	for n := range used {
		if n > 0 && !used[n] && d.values[n].kind < KindCount {
			unused = append(unused, uint32(n))
		}
	}
	return unused
}

// Remove removes the keys of numbers. Values that were returned before still have them.
func (d *Dictionary) Remove(numbers []uint32) {
	if len(numbers) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.values = slices.Clone(d.values)
	for _, n := range numbers {
		k := d.values[n]
		delete(d.numbers, k)
		d.counts[k.kind]--
		d.values[n] = Key{kind: KindCount}
	}
	d.free = append(d.free, numbers...)
	slices.SortFunc(d.free, func(a, b uint32) int { return int(b) - int(a) })
	// the shortcuts may lead to what was removed
	d.byText, d.last = [KindCount]map[string]uint32{}, [KindCount]uint32{}
	for n := range d.values {
		if n > 0 && d.values[n].kind < KindCount {
			d.addShortcut(uint32(n))
		}
	}
}

func (d *Dictionary) put(number uint32, k Key) {
	for uint32(len(d.values)) <= number {
		d.values = append(d.values, Key{kind: KindCount})
	}
	d.values[number] = k
	d.numbers[k] = number
	d.counts[k.kind]++
	d.addShortcut(number)
}

// addShortcut makes the writer's shortcut to a number.
func (d *Dictionary) addShortcut(number uint32) {
	k := &d.values[number]
	if d.byText[k.kind] == nil {
		d.byText[k.kind] = map[string]uint32{}
	}
	text := k.a
	if k.kind == KindRequest {
		text = k.b
	}
	d.byText[k.kind][text] = number // of several with one text the last
}

// number returns a key's number.
func (d *Dictionary) number(k *Key) (uint32, bool) {
	if k.a == "" && k.kind.optional() {
		return 0, true
	}
	n, ok := d.numbers[*k]
	return n, ok
}

// recall finds the numbers of a call's keys by the shortcuts, and puts the texts that the dictionary has into the call,
// so that equal texts are in memory once. It returns false where some keys have to be looked up in full.
func (d *Dictionary) recall(c *usage.Call, ids *block.DictionaryIDs) (all bool) {
	all = true
	for k, text := range [KindCount]string{
		c.Model, c.Provider, c.KeyFingerprint, c.User, c.Service, c.Project, c.Scope, c.RequestModel, c.ErrorType,
		c.PriceVersion, c.Account,
	} {
		if text == "" && Kind(k).optional() {
			continue
		}
		n := d.last[k]
		if n == 0 || !d.values[n].isOf(c) {
			if n = d.byText[k][text]; n == 0 || !d.values[n].isOf(c) {
				all = false
				continue
			}
			d.last[k] = n
		}
		ids[k] = n
		d.values[n].SetIn(c)
	}
	return all
}

// hasRoom reports whether a further key of a kind can have a number, where so many are about to have one.
func (d *Dictionary) hasRoom(of Kind, added int) bool { return d.counts[of]+added < d.limit }

// spare returns the i-th number that no key has.
func (d *Dictionary) spare(i int) uint32 {
	n := len(d.values)
	switch {
	case n < d.reuseAt: // to use one again costs a copy of all values
	case i < len(d.free):
		return d.free[len(d.free)-1-i]
	default:
		i -= len(d.free)
	}
	return uint32(n + i)
}

// Additions are the keys that one write adds to a dictionary. The dictionary has them when Add was called.
type Additions struct {
	to      *Dictionary
	numbers map[Key]uint32
	counts  [KindCount]int
	stored  []Stored
}

// Additions returns no additions yet.
func (d *Dictionary) Additions() *Additions {
	return &Additions{to: d, numbers: map[Key]uint32{}}
}

// Number returns a key's number, a new one where it has none and there is room; block.Inline where there is not.
func (a *Additions) Number(k *Key) uint32 {
	if n, found := a.to.number(k); found {
		return n
	}
	if n, found := a.numbers[*k]; found {
		return n
	}
	if !a.to.hasRoom(k.kind, a.counts[k.kind]) {
		return block.Inline
	}
	n := a.to.spare(len(a.numbers))
	a.numbers[*k] = n
	a.counts[k.kind]++
	a.stored = append(a.stored, Stored{Number: int64(n), Kind: int64(k.kind), Text: k.Text()})
	return n
}

// IDs returns the numbers of a call's keys, and replaces the texts of the call by the dictionary's equal copies.
func (a *Additions) IDs(c *usage.Call) (ids block.DictionaryIDs) {
	if a.to.recall(c, &ids) {
		return ids
	}
	for kind := range KindCount {
		if ids[kind] != 0 {
			continue
		}
		k := KeyOf(c, kind)
		n := a.Number(&k)
		if ids[kind] = n; n != 0 && n&block.Inline == 0 && int(n) < len(a.to.values) {
			a.to.values[n].SetIn(c)
			if a.to.values[n].kind == kind { // else the number is about to be given
				a.to.last[kind] = n // the next call is often of the same, and the shortcut by text leads to another one
			}
		}
	}
	return ids
}

// Stored returns what an engine has to store before Add.
func (a *Additions) Stored() []Stored { return a.stored }

// Add adds keys that are committed.
func (d *Dictionary) Add(a *Additions) {
	if len(a.numbers) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	reused := false
	for _, n := range a.numbers {
		reused = reused || int(n) < len(d.values)
	}
	if reused { // readers may use the old array
		d.values = slices.Clone(d.values)
		taken := make(map[uint32]bool, len(a.numbers))
		for _, n := range a.numbers {
			taken[n] = true
		}
		d.free = slices.DeleteFunc(d.free, func(n uint32) bool { return taken[n] })
	}
	for k, n := range a.numbers {
		d.put(n, k)
	}
}
