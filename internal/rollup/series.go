package rollup

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Label is one of the labels that series can have.
type Label uint8

// The labels, in the order of Labels.
const (
	LabelProvider Label = iota
	LabelModel
	LabelService
	LabelKey    // key fingerprint
	LabelStatus // "ok", "error" or the class of the HTTP status: "2xx", "4xx", ...
	LabelCount
)

// Labels are a series' label values; those of labels that are not used are empty.
type Labels [LabelCount]string

// otherLabels stand for the series beyond the limit.
func otherLabels(used [LabelCount]bool) (l Labels) {
	for i := range l {
		if used[i] {
			l[i] = "other"
		}
	}
	return l
}

// Timings are what the calls of one model of one provider took. Their buckets are those of a
// Prometheus native histogram of schema 3: bucket i holds values v (seconds, or tokens per second)
// with 2^((i-1)/8) < v <= 2^(i/8).
type Timings struct {
	Duration, TTFT, Speed Native
}

// Native is a histogram with the buckets of schema 3.
type Native struct {
	Buckets map[int16]int64
	Count   int64
	Sum     float64
}

// nativePerDoubling is 2^3: schema 3 has buckets that grow by 2^(2^-3).
const nativePerDoubling = 8

func (n *Native) observe(v float64) {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return
	}
	i := math.Ceil(math.Log2(v) * nativePerDoubling)
	if i < -1<<14 || i > 1<<14 {
		return
	}
	if n.Buckets == nil {
		n.Buckets = map[int16]int64{}
	}
	n.Buckets[int16(i)]++
	n.Count++
	n.Sum += v
}

// AtMost gives how many values are at most 2^e.
func (n *Native) AtMost(e int) int64 {
	var sum int64
	for i, c := range n.Buckets {
		if int(i) <= e*nativePerDoubling {
			sum += c
		}
	}
	return sum
}

// Merge adds the values of o.
func (n *Native) Merge(o *Native) {
	if n.Buckets == nil && len(o.Buckets) > 0 {
		n.Buckets = make(map[int16]int64, len(o.Buckets))
	}
	for i, c := range o.Buckets {
		n.Buckets[i] += c
	}
	n.Count += o.Count
	n.Sum += o.Sum
}

// SeriesOptions say how many series there are.
type SeriesOptions struct {
	Labels []Label
	// Max bounds the series; calls of further ones are summed under "other".
	Max int
}

// Series are sums of all calls ever taken, by several labels together and without time: what a
// monitoring system scrapes. Calls that retention drops stay in them. It does no locking.
type Series struct {
	used    [LabelCount]bool
	max     int
	sums    map[Labels]*Sums // without histograms
	held    map[Labels]*Sums // what series showed that hold less now
	shown   map[Labels]Sums  // what all showed last; not to be changed
	timings map[Member]*Timings
}

// NewSeries makes an empty set.
func NewSeries(o SeriesOptions) *Series {
	s := &Series{max: o.Max, sums: map[Labels]*Sums{}, held: map[Labels]*Sums{}, timings: map[Member]*Timings{}}
	for _, l := range o.Labels {
		s.used[l] = true
	}
	return s
}

// statusClass is a call's outcome by the class of its HTTP status.
func statusClass(c *usage.Call) string {
	switch {
	case c.Status >= 100 && c.Status < 600:
		return string(rune('0'+c.Status/100)) + "xx"
	case c.Failed:
		return "error"
	default:
		return "ok"
	}
}

// labelsOf gives the labels that a call is summed under; fresh are those that are about to be new.
func (s *Series) labelsOf(c *usage.Call, fresh map[Labels]*Sums) (l Labels) {
	for i, v := range [LabelCount]string{c.Provider, c.Model, c.Service, c.KeyFingerprint, statusClass(c)} {
		if s.used[i] {
			l[i] = v
		}
	}
	if s.sums[l] == nil && fresh[l] == nil && len(s.sums)+len(fresh) >= s.max {
		return otherLabels(s.used)
	}
	return l
}

