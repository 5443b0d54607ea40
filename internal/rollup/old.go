package rollup

import "github.com/tokenboard/tokenboard/internal/rollup/cell"

// Pages as they were before version 2: names, and of each value a block with the cell of the whole
// day, where there are several quarters, and each quarter and its cell.
const oldPageVersion = 1

// decodeOldPage reads such a page after its version. It is dirty: saved, it is of the new form.
func decodeOldPage(a Dimension, r cell.Reader) (*page, []Value, error) {
	old := &page{full: r.Byte() == 1}
	var names []Value
	var last []int64
	var lengths []uint64
	for n := r.Uvarint(); n > 0 && !r.Bad; n-- {
		names = append(names, Value{r.Text(), r.Text()})
		last = append(last, int64(r.Uvarint()))
		lengths = append(lengths, r.Uvarint())
	}
	m := newMaker(a, old)
	for i := range names {
		buckets, err := oldBuckets(r.Take(lengths[i]))
		if err != nil {
			return nil, nil, err
		}
		m.add(uint32(i), last[i], buckets, old)
	}
	if r.Bad || len(r.B) > 0 {
		return nil, nil, cell.ErrDamaged
	}
	p := m.end(old)
	p.dirty = true
	return &p, names, nil
}

// oldBuckets decodes a block.
func oldBuckets(block []byte) ([]bucketSums, error) {
	r := cell.NewReader(block)
	n := r.Uvarint()
	if n > 1 {
		r.AddCell(nil, nil)
		r.Uvarint()
	}
	out := make([]bucketSums, 0, min(n, uint64(bucketsPerDay)))
	for range n {
		s := bucketSums{bucket: r.Byte()}
		var sums Sums
		r.AddCell(&sums, &sums)
		if r.Bad || int64(s.bucket) >= bucketsPerDay {
			return nil, cell.ErrDamaged
		}
		s.Figures, s.duration, s.ttft = cell.FiguresOf(&sums), sums.Duration, sums.TTFT
		out = append(out, s)
	}
	if len(r.B) > 0 {
		return nil, cell.ErrDamaged
	}
	return out, nil
}
