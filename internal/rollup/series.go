package rollup

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"maps"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
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

// maxTimings bounds the models whose timings are told apart: each has three histograms, which are some
// ten thousand bytes of a scrape.
const maxTimings = 400

// SeriesOptions say how many series there are.
type SeriesOptions struct {
	Labels []Label
	// Max bounds the series; calls of further ones are summed under "other".
	Max int
}

// Series are sums of all calls ever taken, by several labels together and without time: what a
// monitoring system scrapes. Calls that retention drops stay in them.
//
// It does no locking. Show, Snapshot and Total may run beside each other, from several goroutines; every
// other method must run alone.
type Series struct {
	used        [LabelCount]bool
	max         int
	sums        map[Labels]*Sums // without histograms
	lastExposed map[Labels]*Sums // what series showed that hold less now
	timings     map[Value]*Timings
	// exposed is what all series showed last. It is the one thing that Show stores.
	exposed atomic.Pointer[exposure]
	journaling
}

// exposure is what Show gave. It is never changed.
type exposure struct {
	sums    map[Labels]Sums
	timings map[Value]Timings
}

// NewSeries makes an empty set.
func NewSeries(o SeriesOptions) *Series {
	s := &Series{max: o.Max, sums: map[Labels]*Sums{}, lastExposed: map[Labels]*Sums{}, timings: map[Value]*Timings{}}
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

// line is one series while a commit is worked out.
type line struct {
	labels      Labels
	sums        *Sums // in Series.sums; nil where nothing was put in yet
	delta       Sums
	lastExposed *Sums // what it showed, where it will hold less than that
	touched     bool
}

// timingLine is the calls of one model whose times are known.
type timingLine struct {
	member   Value
	timings  *Timings // nil: not looked for yet
	calls    []timed
	replaced int // calls to come of which no times are taken
	touched  bool
}

type timed struct {
	duration, ttft time.Duration
	output         int64
}

// place is where the calls with the same labels go, whether these are used or not.
type place struct {
	line   *line
	timing *timingLine
}

// maxPlaces bounds the places that are remembered: labels are hostile text.
const maxPlaces = 1 << 14

// journaling is what Journal has worked out, and what it remembers from commit to commit.
type journaling struct {
	// places are found by two hashes of all labels, with seeds that nobody knows: no two have the same.
	places  map[[2]uint64]place
	lines   map[Labels]*line
	models  map[Value]*timingLine
	fresh   int // lines that the series lack
	touched []*line
	timed   []*timingLine // touched
}

var placeSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func (j *journaling) forget() {
	if j.places == nil {
		j.places, j.lines, j.models = map[[2]uint64]place{}, map[Labels]*line{}, map[Value]*timingLine{}
	}
	clear(j.places)
	clear(j.lines)
	clear(j.models)
	j.fresh, j.touched, j.timed = 0, j.touched[:0], j.timed[:0]
}

// begin takes back what the last Journal worked out, if it was not put in.
func (j *journaling) begin() {
	if j.places == nil || len(j.places) >= maxPlaces || len(j.touched) > 0 {
		j.forget()
	}
}

// place finds where a call goes.
func (s *Series) place(c *usage.Call) place {
	all := Labels{c.Provider, c.Model, c.Service, c.KeyFingerprint, statusClass(c)}
	hash := [2]uint64{maphash.Comparable(placeSeeds[0], all), maphash.Comparable(placeSeeds[1], all)}
	if p, known := s.places[hash]; known {
		return p
	}
	l := s.labelsOf(&all)
	if s.sums[l] == nil && s.lines[l] == nil && len(s.sums)+s.fresh >= s.max {
		l = otherLabels(s.used)
	}
	p := place{s.lines[l], s.models[ValueOf(Models, c)]}
	if p.line == nil {
		for i := range l {
			l[i] = strings.Clone(l[i]) // it may be a part of a large text
		}
		p.line = &line{labels: l, sums: s.sums[l]}
		s.lines[l] = p.line
		if p.line.sums == nil {
			s.fresh++
		}
	}
	if p.timing == nil {
		m := Value{strings.Clone(c.Model), strings.Clone(c.Provider)}
		p.timing = &timingLine{member: m}
		s.models[m] = p.timing
	}
	s.places[hash] = p
	return p
}

// touch finds where a call goes, and notes that something goes there.
func (s *Series) touch(c *usage.Call) place {
	p := s.place(c)
	if !p.line.touched {
		p.line.touched = true
		s.touched = append(s.touched, p.line)
	}
	if !p.timing.touched {
		p.timing.touched = true
		s.timed = append(s.timed, p.timing)
	}
	return p
}

// Journal gives the bytes of what one commit changes, for the disk; Commit puts it in, or Apply the
// bytes. Of a call that replaces another of its model in the same commit no timings are taken: they
// were, when the other came.
func (s *Series) Journal(changes []Change) []byte {
	s.begin()
	for _, c := range changes {
		if c.N < 0 {
			s.touch(c.Call).timing.replaced++
		}
	}
	for _, c := range changes {
		p := s.touch(c.Call)
		p.line.delta.AddCounts(c.Call, c.N)
		switch {
		case c.N < 0:
		case p.timing.replaced > 0:
			p.timing.replaced--
		case c.Call.Duration > 0:
			p.timing.calls = append(p.timing.calls, timed{c.Call.Duration, max(c.Call.TTFT, 0), max(c.Call.Tokens.Output(), 0)})
		}
	}
	var b []byte
	if len(s.sums) == 0 {
		b = append(b, journalLabels, s.usedLabels())
	}
	for _, l := range s.touched {
		if l.delta.IsZero() {
			continue
		}
		if l.lastExposed = s.exposedBefore(l); l.lastExposed != nil {
			b = cell.AppendCell(appendLabels(append(b, journalExposed), l.labels), l.lastExposed)
		}
		b = cell.AppendCell(appendLabels(append(b, journalSums), l.labels), &l.delta)
	}
	for _, t := range s.timed {
		if len(t.calls) == 0 {
			continue
		}
		b = cell.AppendText(cell.AppendText(append(b, journalTimings), t.member.Value), t.member.Provider)
		b = binary.AppendUvarint(b, uint64(len(t.calls)))
		for _, c := range t.calls {
			for _, v := range [...]int64{int64(c.duration), int64(c.ttft), c.output} {
				b = binary.AppendUvarint(b, uint64(v))
			}
		}
	}
	return b
}

// Commit puts in what the last Journal gave, as Apply would.
func (s *Series) Commit() {
	empty := false // lines that stay out of the series
	for _, l := range s.touched {
		if !l.delta.IsZero() {
			if l.lastExposed != nil {
				s.keepExposed(l.labels, l.lastExposed)
			}
			if l.sums == nil {
				l.sums = &Sums{}
				s.sums[l.labels] = l.sums
			}
			l.sums.MergeCounts(&l.delta)
			s.releaseExposed(l.labels, l.sums)
		}
		empty = empty || l.sums == nil
		l.delta, l.lastExposed, l.touched = Sums{}, nil, false
	}
	for _, t := range s.timed {
		if len(t.calls) > 0 && t.timings == nil {
			t.timings = s.timingsOf(t.member)
		}
		for _, c := range t.calls {
			t.timings.observe(c)
		}
		t.calls, t.replaced, t.touched = t.calls[:0], 0, false
	}
	s.touched, s.timed, s.fresh = s.touched[:0], s.timed[:0], 0
	if empty {
		s.forget()
	}
}

func (s *Series) keepExposed(l Labels, held *Sums) {
	if s.lastExposed[l] != nil {
		atLeast(held, s.lastExposed[l])
	}
	s.lastExposed[l] = held
}

// releaseExposed forgets what a series showed once it holds as much again.
func (s *Series) releaseExposed(l Labels, sums *Sums) {
	held := s.lastExposed[l]
	if held == nil {
		return
	}
	if show := *sums; !atLeast(&show, held) {
		delete(s.lastExposed, l)
	}
}

// The parts of a journal.
const (
	journalSums    = 1
	journalTiming  = 2
	journalExposed = 3
	journalHist    = 4
	journalLabels  = 5
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

func appendLabels(b []byte, l Labels) []byte {
	for _, v := range l {
		b = cell.AppendText(b, v)
	}
	return b
}

func readLabels(r *cell.Reader) (l Labels) {
	for i := range l {
		l[i] = r.Text()
	}
	return l
}

// Apply puts in what Journal or Snapshot gave.
func (s *Series) Apply(journal []byte) error {
	s.forget()
	r := cell.NewReader(journal)
	for len(r.B) > 0 && !r.Bad {
		switch r.Byte() {
		case journalSums:
			l := readLabels(&r)
			if s.sums[l] == nil {
				s.sums[l] = &Sums{}
			}
			r.AddCell(s.sums[l], nil)
		case journalExposed:
			l, held := readLabels(&r), &Sums{}
			r.AddCell(held, nil)
			s.keepExposed(l, held)
		case journalTiming:
			s.applyTimings(&r, false)
		case journalTimings:
			s.applyTimings(&r, true)
		case journalHist:
			s.applyHist(&r)
		case journalLabels:
			if r.Byte() != s.usedLabels() {
				return ErrOtherSeries
			}
		default:
			return cell.ErrDamaged
		}
	}
	if r.Bad {
		return cell.ErrDamaged
	}
	return nil
}

func (s *Series) timingsOf(m Value) *Timings {
	t := s.timings[m]
	if t != nil {
		return t
	}
	other := Value{Value: "other", Provider: "other"}
	named := len(s.timings)
	if s.timings[other] != nil { // it is beside the limit, in whatever order a snapshot has them
		named--
	}
	if named >= min(s.max, maxTimings) {
		m = other
		if t = s.timings[m]; t != nil {
			return t
		}
	}
	m = Value{strings.Clone(m.Value), strings.Clone(m.Provider)} // they may be parts of a large text
	t = &Timings{}
	s.timings[m] = t
	return t
}

func (s *Series) applyTimings(r *cell.Reader, many bool) {
	t := s.timingsOf(Value{Value: r.Text(), Provider: r.Text()})
	n := uint64(1)
	if many {
		n = r.Uvarint()
	}
	for ; n > 0 && !r.Bad; n-- {
		t.observe(timed{time.Duration(r.Uvarint()), time.Duration(r.Uvarint()), int64(r.Uvarint())})
	}
}

func (t *Timings) observe(c timed) {
	t.Duration.observe(c.duration.Seconds())
	t.TTFT.observe(c.ttft.Seconds())
	if generating := c.duration - c.ttft; generating > 0 && c.output > 0 {
		t.Speed.observe(float64(c.output) / generating.Seconds())
	}
}

// applyHist puts back what a snapshot held. Where an earlier version told more models apart, the rest is
// added up under "other".
func (s *Series) applyHist(r *cell.Reader) {
	t := s.timingsOf(Value{Value: r.Text(), Provider: r.Text()})
	for _, n := range []*Native{&t.Duration, &t.TTFT, &t.Speed} {
		n.Count += r.Varint()
		n.Sum += math.Float64frombits(r.Uvarint())
		for range r.Uvarint() {
			bucket, count := r.Varint(), r.Varint()
			if r.Bad {
				return
			}
			if n.Buckets == nil {
				n.Buckets = map[int16]int64{}
			}
			n.Buckets[int16(bucket)] += count
		}
	}
}

// Snapshot gives the bytes of everything, for the disk; Apply on an empty set puts them in.
func (s *Series) Snapshot() []byte {
	b := []byte{journalLabels, s.usedLabels()}
	for l, sums := range s.sums {
		b = cell.AppendCell(appendLabels(append(b, journalSums), l), sums)
	}
	for l, sums := range s.lastExposed {
		b = cell.AppendCell(appendLabels(append(b, journalExposed), l), sums)
	}
	for m, t := range s.timings {
		b = cell.AppendText(cell.AppendText(append(b, journalHist), m.Value), m.Provider)
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

// Expose gives every series as it is to be shown, which is never less than it showed before, also
// before a restart: what takes something away from a series writes into its journal what it showed.
func (s *Series) Expose() (all map[Labels]Sums, timings map[Value]Timings) {
	all = make(map[Labels]Sums, len(s.sums))
	for l, sums := range s.sums {
		show := *sums
		if held := s.lastExposed[l]; held != nil {
			atLeast(&show, held)
		}
		all[l] = show
	}
	timings = make(map[Value]Timings, len(s.timings))
	for m, t := range s.timings {
		c := *t
		for _, n := range []*Native{&c.Duration, &c.TTFT, &c.Speed} {
			n.Buckets = maps.Clone(n.Buckets)
		}
		timings[m] = c
	}
	s.exposed.Store(&exposure{all, timings})
	return all, timings
}

// Exposed gives what Show gave last.
func (s *Series) Exposed() (all map[Labels]Sums, timings map[Value]Timings) {
	last := s.exposed.Load()
	if last == nil {
		return nil, nil
	}
	return last.sums, last.timings
}

// Total gives the sums over all series, of what counts and not of what is held up.
func (s *Series) Total() (total Sums) {
	for _, sums := range s.sums {
		total.MergeCounts(sums)
	}
	return total
}

// FinishLoad says that everything from before a start was put in: all of it may have been shown.
func (s *Series) FinishLoad() {
	for l, sums := range s.sums {
		s.releaseExposed(l, sums)
	}
	s.Expose()
}

// atLeast makes the figures of s at least those of least, and tells whether any was less.
func atLeast(s, least *Sums) (raised bool) {
	now, was := s.Fields(), least.Fields()
	for i := range now {
		if *now[i] < *was[i] {
			*now[i] = *was[i]
			raised = true
		}
	}
	return raised
}

// exposedBefore gives what a series showed, where its change leaves it with less.
func (s *Series) exposedBefore(l *line) *Sums {
	falls := false
	for _, n := range l.delta.Fields() {
		falls = falls || *n < 0
	}
	if !falls { // what it holds less than it showed is held already
		return nil
	}
	shown := s.exposed.Load()
	if shown == nil || l.sums == nil {
		return nil
	}
	was, seen := shown.sums[l.labels]
	if !seen {
		return nil
	}
	after := *l.sums
	after.MergeCounts(&l.delta)
	if !atLeast(&after, &was) {
		return nil
	}
	return &was
}