// Change is a call that begins (N is 1) or ceases (-1) to count.
type Change struct {
	Call *usage.Call
	N    int64
}

// Journal gives the bytes of what one commit changes, for the disk; Apply puts them in. Of a call that
// replaces another of its model in the same commit no timings are taken: they were, when the other came.
func (s *Series) Journal(changes []Change) []byte {
	deltas, fresh := map[Labels]*Sums{}, map[Labels]*Sums{}
	replaced := map[Member]int{}
	for _, c := range changes {
		l := s.labelsOf(c.Call, fresh)
		if deltas[l] == nil {
			deltas[l] = &Sums{}
			if s.sums[l] == nil {
				fresh[l] = deltas[l]
			}
		}
		bare := *c.Call
		bare.Duration, bare.TTFT = 0, 0
		deltas[l].Add(&bare, c.N)
		if c.N < 0 {
			replaced[MemberOf(Models, c.Call)]++
		}
	}
	var b []byte
	if len(s.sums) == 0 {
		b = append(b, journalUsed, s.usedLabels())
	}
	for l, d := range deltas {
		if !d.isZero() {
			b = append(b, s.hold(l, d)...)
			b = appendCell(appendLabels(append(b, journalSums), l), d)
		}
	}
	for _, c := range changes {
		m := MemberOf(Models, c.Call)
		if c.N < 0 {
			continue
		}
		if replaced[m] > 0 {
			replaced[m]--
			continue
		}
		if c.Call.Duration <= 0 {
			continue
		}
		b = appendText(appendText(append(b, journalTiming), m.Value), m.Provider)
		for _, v := range [...]int64{int64(c.Call.Duration), int64(c.Call.TTFT), c.Call.Tokens.Output()} {
			b = binary.AppendUvarint(b, uint64(max(v, 0)))
		}
	}
	return b
}

// The parts of a journal.
const (
	journalSums   = 1
	journalTiming = 2
	journalHeld   = 3
	journalHist   = 4
	journalUsed   = 5
)

// ErrOtherSeries reports a journal of series with other labels than are configured now: they have to
// be made anew from the calls.
var ErrOtherSeries = errors.New("the stored series have other labels")

