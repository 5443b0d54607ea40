package cube

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Figure is one of the counted figures of a cell.
type Figure uint8

// The figures. Cost is in nano-USD.
const (
	Calls Figure = iota
	Errors
	NoUsage
	Unpriced
	Cost // nano-USD
	InputUncached
	CacheRead
	CacheWrite
	OutputText
	Reasoning
	FigureCount
)

// Figures are all of them.
type Figures [FigureCount]int64

// FiguresOf returns the figures of sums.
func FiguresOf(s *rollup.Sums) Figures {
	t := &s.Tokens
	return Figures{
		s.Calls, s.Errors, s.NoUsage, s.Unpriced, int64(s.Cost),
		t.InputUncached, t.CacheRead, t.CacheWrite, t.OutputText, t.Reasoning,
	}
}

// Timing is one of the histograms.
type Timing uint8

// The histograms: seconds, and output tokens per second.
const (
	Duration Timing = iota
	TTFT
	Speed
	TimingCount
)

// distribution is the values of one histogram, in the buckets of a native histogram of schema 3: bucket i holds the
// values v with 2^((i-1)/8) < v <= 2^(i/8).
type distribution struct {
	buckets map[int16]int64
	count   int64
	sum     float64
}

// BucketsPerDoubling is the resolution of distributions.
const BucketsPerDoubling = 8

func (d *distribution) observe(v float64) {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return
	}
	i := math.Ceil(math.Log2(v) * BucketsPerDoubling)
	if i < math.MinInt16/2 || i > math.MaxInt16/2 {
		return
	}
	d.add(int16(i), 1)
	d.sum += v
}

func (d *distribution) add(bucket int16, n int64) {
	if d.buckets == nil {
		d.buckets = map[int16]int64{}
	}
	d.buckets[bucket] += n
	d.count += n
}

// timingsOf calls observe with each time of a call that is known, in seconds, and its speed in tokens per second.
func timingsOf(c *usage.Call, observe func(Timing, float64)) {
	if c.Duration <= 0 {
		return
	}
	observe(Duration, c.Duration.Seconds())
	ttft := max(c.TTFT, 0)
	if ttft > 0 {
		observe(TTFT, ttft.Seconds())
	}
	if generating := c.Duration - ttft; generating > 0 && c.Tokens.Output() > 0 {
		observe(Speed, float64(c.Tokens.Output())/generating.Seconds())
	}
}

// The resolution of sums.
const (
	SlotLength   = 15 * time.Minute
	SlotsPerHour = 4
)

// hourOf is the number of the UTC hour that has a time.
func hourOf(t time.Time) int64 { return FloorDiv(t.Unix(), 3600) }

func hourStart(hour int64) time.Time { return time.Unix(hour*3600, 0).UTC() }

// FloorDiv divides, and rounds down.
func FloorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// slotOf is the number of the quarter of an hour within its hour.
func slotOf(t time.Time) uint8 {
	return uint8(t.Unix() / int64(SlotLength/time.Second) & (SlotsPerHour - 1))
}

// Page is the sums of one hour by series and quarter of an hour. It is never changed.
type Page struct {
	data  []byte // cells, by series, then by slot
	calls [SlotsPerHour]int64
}

func (p *Page) size() int { return len(p.data) + pageOverhead }

const pageOverhead = 96 // bytes

// draft is a page while records are added to it.
type draft struct {
	cells map[cellKey]*cell
	calls [SlotsPerHour]int64
}

type cellKey struct {
	series uint32
	slot   uint8
}

type cell struct {
	sums  rollup.Sums
	times [TimingCount]distribution
}

func (d *draft) add(series uint32, c *usage.Call) {
	k := cellKey{series, slotOf(c.Start)}
	one := d.cells[k]
	if one == nil {
		if d.cells == nil {
			d.cells = map[cellKey]*cell{}
		}
		one = &cell{}
		d.cells[k] = one
	}
	one.sums.AddCounts(c, 1)
	timingsOf(c, func(t Timing, v float64) { one.times[t].observe(v) })
	d.calls[k.slot]++
}

// page encodes the draft. A cell is its series and slot, a bitmap of the figures that are not zero, these as zigzag
// varints, and the bytes of its histograms after their length, so that a reader of figures passes over them.
func (d *draft) page() *Page {
	keys := make([]cellKey, 0, len(d.cells))
	for k := range d.cells {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b cellKey) int {
		return int(int64(a.series)*SlotsPerHour+int64(a.slot)) - int(int64(b.series)*SlotsPerHour+int64(b.slot))
	})
	p := &Page{calls: d.calls}
	var times []byte
	for _, k := range keys {
		c := d.cells[k]
		p.data = append(binary.AppendUvarint(p.data, uint64(k.series)), k.slot)
		f := FiguresOf(&c.sums)
		var bits uint16
		for i, n := range f {
			if n != 0 {
				bits |= 1 << i
			}
		}
		p.data = binary.AppendUvarint(p.data, uint64(bits))
		for _, n := range f {
			if n != 0 {
				p.data = binary.AppendVarint(p.data, n)
			}
		}
		times = times[:0]
		for t := range c.times {
			times = appendDistribution(times, &c.times[t])
		}
		p.data = append(binary.AppendUvarint(p.data, uint64(len(times))), times...)
	}
	p.data = slices.Clip(p.data)
	return p
}

func appendDistribution(b []byte, d *distribution) []byte {
	b = binary.AppendUvarint(b, uint64(len(d.buckets)))
	if len(d.buckets) == 0 {
		return b
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(d.sum))
	for i, n := range d.buckets {
		b = binary.AppendUvarint(binary.AppendVarint(b, int64(i)), uint64(n))
	}
	return b
}

// Each visits the cells. Those whose series wanted refuses are not decoded. times is valid during the visit only;
// EachTime reads it.
func (p *Page) Each(wanted func(series uint32) bool, visit func(series uint32, slot uint8, f *Figures, times []byte)) {
	r := reader{p.data}
	var f Figures
	for len(r.b) > 0 {
		series := uint32(r.uvarint())
		slot := r.b[0]
		r.b = r.b[1:]
		bits := r.uvarint()
		take := wanted(series)
		for i := range f {
			f[i] = 0
			if bits&(1<<i) != 0 {
				f[i] = r.varint()
			}
		}
		n := r.uvarint()
		times := r.b[:n]
		r.b = r.b[n:]
		if take {
			visit(series, slot, &f, times)
		}
	}
}

// EachTime visits the buckets of one histogram of a cell, with the sum of its values in the first visit.
func EachTime(times []byte, which Timing, visit func(bucket int16, count int64, sum float64)) {
	r := reader{times}
	for t := range TimingCount {
		n := r.uvarint()
		if n == 0 {
			continue
		}
		sum := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
		r.b = r.b[8:]
		for range n {
			bucket, count := r.varint(), r.uvarint()
			if t == which {
				visit(int16(bucket), int64(count), sum)
				sum = 0
			}
		}
		if t == which {
			return
		}
	}
}

// reader reads bytes that this package wrote in this process.
type reader struct{ b []byte }

func (r *reader) uvarint() uint64 {
	if r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}
