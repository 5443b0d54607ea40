package rollup

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// Bucket is the length of the base buckets of all sums. It divides every time zone's offset, so that
// local days and hours are sums of whole buckets.
const Bucket = 15 * time.Minute

// bucketsPerDay is the number of base buckets in a UTC day.
const bucketsPerDay = int64(24 * time.Hour / Bucket)

// Sums are exact sums over calls that count.
type Sums = cell.Sums

// Histogram is a distribution of durations.
type Histogram = cell.Histogram

// Value is a value of a dimension: model and provider together on Models, else Value alone.
type Value struct{ Value, Provider string }

func compareValues(a, b Value) int {
	return cmp.Or(strings.Compare(a.Value, b.Value), strings.Compare(a.Provider, b.Provider))
}

// Overflow replaces values that a full page does not admit.
var Overflow = Value{Value: "(other)"}

// page is the sums of one dimension and one day. The data that it points to are never changed, only replaced, apart
// from the changes: over and the fields below it.
//
// Its values' figures of the whole day, which most questions are about, are in memory always. The figures of base
// buckets, and large histograms, can be dropped from memory while they are as on disk.
type page struct {
	ids      []uint32 // values, in the order of their names
	last     []int64  // by value: start (ns since the day began) of the last call, plus one; on Keys only
	day      cell.Columns
	partials []*partialDay
	// version changes with each merge, so that parts read from disk are known to be of this page.
	version uint32
	// identity is another one for each page ever made, see Rollup.identify.
	identity uint64
	hist     *cell.Blob // by value: histograms of the whole day; nil: on disk
	// buckets are by value: the number of quarters with calls (uvarint), and each of them (a byte) and its
	// cell; where it is one only, its cell is left out: it is the day's. nil: on disk.
	buckets *cell.Blob

	pendingChanges map[uint32]*valueChanges // values with changes since the rest was made
	lastChanged    *valueChanges            // the one that was asked for last
	cells          int                      // sums in over
	fresh          int                      // values of over that are not in ids
	full           bool                     // takes no value in, see admit
	closed         bool                     // only admits values that have sums on an earlier day, see admit
	dirty          bool                     // differs from what is on disk
}

// valueChanges has the changes of one value that are not merged into its page yet.
type valueChanges struct {
	value   uint32
	fresh   bool         // it is not in the page's ids
	buckets []bucketSums // as they came
	last    int64        // start of the last call, as in page.last
	used    *time.Time   // of the dimension of keys: in Rollup.lastUsed
}

// at returns the sums of a bucket; fresh where they are new.
func (c *valueChanges) at(bucket uint8) (s *bucketSums, fresh bool) {
	for i := len(c.buckets) - 1; i >= 0; i-- { // mostly the last
		if c.buckets[i].bucket == bucket {
			return &c.buckets[i], false
		}
	}
	c.buckets = append(c.buckets, bucketSums{bucket: bucket})
	return &c.buckets[len(c.buckets)-1], true
}

// partialDay is the sums of a part of a day: of a zone whose days begin within it.
type partialDay struct {
	end          uint8      // the first one that is not in it
	cell.Columns            // figures of the buckets before
	hist         *cell.Blob // their histograms; nil where the page's own are large
}

// maxPartials bounds the partial days of a page.
const maxPartials = 2

func (p *page) partial(bucket uint8) *partialDay {
	for _, c := range p.partials {
		if c.end == bucket {
			return c
		}
	}
	return nil
}

// largeHist is from how many bytes on a page's histograms are kept on disk apart.
const largeHist = 16 << 10

// bucketSums is the sums of one bucket.
type bucketSums struct {
	bucket uint8
	cell.Figures
	duration, ttft Histogram
}

func (s *bucketSums) isZero() bool {
	return s.Figures == cell.Figures{} && s.duration.IsEmpty() && s.ttft.IsEmpty()
}

// bucketsOfValue decodes a value's buckets.
func (p *page) bucketsOfValue(i int) ([]bucketSums, error) {
	r := cell.NewReader(p.buckets.At(i))
	n := r.Uvarint()
	if n > uint64(bucketsPerDay) {
		return nil, cell.ErrDamaged
	}
	out := make([]bucketSums, n)
	for k := range out {
		s := &out[k]
		s.bucket = r.Byte()
		var h []byte
		if n == 1 {
			s.Figures, h = p.day.Row(i), p.hist.At(i)
		} else {
			h = r.Packed(&s.Figures)
		}
		if err := cell.ReadHistograms(h, &s.duration, &s.ttft); err != nil {
			return nil, err
		}
		if r.Bad || int64(s.bucket) >= bucketsPerDay {
			return nil, cell.ErrDamaged
		}
	}
	return out, nil
}

