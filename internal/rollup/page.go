package rollup

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"
	"strings"
	"time"
	"unique"
)

// Bucket is the length of the base buckets of all sums. It divides every time zone's offset, so that
// local days and hours are sums of whole buckets.
const Bucket = 15 * time.Minute

// slotsPerDay is the number of base buckets in a UTC day.
const slotsPerDay = int64(24 * time.Hour / Bucket)

// Member is a value on an axis: model and provider together on Models, else Value alone.
type Member struct{ Value, Provider string }

func compareMembers(a, b Member) int {
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Provider, b.Provider))
}

// Other stands for the members of a page that is full.
var Other = Member{Value: "(other)"}

// page is the sums of one axis and one day. Its bytes are never changed, only replaced.
//
// For each member, in the order of names, data holds a block: the number of slots (uvarint), then, of
// one slot, the slot (a byte) and its cell; of more, the cell of the whole day, the length of what
// follows (uvarint), and each slot and its cell, ascending.
type page struct {
	names []Member
	last  []int64 // by member: start (ns since the day began) of the last call, plus one; 0 where not kept
	ends  []int   // where each member's block ends in data
	data  []byte

	changed map[Member]*changed // since the bytes were made
	latest  *changed            // the one that was asked for last
	fresh   int                 // members of changed that are not in names
	cells   int                 // sums in changed
	full    bool                // too many members: new ones go to Other
	dirty   bool                // differs from what is on disk
}

// changed is what changed of one member since the bytes were made.
type changed struct {
	member Member
	cells  []slotSums // as they came
	last   int64      // start of the last call, as in page.last
	used   *time.Time // on the axis of keys: Rollup.lastUsed
}

// at gives the sums of a slot; fresh where they are new.
func (c *changed) at(slot uint8) (s *Sums, fresh bool) {
	for i := len(c.cells) - 1; i >= 0; i-- { // mostly the last
		if c.cells[i].slot == slot {
			return &c.cells[i].Sums, false
		}
	}
	c.cells = append(c.cells, slotSums{slot: slot})
	return &c.cells[len(c.cells)-1].Sums, true
}

func (p *page) block(i int) []byte {
	begin := 0
	if i > 0 {
		begin = p.ends[i-1]
	}
	return p.data[begin:p.ends[i]]
}

func (p *page) find(m Member) (int, bool) { return slices.BinarySearchFunc(p.names, m, compareMembers) }

// change gives the changes of a member; of Other where the page has no room for it.
func (p *page) change(m Member, maxMembers int) (c *changed, folded bool) {
	if p.latest != nil && p.latest.member == m { // on most axes the next call is often of the same
		return p.latest, false
	}
	if c := p.changed[m]; c != nil {
		p.latest = c
		return c, false
	}
	i, known := p.find(m)
	if !known && m != Other {
		if p.full = p.full || len(p.names)+p.fresh >= maxMembers; p.full {
			c, _ = p.change(Other, maxMembers)
			return c, true
		}
	}
	if p.changed == nil {
		p.changed = map[Member]*changed{}
	}
	if known {
		m = p.names[i]
	} else {
		p.fresh++
		m = Member{strings.Clone(m.Value), strings.Clone(m.Provider)} // it may be a part of a large text
	}
	c = &changed{member: m}
	p.changed[m] = c
	return c, false
}

// members gives where some members are in names; nil is all.
func (p *page) members(of map[Member]bool) iter.Seq[int] {
	const searchCost = 16 // steps to find one among tens of thousands
	return func(yield func(int) bool) {
		if of != nil && len(of) < len(p.names)/searchCost {
			for m, wanted := range of {
				if i, known := p.find(m); wanted && known && !yield(i) {
					return
				}
			}
			return
		}
		for i, m := range p.names {
			if (of == nil || of[m]) && !yield(i) {
				return
			}
		}
	}
}

// visitBlock visits the slots of a block, without histograms.
func visitBlock(block []byte, visit func(slot uint8, s *Sums)) {
	r := reader{b: block}
	n := r.uvarint()
	if n > 1 {
		r.addCell(nil, nil)
		r.uvarint()
	}
	for range n {
		slot := r.byte()
		var s Sums
		r.addCell(&s, nil)
		visit(slot, &s)
	}
}

// slotSums is the sums of one slot.
type slotSums struct {
	slot uint8
	Sums
}

// slots decodes a block.
func slotsOf(block []byte) ([]slotSums, error) {
	r := reader{b: block}
	n := r.uvarint()
	if n > 1 {
		r.addCell(nil, nil)
		r.uvarint()
	}
	out := make([]slotSums, 0, min(n, uint64(slotsPerDay)))
	for range n {
		s := slotSums{slot: r.byte()}
		r.addCell(&s.Sums, &s.Sums)
		if r.bad || int64(s.slot) >= slotsPerDay {
			return nil, errDamaged
		}
		out = append(out, s)
	}
	return out, nil
}