// usedLabels says in one byte which labels are used.
func (s *Series) usedLabels() (b byte) {
	for i, used := range s.used {
		if used {
			b |= 1 << i
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendLabels(b []byte, l Labels) []byte {
	for _, v := range l {
		b = appendText(b, v)
	}
	return b
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

func (r *reader) labels() (l Labels) {
	for i := range l {
		l[i] = r.text()
	}
	return l
}

// Apply puts in what Journal or Snapshot gave.
func (s *Series) Apply(journal []byte) error {
	r := reader{b: journal}
	for len(r.b) > 0 && !r.bad {
		switch r.byte() {
		case journalSums:
			l := r.labels()
			if s.sums[l] == nil {
				s.sums[l] = &Sums{}
			}
			r.addCell(s.sums[l], nil)
		case journalHeld:
			l, held := r.labels(), &Sums{}
			if r.addCell(held, nil); s.held[l] != nil {
				raise(held, s.held[l])
			}
			s.held[l] = held
		case journalTiming:
			s.applyTiming(&r)
		case journalHist:
			s.applyHist(&r)
		case journalUsed:
			if r.byte() != s.usedLabels() {
				return ErrOtherSeries
			}
		default:
			return errDamaged
		}
	}
	if r.bad {
		return errDamaged
	}
	return nil
}

func (s *Series) timingsOf(m Member) *Timings {
	t := s.timings[m]
	if t == nil {
		if len(s.timings) >= s.max {
			m = Member{Value: "other", Provider: "other"}
			if t = s.timings[m]; t != nil {
				return t
			}
		}
		t = &Timings{}
		s.timings[m] = t
	}
	return t
}

func (s *Series) applyTiming(r *reader) {
	t := s.timingsOf(Member{Value: r.text(), Provider: r.text()})
	duration, ttft, output := time.Duration(r.uvarint()), time.Duration(r.uvarint()), r.uvarint() //nolint:gosec // as Journal wrote them
	t.Duration.observe(duration.Seconds())
	t.TTFT.observe(ttft.Seconds())
	if generating := duration - ttft; generating > 0 && output > 0 {
		t.Speed.observe(float64(output) / generating.Seconds())
	}
}

// applyHist puts back what a snapshot held, under the very name that it had: the limit was kept then.
func (s *Series) applyHist(r *reader) {
	m := Member{Value: r.text(), Provider: r.text()}
	t := s.timings[m]
	if t == nil {
		t = &Timings{}
		s.timings[m] = t
	}
	for _, n := range []*Native{&t.Duration, &t.TTFT, &t.Speed} {
		n.Count += r.varint()
		n.Sum += math.Float64frombits(r.uvarint())
		for range r.uvarint() {
			bucket, count := r.varint(), r.varint()
			if r.bad {
				return
			}
			if n.Buckets == nil {
				n.Buckets = map[int16]int64{}
			}
			n.Buckets[int16(bucket)] += count //nolint:gosec // as Snapshot wrote it
		}
	}
}

// Snapshot gives the bytes of everything, for the disk; Apply on an empty set puts them in.
func (s *Series) Snapshot() []byte {
	b := []byte{journalUsed, s.usedLabels()}
	for l, sums := range s.sums {
		b = appendCell(appendLabels(append(b, journalSums), l), sums)
	}
	for l, sums := range s.held {
		b = appendCell(appendLabels(append(b, journalHeld), l), sums)
	}
	for m, t := range s.timings {
		b = appendText(appendText(append(b, journalHist), m.Value), m.Provider)
		for _, n := range []*Native{&t.Duration, &t.TTFT, &t.Speed} {
			b = binary.AppendVarint(b, n.Count)
			b = binary.AppendUvarint(b, math.Float64bits(n.Sum))
			b = binary.AppendUvarint(b, uint64(len(n.Buckets)))
			for bucket, count := range n.Buckets {
				b = binary.AppendVarint(binary.AppendVarint(b, int64(bucket)), count)
			}
		}
	}
	return b
}

// Show gives every series as it is to be shown, which is never less than it showed before, also
// before a restart: what takes something away from a series writes into its journal what it showed.
func (s *Series) Show() (all map[Labels]Sums, timings map[Member]Timings) {
	all = make(map[Labels]Sums, len(s.sums))
	for l, sums := range s.sums {
		show := *sums
		if held := s.held[l]; held != nil && !raise(&show, held) {
			delete(s.held, l)
		}
		all[l] = show
	}
	s.shown = all
	timings = make(map[Member]Timings, len(s.timings))
	for m, t := range s.timings {
		c := *t
		for _, n := range []*Native{&c.Duration, &c.TTFT, &c.Speed} {
			n.Buckets = maps.Clone(n.Buckets)
		}
		timings[m] = c
	}
	return all, timings
}

// Total gives the sums over all series, of what counts and not of what is held up.
func (s *Series) Total() (total Sums) {
	for _, sums := range s.sums {
		total.MergeCounts(sums)
	}
	return total
}

// Loaded says that everything from before a start was put in: all of it may have been shown.
func (s *Series) Loaded() { s.Show() }

// raise makes the figures of s at least those of least, and tells whether any was less.
func raise(s, least *Sums) (raised bool) {
	now, was := s.counts(), least.counts()
	for i := range now {
		if *now[i] < *was[i] {
			*now[i] = *was[i]
			raised = true
		}
	}
	return raised
}

// hold gives the journal of what a series showed, where a change leaves it with less.
func (s *Series) hold(l Labels, delta *Sums) []byte {
	was, seen := s.shown[l]
	if !seen || s.sums[l] == nil {
		return nil
	}
	after := *s.sums[l]
	after.MergeCounts(delta)
	if !raise(&after, &was) {
		return nil
	}
	return appendCell(appendLabels([]byte{journalHeld}, l), &was)
}
