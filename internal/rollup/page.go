package rollup

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// Bucket is the length of the base buckets of all sums. It divides every time zone's offset, so that
// local days and hours are sums of whole buckets.
const Bucket = 15 * time.Minute

// bucketsPerDay is the number of base buckets in a UTC day.
const bucketsPerDay = int64(24 * time.Hour / Bucket)

// Value is a value on an axis: model and provider together on Models, else Value alone.
type Value struct{ Value, Provider string }

func compareValues(a, b Value) int {
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Provider, b.Provider))
}

// Overflow stands for the members of a page that is full.
var Overflow = Value{Value: "(other)"}

// page is the sums of one axis and one day. What it points to is never changed, only replaced, apart
// from the changes: over and what follows it.
//
// Its members' figures of the whole day, which most questions are about, are in memory always. Those
// of quarters of an hour, and histograms that are large, can be let go while they are as on disk.
type page struct {
	ids      []uint32 // members, in the order of their names
	last     []int64  // by member: start (ns since the day began) of the last call, plus one; on Keys only
	day      columns
	partials []*partialDay
	// version changes with each fold, so that parts read from disk are known to be of this page.
	version uint32
	// identity is another one for each page ever made, see Rollup.identify.
	identity uint64
	hist     *blob // by member: histograms of the whole day; nil: on disk
	// buckets are by member: the number of quarters with calls (uvarint), and each of them (a byte) and its
	// cell; where it is one only, its cell is left out: it is the day's. nil: on disk.
	buckets *blob

	pendingChanges map[uint32]*valueChanges // members with changes since the rest was made
	lastChanged    *valueChanges            // the one that was asked for last
	cells          int                      // sums in over
	fresh          int                      // members of over that are not in ids
	full           bool                     // takes nobody in, see admit
	closed         bool                     // takes in who has sums on an earlier day only, see admit
	dirty          bool                     // differs from what is on disk
}

// valueChanges is what changed of one member since the rest of its page was made.
type valueChanges struct {
	member  uint32
	fresh   bool         // it is not in the page's ids
	buckets []bucketSums // as they came
	last    int64        // start of the last call, as in page.last
	used    *time.Time   // on the axis of keys: in Rollup.lastUsed
}

// at gives the sums of a slot; fresh where they are new.
func (c *valueChanges) at(slot uint8) (s *bucketSums, fresh bool) {
	for i := len(c.buckets) - 1; i >= 0; i-- { // mostly the last
		if c.buckets[i].bucket == slot {
			return &c.buckets[i], false
		}
	}
	c.buckets = append(c.buckets, bucketSums{bucket: slot})
	return &c.buckets[len(c.buckets)-1], true
}

// partialDay is the sums of a part of a day: of a zone whose days begin within it.
type partialDay struct {
	end     uint8 // the first one that is not in it
	columns       // figures of the slots before
	hist    *blob // their histograms; nil where the page's own are large
}

// maxPartials bounds the prefixes of a page.
const maxPartials = 2

func (p *page) partial(slot uint8) *partialDay {
	for _, c := range p.partials {
		if c.end == slot {
			return c
		}
	}
	return nil
}

// largeHist is from how many bytes on a page's histograms are kept on disk apart.
const largeHist = 16 << 10

// bucketSums is the sums of one slot.
type bucketSums struct {
	bucket uint8
	figures
	duration, ttft Histogram
}

func (s *bucketSums) isZero() bool {
	return s.figures == figures{} && len(s.duration.index) == 0 && len(s.ttft.index) == 0
}

// bucketsOfValue decodes a member's slots.
func (p *page) bucketsOfValue(i int) ([]bucketSums, error) {
	r := reader{b: p.buckets.block(i)}
	n := r.uvarint()
	if n > uint64(bucketsPerDay) {
		return nil, errDamaged
	}
	out := make([]bucketSums, n)
	for k := range out {
		s := &out[k]
		s.bucket = r.byte()
		var h []byte
		if n == 1 {
			s.figures, h = p.day.row(i), p.hist.block(i)
		} else {
			h = r.packed(&s.figures)
		}
		if err := readHistograms(h, &s.duration, &s.ttft); err != nil {
			return nil, err
		}
		if r.bad || int64(s.bucket) >= bucketsPerDay {
			return nil, errDamaged
		}
	}
	return out, nil
}

func appendBuckets(b []byte, slots []bucketSums) []byte {
	b = binary.AppendUvarint(b, uint64(len(slots)))
	for i := range slots {
		s := &slots[i]
		b = append(b, s.bucket)
		if len(slots) > 1 {
			b = appendPacked(b, &s.figures, &s.duration, &s.ttft)
		}
	}
	return b
}

// maker makes a page member by member.
type maker struct {
	page
	dimension    Dimension
	rows         []figures
	partialRows  [][]figures // by cut, of each member
	partialHists []*blob
	room         []byte
	dur, ttft    Histogram
}

