package rollup

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"strings"
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
	delta   delta // of the last Journal
}

// NewSeries makes an empty set.
func NewSeries(o SeriesOptions) *Series {
	s := &Series{max: o.Max, sums: map[Labels]*Sums{}, held: map[Labels]*Sums{}, timings: map[Member]*Timings{}}
	s.delta = delta{sums: map[Labels]*sumsDelta{}, of: map[Labels]place{}, models: map[Member]int{}}
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

// labelsOf gives the labels of a call that are used.
func (s *Series) labelsOf(all *Labels) (l Labels) {
	for i, used := range s.used {
		if used {
			l[i] = all[i]
		}
	}
	return l
}

// Change is a call that begins (N is 1) or ceases (-1) to count.
type Change struct {
	Call *usage.Call
	N    int64
}

// delta is what one commit changes, as Journal works it out.
type delta struct {
	sums    map[Labels]*sumsDelta
	timings []timingDelta // in the order in which their models came
	of      map[Labels]place
	models  map[Member]int // places in timings
	fresh   int            // of sums: labels that the series lack
	room    []*sumsDelta   // to be used again
}

// sumsDelta is what changes in one series.
type sumsDelta struct {
	sums Sums
	held *Sums // what it showed, where it holds less than that now
}

// timingDelta is the calls of one model whose times are known.
type timingDelta struct {
	member   Member
	calls    []timed
	replaced int // calls to come of which no times are taken
}

type timed struct {
	duration, ttft time.Duration
	output         int64
}

// place is where the calls with the same labels go, whether these are used or not.
type place struct {
	sums   *sumsDelta
	timing int // in delta.timings
}

func (d *delta) clear() {
	for _, s := range d.sums {
		*s = sumsDelta{}
		d.room = append(d.room, s)
	}
	clear(d.sums)
	clear(d.of)
	clear(d.models)
	for i := range d.timings {
		d.timings[i] = timingDelta{calls: d.timings[i].calls[:0]}
	}
	d.timings, d.fresh = d.timings[:0], 0
}

// place finds where a call goes.
func (s *Series) place(c *usage.Call) place {
	all := Labels{c.Provider, c.Model, c.Service, c.KeyFingerprint, statusClass(c)}
	d := &s.delta
	if p, known := d.of[all]; known {
		return p
	}
	l := s.labelsOf(&all)
	if s.sums[l] == nil && d.sums[l] == nil && len(s.sums)+d.fresh >= s.max {
		l = otherLabels(s.used)
	}
	p := place{sums: d.sums[l]}
	if p.sums == nil {
		if n := len(d.room); n > 0 {
			p.sums, d.room = d.room[n-1], d.room[:n-1]
		} else {
			p.sums = &sumsDelta{}
		}
		d.sums[l] = p.sums
		if s.sums[l] == nil {
			d.fresh++
		}
	}
	m := MemberOf(Models, c)
	var known bool
	if p.timing, known = d.models[m]; !known {
		p.timing = len(d.timings)
		d.models[m] = p.timing
		if p.timing < cap(d.timings) {
			d.timings = d.timings[:p.timing+1] // its room is used again
		} else {
			d.timings = append(d.timings, timingDelta{})
		}
		d.timings[p.timing].member = m
	}
	d.of[all] = p
	return p
}

// Journal gives the bytes of what one commit changes, for the disk; Commit puts it in, or Apply the
// bytes. Of a call that replaces another of its model in the same commit no timings are taken: they
// were, when the other came.
func (s *Series) Journal(changes []Change) []byte {
	s.delta.clear()
	for _, c := range changes {
		if c.N < 0 {
			s.delta.timings[s.place(c.Call).timing].replaced++
		}
	}
	for _, c := range changes {
		p := s.place(c.Call)
		p.sums.sums.addCounts(c.Call, c.N)
		if c.N < 0 {
			continue
		}
		t := &s.delta.timings[p.timing]
		switch {
		case t.replaced > 0:
			t.replaced--
		case c.Call.Duration > 0:
			t.calls = append(t.calls, timed{c.Call.Duration, max(c.Call.TTFT, 0), max(c.Call.Tokens.Output(), 0)})
		}
	}
	var b []byte
	if len(s.sums) == 0 {
		b = append(b, journalUsed, s.usedLabels())
	}
	for l, d := range s.delta.sums {
		if d.sums.isZero() {
			continue
		}
		if d.held = s.hold(l, &d.sums); d.held != nil {
			b = appendCell(appendLabels(append(b, journalHeld), l), d.held)
		}
		b = appendCell(appendLabels(append(b, journalSums), l), &d.sums)
	}
	for i := range s.delta.timings {
		t := &s.delta.timings[i]
		if len(t.calls) == 0 {
			continue
		}
		b = appendText(appendText(append(b, journalTimings), t.member.Value), t.member.Provider)
		b = binary.AppendUvarint(b, uint64(len(t.calls)))
		for _, c := range t.calls {
			for _, v := range [...]int64{int64(c.duration), int64(c.ttft), c.output} {
				b = binary.AppendUvarint(b, uint64(v)) //nolint:gosec // none is negative
			}
		}
	}
	return b
}

// Commit puts in what the last Journal gave, as Apply would.
func (s *Series) Commit() {
	for l, d := range s.delta.sums {
		if d.sums.isZero() {
			continue
		}
		if d.held != nil {
			s.keepHeld(l, d.held)
		}
		if s.sums[l] == nil {
			for i := range l {
				l[i] = strings.Clone(l[i]) // it may be a part of a large text
			}
			s.sums[l] = &Sums{}
		}
		s.sums[l].MergeCounts(&d.sums)
	}
	for i := range s.delta.timings {
		t := &s.delta.timings[i]
		if len(t.calls) == 0 {
			continue
		}
		timings := s.timingsOf(t.member)
		for _, c := range t.calls {
			timings.observe(c)
		}
	}
	s.delta.clear()
}

func (s *Series) keepHeld(l Labels, held *Sums) {
	if s.held[l] != nil {
		raise(held, s.held[l])
	}
	s.held[l] = held
}

// The parts of a journal.
const (
	journalSums   = 1
	journalTiming = 2
	journalHeld   = 3
	journalHist   = 4
	journalUsed   = 5
	// journalTimings are many of journalTiming, which is read only: earlier versions wrote it.
	journalTimings = 6
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
			r.addCell(held, nil)
			s.keepHeld(l, held)
		case journalTiming:
			s.applyTimings(&r, false)
		case journalTimings:
			s.applyTimings(&r, true)
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
		m = Member{strings.Clone(m.Value), strings.Clone(m.Provider)} // they may be parts of a large text
		t = &Timings{}
		s.timings[m] = t
	}
	return t
}

func (s *Series) applyTimings(r *reader, many bool) {
	t := s.timingsOf(Member{Value: r.text(), Provider: r.text()})
	n := uint64(1)
	if many {
		n = r.uvarint()
	}
	for ; n > 0 && !r.bad; n-- {
		t.observe(timed{time.Duration(r.uvarint()), time.Duration(r.uvarint()), int64(r.uvarint())}) //nolint:gosec // as Journal wrote them
	}
}

func (t *Timings) observe(c timed) {
	t.Duration.observe(c.duration.Seconds())
	t.TTFT.observe(c.ttft.Seconds())
	if generating := c.duration - c.ttft; generating > 0 && c.output > 0 {
		t.Speed.observe(float64(c.output) / generating.Seconds())
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

// hold gives what a series showed, where a change leaves it with less.
func (s *Series) hold(l Labels, delta *Sums) *Sums {
	was, seen := s.shown[l]
	if !seen || s.sums[l] == nil {
		return nil
	}
	after := *s.sums[l]
	after.MergeCounts(delta)
	if !raise(&after, &was) {
		return nil
	}
	return &was
}
