package rollup

// Pages as they were before version 2: names, and of each member a block with the cell of the whole
// day, where there are several quarters, and each quarter and its cell.
const oldPageVersion = 1

// decodeOldPage reads such a page after its version. It is dirty: saved, it is of the new form.
func decodeOldPage(a Dimension, r reader) (*page, []Value, error) {
	old := &page{full: r.byte() == 1}
	var names []Value
	var last []int64
	var lengths []uint64
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		names = append(names, Value{r.text(), r.text()})
		last = append(last, int64(r.uvarint()))
		lengths = append(lengths, r.uvarint())
	}
	m := newMaker(a, old)
	for i := range names {
		slots, err := oldBuckets(r.take(lengths[i]))
		if err != nil {
			return nil, nil, err
		}
		m.add(uint32(i), last[i], slots, old)
	}
	if r.bad || len(r.b) > 0 {
		return nil, nil, errDamaged
	}
	p := m.end(old)
	p.dirty = true
	return &p, names, nil
}

// oldBuckets decodes a block.
func oldBuckets(block []byte) ([]bucketSums, error) {
	r := reader{b: block}
	n := r.uvarint()
	if n > 1 {
		r.addCell(nil, nil)
		r.uvarint()
	}
	out := make([]bucketSums, 0, min(n, uint64(bucketsPerDay)))
	for range n {
		s := bucketSums{bucket: r.byte()}
		var sums Sums
		r.addCell(&sums, &sums)
		if r.bad || int64(s.bucket) >= bucketsPerDay {
			return nil, errDamaged
		}
		s.figures, s.duration, s.ttft = figuresOf(&sums), sums.Duration, sums.TTFT
		out = append(out, s)
	}
	if len(r.b) > 0 {
		return nil, errDamaged
	}
	return out, nil
}