func newMaker(a Dimension, old *page) *maker {
	m := &maker{page: page{full: old.full, closed: old.closed, dirty: old.dirty, version: old.version + 1, hist: &blob{}, buckets: &blob{}}, dimension: a}
	for range old.partials {
		m.partialRows = append(m.partialRows, nil)
		m.partialHists = append(m.partialHists, &blob{})
	}
	return m
}

func (m *maker) name(id uint32, last int64) {
	m.ids = append(m.ids, id)
	if m.dimension == Keys {
		m.last = append(m.last, last)
	}
}

// add adds a member with its slots.
func (m *maker) add(id uint32, last int64, slots []bucketSums, old *page) {
	m.name(id, last)
	m.room = appendBuckets(m.room[:0], slots)
	m.buckets.append(m.room)
	row, hist := m.upTo(uint8(bucketsPerDay), slots)
	m.rows = append(m.rows, row)
	m.hist.append(hist)
	for k, c := range old.partials {
		row, hist := m.upTo(c.end, slots)
		m.partialRows[k] = append(m.partialRows[k], row)
		m.partialHists[k].append(hist)
	}
}

// upTo adds the slots before one.
func (m *maker) upTo(end uint8, slots []bucketSums) (row figures, hist []byte) {
	m.dur, m.ttft = Histogram{}, Histogram{}
	for i := range slots {
		if s := &slots[i]; s.bucket < end {
			row.add(&s.figures)
			m.dur.Merge(&s.duration)
			m.ttft.Merge(&s.ttft)
		}
	}
	m.room = appendHistograms(m.room[:0], &m.dur, &m.ttft)
	return row, m.room
}

// copy adds a member as it is in the old page.
func (m *maker) copy(old *page, i int) {
	last := int64(0)
	if old.last != nil {
		last = old.last[i]
	}
	m.name(old.ids[i], last)
	m.buckets.append(old.buckets.block(i))
	m.rows = append(m.rows, old.day.row(i))
	m.hist.append(old.hist.block(i))
	for k, c := range old.partials {
		m.partialRows[k] = append(m.partialRows[k], c.row(i))
		if c.hist != nil {
			m.partialHists[k].append(c.hist.block(i))
		}
	}
}

// end gives the page.
func (m *maker) end(old *page) page {
	p := m.page
	p.day = makeColumns(m.rows)
	p.hist.data, p.buckets.data = slices.Clip(p.hist.data), slices.Clip(p.buckets.data)
	for k, c := range old.partials {
		cut := &partialDay{end: c.end, columns: makeColumns(m.partialRows[k])}
		if c.hist != nil && len(p.hist.data) <= largeHist {
			cut.hist = m.partialHists[k]
		}
		p.partials = append(p.partials, cut)
	}
	return p
}

// merged makes a new page of this one, whose parts must be there, and the changes, of the slots that
// keep lets through; nil is all. names gives the members' names.
func (p *page) merged(a Dimension, names []Value, keep func(slot uint8) bool) (*page, error) {
	byName := func(a, b uint32) int { return compareValues(names[a], names[b]) }
	fresh := make([]uint32, 0, p.fresh)
	for id, c := range p.pendingChanges {
		if c.fresh {
			fresh = append(fresh, id)
		}
	}
	slices.SortFunc(fresh, byName)
	m := newMaker(a, p)
	one := func(id uint32, i int) error { // i is -1 where it is new
		last, change := int64(0), []bucketSums(nil)
		if c := p.pendingChanges[id]; c != nil {
			last, change = c.last, c.buckets
		}
		if i >= 0 && p.last != nil {
			last = max(last, p.last[i])
		}
		if len(change) == 0 && keep == nil {
			m.copy(p, i)
			return nil
		}
		var slots []bucketSums
		if i >= 0 {
			var err error
			if slots, err = p.bucketsOfValue(i); err != nil {
				return err
			}
		}
		if slots = mergeBuckets(slots, change, keep); len(slots) > 0 {
			m.add(id, last, slots, p)
		}
		return nil
	}
	for i, id := range p.ids {
		for len(fresh) > 0 && byName(fresh[0], id) < 0 {
			if err := one(fresh[0], -1); err != nil {
				return nil, err
			}
			fresh = fresh[1:]
		}
		if err := one(id, i); err != nil {
			return nil, err
		}
	}
	for _, id := range fresh {
		if err := one(id, -1); err != nil {
			return nil, err
		}
	}
	next := m.end(p)
	return &next, nil
}