func appendBuckets(b []byte, buckets []bucketSums) []byte {
	b = binary.AppendUvarint(b, uint64(len(buckets)))
	for i := range buckets {
		s := &buckets[i]
		b = append(b, s.bucket)
		if len(buckets) > 1 {
			b = cell.AppendPacked(b, &s.Figures, &s.duration, &s.ttft)
		}
	}
	return b
}

// maker makes a page value by value.
type maker struct {
	page
	dimension    Dimension
	rows         []cell.Figures
	partialRows  [][]cell.Figures // by cut, of each value
	partialHists []*cell.Blob
	room         []byte
	dur, ttft    Histogram
}

func newMaker(a Dimension, old *page) *maker {
	m := &maker{page: page{full: old.full, closed: old.closed, dirty: old.dirty, version: old.version + 1, hist: &cell.Blob{}, buckets: &cell.Blob{}}, dimension: a}
	for range old.partials {
		m.partialRows = append(m.partialRows, nil)
		m.partialHists = append(m.partialHists, &cell.Blob{})
	}
	return m
}

func (m *maker) name(id uint32, last int64) {
	m.ids = append(m.ids, id)
	if m.dimension == Keys {
		m.last = append(m.last, last)
	}
}

// add adds a value with its buckets.
func (m *maker) add(id uint32, last int64, buckets []bucketSums, old *page) {
	m.name(id, last)
	m.room = appendBuckets(m.room[:0], buckets)
	m.buckets.Append(m.room)
	row, hist := m.upTo(uint8(bucketsPerDay), buckets)
	m.rows = append(m.rows, row)
	m.hist.Append(hist)
	for k, c := range old.partials {
		row, hist := m.upTo(c.end, buckets)
		m.partialRows[k] = append(m.partialRows[k], row)
		m.partialHists[k].Append(hist)
	}
}

// upTo adds the buckets before one.
func (m *maker) upTo(end uint8, buckets []bucketSums) (row cell.Figures, hist []byte) {
	m.dur, m.ttft = Histogram{}, Histogram{}
	for i := range buckets {
		if s := &buckets[i]; s.bucket < end {
			row.Add(&s.Figures)
			m.dur.Merge(&s.duration)
			m.ttft.Merge(&s.ttft)
		}
	}
	m.room = cell.AppendHistograms(m.room[:0], &m.dur, &m.ttft)
	return row, m.room
}

// copy adds a value as it is in the old page.
func (m *maker) copy(old *page, i int) {
	last := int64(0)
	if old.last != nil {
		last = old.last[i]
	}
	m.name(old.ids[i], last)
	m.buckets.Append(old.buckets.At(i))
	m.rows = append(m.rows, old.day.Row(i))
	m.hist.Append(old.hist.At(i))
	for k, c := range old.partials {
		m.partialRows[k] = append(m.partialRows[k], c.Row(i))
		if c.hist != nil {
			m.partialHists[k].Append(c.hist.At(i))
		}
	}
}

// end returns the page.
func (m *maker) end(old *page) page {
	p := m.page
	p.day = cell.MakeColumns(m.rows)
	p.hist.Clip()
	p.buckets.Clip()
	for k, c := range old.partials {
		cut := &partialDay{end: c.end, Columns: cell.MakeColumns(m.partialRows[k])}
		if c.hist != nil && p.hist.Len() <= largeHist {
			cut.hist = m.partialHists[k]
		}
		p.partials = append(p.partials, cut)
	}
	return p
}