func appendBlock(b []byte, slots []slotSums) []byte {
	b = binary.AppendUvarint(b, uint64(len(slots)))
	if len(slots) == 1 {
		return appendCell(append(b, slots[0].slot), &slots[0].Sums)
	}
	var total Sums
	var each []byte
	for i := range slots {
		total.Merge(&slots[i].Sums)
		each = appendCell(append(each, slots[i].slot), &slots[i].Sums)
	}
	b = appendCell(b, &total)
	return append(binary.AppendUvarint(b, uint64(len(each))), each...)
}

// fold makes new bytes of the old ones and the changes, of the slots that keep lets through; nil is all.
func (p *page) fold(keep func(slot uint8) bool) error {
	if p.cells == 0 && keep == nil {
		return nil
	}
	names := slices.Grow(slices.Clone(p.names), p.fresh)
	for m := range p.changed {
		if _, old := p.find(m); !old {
			names = append(names, m)
		}
	}
	slices.SortFunc(names, compareMembers)
	next := page{full: p.full, dirty: p.dirty}
	for _, m := range names {
		i, old := p.find(m)
		block, last := []byte(nil), int64(0)
		if old {
			block, last = p.block(i), p.last[i]
		}
		change := p.changed[m]
		if change == nil {
			change = &changed{}
		}
		if len(change.cells) > 0 || keep != nil {
			var err error
			if block, err = foldBlock(block, change.cells, keep); err != nil {
				return err
			}
		}
		if len(block) == 0 {
			continue // nothing is left of it
		}
		if !old { // texts are kept once, on however many days a member is seen
			m = Member{unique.Make(m.Value).Value(), unique.Make(m.Provider).Value()}
		}
		next.names = append(next.names, m)
		next.last = append(next.last, max(last, change.last))
		next.data = append(next.data, block...)
		next.ends = append(next.ends, len(next.data))
	}
	next.data = slices.Clip(next.data)
	*p = next
	return nil
}

// foldBlock adds changes to a member's block.
func foldBlock(block []byte, change []slotSums, keep func(uint8) bool) ([]byte, error) {
	var slots []slotSums
	if len(block) > 0 {
		var err error
		if slots, err = slotsOf(block); err != nil {
			return nil, err
		}
	}
	for i := range change {
		at, found := slices.BinarySearchFunc(slots, change[i].slot, func(s slotSums, slot uint8) int { return cmp.Compare(s.slot, slot) })
		if found {
			slots[at].Merge(&change[i].Sums)
		} else {
			slots = slices.Insert(slots, at, change[i])
		}
	}
	slots = slices.DeleteFunc(slots, func(s slotSums) bool { return s.isZero() || (keep != nil && !keep(s.slot)) })
	if len(slots) == 0 {
		return nil, nil
	}
	return appendBlock(nil, slots), nil
}

const pageVersion = 1

// encode gives the page's bytes for the disk; it must be folded. A checksum ends them.
func (p *page) encode() []byte {
	full := byte(0)
	if p.full {
		full = 1
	}
	b := []byte{pageVersion, full}
	b = binary.AppendUvarint(b, uint64(len(p.names)))
	for i, m := range p.names {
		for _, s := range []string{m.Value, m.Provider} {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
		b = binary.AppendUvarint(b, uint64(p.last[i])) //nolint:gosec // never negative
		b = binary.AppendUvarint(b, uint64(len(p.block(i))))
	}
	b = append(b, p.data...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// decodePage reads what encode gave.
func decodePage(b []byte) (*page, error) {
	const sumSize = 4
	if len(b) < sumSize || crc32.Checksum(b[:len(b)-sumSize], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-sumSize:]) {
		return nil, errDamaged
	}
	r := reader{b: b[:len(b)-sumSize]}
	if v := r.byte(); v != pageVersion {
		return nil, fmt.Errorf("%w: their version is %d", errDamaged, v)
	}
	p := &page{full: r.byte() == 1}
	end := 0
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		m := Member{unique.Make(string(r.take(r.uvarint()))).Value(), unique.Make(string(r.take(r.uvarint()))).Value()}
		p.names, p.last = append(p.names, m), append(p.last, int64(r.uvarint())) //nolint:gosec // as encode wrote it
		end += int(r.uvarint())                                                  //nolint:gosec // as encode wrote it
		p.ends = append(p.ends, end)
	}
	if r.bad || len(r.b) != end {
		return nil, errDamaged
	}
	p.data = slices.Clone(r.b)
	return p, nil
}