// mergeBuckets adds changes to a member's slots.
func mergeBuckets(slots, change []bucketSums, keep func(uint8) bool) []bucketSums {
	for i := range change {
		c := &change[i]
		at, found := slices.BinarySearchFunc(slots, c.bucket, func(s bucketSums, slot uint8) int { return cmp.Compare(s.bucket, slot) })
		if !found {
			slots = slices.Insert(slots, at, *c)
			continue
		}
		s := &slots[at]
		s.add(&c.figures)
		s.duration.Merge(&c.duration)
		s.ttft.Merge(&c.ttft)
	}
	return slices.DeleteFunc(slots, func(s bucketSums) bool { return s.isZero() || (keep != nil && !keep(s.bucket)) })
}

const pageVersion = 2

const (
	pageFull     = 1 << iota // new members go to Other
	pageWithHist             // the histograms are in the page
	pageClosed               // of new members, only those of earlier days are taken in
)

// Part is a part of a page that is kept apart from it on disk.
type Part uint8

// The parts: the sums of quarters of an hour, and histograms where they are large.
const (
	Buckets Part = 1 + iota
	Hists
)

// encode gives the page's bytes for the disk; it must be folded. A checksum ends them.
func (p *page) encode(names []Value) []byte {
	flags := byte(0)
	if p.full {
		flags |= pageFull
	}
	if p.closed {
		flags |= pageClosed
	}
	if p.smallHist() {
		flags |= pageWithHist
	}
	b := []byte{pageVersion, flags}
	b = binary.LittleEndian.AppendUint32(b, p.version)
	b = binary.AppendUvarint(b, uint64(len(p.ids)))
	for _, id := range p.ids {
		b = appendText(appendText(b, names[id].Value), names[id].Provider)
	}
	for _, last := range p.last {
		b = binary.AppendUvarint(b, uint64(last))
	}
	b = p.day.encode(b, len(p.ids))
	if p.smallHist() {
		b = p.hist.encode(b)
	}
	b = append(b, byte(len(p.partials)))
	for _, c := range p.partials {
		with := byte(0)
		if c.hist != nil {
			with = 1
		}
		b = c.encode(append(b, c.end, with), len(p.ids))
		if c.hist != nil {
			b = c.hist.encode(b)
		}
	}
	return checked(b)
}

// smallHist tells whether the histograms are kept in the page itself.
func (p *page) smallHist() bool { return p.hist != nil && len(p.hist.data) <= largeHist }

// encodePart gives the bytes of a part.
func (p *page) encodePart(part Part) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{pageVersion, byte(part)}, p.version)
	if part == Buckets {
		return checked(p.buckets.encode(b))
	}
	return checked(p.hist.encode(b))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checked(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// check gives what checked was given.
func check(b []byte) ([]byte, error) {
	const sumSize = 4
	if len(b) < sumSize || crc32.Checksum(b[:len(b)-sumSize], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-sumSize:]) {
		return nil, errDamaged
	}
	return b[:len(b)-sumSize], nil
}

func (r *reader) uint32() uint32 {
	b := r.take(4)
	if len(b) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// decodePage reads what encode gave. The members' names come apart, in the order of the page.
func decodePage(a Dimension, b []byte) (*page, []Value, error) {
	b, err := check(b)
	if err != nil {
		return nil, nil, err
	}
	r := reader{b: b}
	switch v := r.byte(); v {
	case oldPageVersion:
		return decodeOldPage(a, r)
	case pageVersion:
	default:
		return nil, nil, fmt.Errorf("%w: their version is %d", errDamaged, v)
	}
	flags := r.byte()
	p := &page{full: flags&pageFull != 0, closed: flags&pageClosed != 0, version: r.uint32()}
	var names []Value
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		names = append(names, Value{r.text(), r.text()})
	}
	if a == Keys {
		for range names {
			p.last = append(p.last, int64(r.uvarint()))
		}
	}
	p.day = r.columns(len(names))
	if flags&pageWithHist != 0 {
		p.hist = r.blob(len(names))
	}
	for n := r.byte(); n > 0 && !r.bad; n-- {
		c := &partialDay{end: r.byte()}
		with := r.byte()
		c.columns = r.columns(len(names))
		if with != 0 {
			c.hist = r.blob(len(names))
		}
		p.partials = append(p.partials, c)
	}
	if r.bad || len(r.b) > 0 {
		return nil, nil, errDamaged
	}
	return p, names, nil
}

// errOther reports a part of another version of a page: the page was folded and saved meanwhile.
var errOther = fmt.Errorf("%w: a part is of another version", errDamaged)

// decodePart reads what encodePart gave.
func decodePart(b []byte, part Part, version uint32, members int) (*blob, error) {
	b, err := check(b)
	if err != nil {
		return nil, err
	}
	r := reader{b: b}
	if r.byte() != pageVersion || Part(r.byte()) != part {
		return nil, errDamaged
	}
	if r.uint32() != version {
		return nil, errOther
	}
	out := r.blob(members)
	if r.bad || len(r.b) > 0 {
		return nil, errDamaged
	}
	return out, nil
}