// merged makes a new page of this one, whose parts must be there, and the changes, of the buckets that
// keep lets through; nil is all. names are the names of the values.
func (p *page) merged(a Dimension, names []Value, keep func(bucket uint8) bool) (*page, error) {
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
		var buckets []bucketSums
		if i >= 0 {
			var err error
			if buckets, err = p.bucketsOfValue(i); err != nil {
				return err
			}
		}
		if buckets = mergeBuckets(buckets, change, keep); len(buckets) > 0 {
			m.add(id, last, buckets, p)
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

// mergeBuckets adds changes to a value's buckets.
func mergeBuckets(buckets, change []bucketSums, keep func(uint8) bool) []bucketSums {
	for i := range change {
		c := &change[i]
		at, found := slices.BinarySearchFunc(buckets, c.bucket, func(s bucketSums, bucket uint8) int { return cmp.Compare(s.bucket, bucket) })
		if !found {
			buckets = slices.Insert(buckets, at, *c)
			continue
		}
		s := &buckets[at]
		s.Add(&c.Figures)
		s.duration.Merge(&c.duration)
		s.ttft.Merge(&c.ttft)
	}
	return slices.DeleteFunc(buckets, func(s bucketSums) bool { return s.isZero() || (keep != nil && !keep(s.bucket)) })
}

const pageVersion = 2

const (
	pageFull     = 1 << iota // new values go to Overflow
	pageWithHist             // the histograms are in the page
	pageClosed               // of new values, only those of earlier days are taken in
)

// Part is a part of a page that is kept apart from it on disk.
type Part uint8

// The parts: the sums of base buckets, and histograms where they are large.
const (
	Buckets Part = 1 + iota
	Hists
)

// encode returns the page's bytes for the disk; its changes must be merged. A checksum ends them.
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
		b = cell.AppendText(cell.AppendText(b, names[id].Value), names[id].Provider)
	}
	for _, last := range p.last {
		b = binary.AppendUvarint(b, uint64(last))
	}
	b = p.day.Encode(b, len(p.ids))
	if p.smallHist() {
		b = p.hist.Encode(b)
	}
	b = append(b, byte(len(p.partials)))
	for _, c := range p.partials {
		with := byte(0)
		if c.hist != nil {
			with = 1
		}
		b = c.Encode(append(b, c.end, with), len(p.ids))
		if c.hist != nil {
			b = c.hist.Encode(b)
		}
	}
	return checked(b)
}

// smallHist reports whether the histograms are kept in the page itself.
func (p *page) smallHist() bool { return p.hist != nil && p.hist.Len() <= largeHist }

// encodePart returns the bytes of a part.
func (p *page) encodePart(part Part) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{pageVersion, byte(part)}, p.version)
	if part == Buckets {
		return checked(p.buckets.Encode(b))
	}
	return checked(p.hist.Encode(b))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checked(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// check returns what checked was given.
func check(b []byte) ([]byte, error) {
	const sumSize = 4
	if len(b) < sumSize || crc32.Checksum(b[:len(b)-sumSize], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-sumSize:]) {
		return nil, cell.ErrDamaged
	}
	return b[:len(b)-sumSize], nil
}

// decodePage reads what encode gave. The values' names come apart, in the order of the page.
func decodePage(a Dimension, b []byte) (*page, []Value, error) {
	b, err := check(b)
	if err != nil {
		return nil, nil, err
	}
	r := cell.NewReader(b)
	switch v := r.Byte(); v {
	case oldPageVersion:
		return decodeOldPage(a, r)
	case pageVersion:
	default:
		return nil, nil, fmt.Errorf("%w: their version is %d", cell.ErrDamaged, v)
	}
	flags := r.Byte()
	p := &page{full: flags&pageFull != 0, closed: flags&pageClosed != 0, version: r.Uint32()}
	var names []Value
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		names = append(names, Value{r.Text(), r.Text()})
	}
	if a == Keys {
		for range names {
			p.last = append(p.last, int64(r.Uvarint()))
		}
	}
	p.day = r.Columns(len(names))
	if flags&pageWithHist != 0 {
		p.hist = r.Blob(len(names))
	}
	for n := r.Byte(); n > 0 && !r.Bad; n-- {
		c := &partialDay{end: r.Byte()}
		with := r.Byte()
		c.Columns = r.Columns(len(names))
		if with != 0 {
			c.hist = r.Blob(len(names))
		}
		p.partials = append(p.partials, c)
	}
	if r.Bad || len(r.B) > 0 {
		return nil, nil, cell.ErrDamaged
	}
	return p, names, nil
}

// errOther reports a part of another version of a page: the page was merged and saved meanwhile.
var errOther = fmt.Errorf("%w: a part is of another version", cell.ErrDamaged)

// decodePart reads what encodePart gave.
func decodePart(b []byte, part Part, version uint32, members int) (*cell.Blob, error) {
	b, err := check(b)
	if err != nil {
		return nil, err
	}
	r := cell.NewReader(b)
	if r.Byte() != pageVersion || Part(r.Byte()) != part {
		return nil, cell.ErrDamaged
	}
	if r.Uint32() != version {
		return nil, errOther
	}
	out := r.Blob(members)
	if r.Bad || len(r.B) > 0 {
		return nil, cell.ErrDamaged
	}
	return out, nil
}
