package daysums

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/varint"
)

// MostColumns bounds the columns of a set.
const MostColumns = 6

// Values are the values of the columns of a set, in their order.
type Values [MostColumns]uint64

// Encode writes the sums of a day: for each combination the values of its columns as varints, the length of its counts, and
// these. Lead is the column by which rows are sorted, whose values are numbers below 2^32; -1: none.
func Encode(columns, lead int, values []Values, sums []usage.Counts) *Day {
	d := &Day{Rows: []byte{}}
	order := make([]int, len(sums))
	for i := range order {
		order[i] = i
	}
	if lead >= 0 {
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i][lead], values[j][lead]) })
	}
	var row []byte
	for _, i := range order {
		for k := range columns {
			d.Rows = binary.AppendUvarint(d.Rows, values[i][k])
		}
		row = appendCounts(row[:0], &sums[i])
		d.Rows = append(binary.AppendUvarint(d.Rows, uint64(len(row))), row...)
		if lead < 0 {
			continue
		}
		if n, of := len(d.Leads), uint32(values[i][lead]); n > 0 && d.Leads[n-1] == of {
			d.Ends[n-1] = uint32(len(d.Rows))
		} else {
			d.Leads, d.Ends = append(d.Leads, of), append(d.Ends, uint32(len(d.Rows)))
		}
	}
	d.Rows, d.Leads, d.Ends = slices.Clip(d.Rows), slices.Clip(d.Leads), slices.Clip(d.Ends)
	return d
}

// countFields returns the figures of counts, in the order in which they are kept.
func countFields(c *usage.Counts) [13]*int64 {
	t := &c.Tokens
	return [...]*int64{
		&c.Calls, (*int64)(&c.Cost), &t.InputUncached, &t.OutputText, &t.CacheRead, &t.Reasoning, &t.CacheWrite, &t.CacheWrite1h,
		&c.Errors, &c.NoUsage, &c.Unpriced, &c.Inconsistent, &c.Estimated,
	}
}

// appendCounts appends which figures are not zero, and these.
func appendCounts(b []byte, c *usage.Counts) []byte {
	var bits uint64
	fields := countFields(c)
	for i, n := range fields {
		if *n != 0 {
			bits |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, bits)
	for _, n := range fields {
		if *n != 0 {
			b = binary.AppendVarint(b, *n)
		}
	}
	return b
}

// MergeCounts adds what appendCounts appended.
func MergeCounts(to *usage.Counts, b []byte) {
	r := varint.Reader{B: b}
	var c usage.Counts
	bits := r.Uvarint()
	for i, n := range countFields(&c) {
		if bits&(1<<i) != 0 {
			*n = r.Varint()
		}
	}
	to.Merge(&c)
}
