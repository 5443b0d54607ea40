package series

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Journal returns the changes of one commit as bytes, for the disk; Commit applies the changes, or Apply the
// bytes. A call that replaces another of its model in the same commit adds no timings: the other call has added
// them.
func (s *Set) Journal(changes []usage.Change) []byte {
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
			b = cell.AppendCell(s.appendLabels(append(b, journalExposed), l.labels), l.lastExposed)
		}
		b = cell.AppendCell(s.appendLabels(append(b, journalSums), l.labels), &l.delta)
	}
	for _, t := range s.timed {
		if len(t.calls) == 0 {
			continue
		}
		b = cell.AppendText(cell.AppendText(append(b, journalTimings), t.model.Model), t.model.Provider)
		b = binary.AppendUvarint(b, uint64(len(t.calls)))
		for _, c := range t.calls {
			for _, v := range [...]int64{int64(c.duration), int64(c.ttft), c.output} {
				b = binary.AppendUvarint(b, uint64(v))
			}
		}
	}
	return b
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
// be made again from the calls.
var ErrOtherSeries = errors.New("the stored series have other labels")

// Apply puts in what Journal or Snapshot gave.
func (s *Set) Apply(journal []byte) error {
	s.forget()
	r := cell.NewReader(journal)
	for len(r.B) > 0 && !r.Bad {
		switch r.Byte() {
		case journalSums:
			l := s.readLabels(&r)
			if s.sums[l] == nil {
				s.sums[l] = &cell.Sums{}
			}
			r.AddCell(s.sums[l], nil)
		case journalExposed:
			l, held := s.readLabels(&r), &cell.Sums{}
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

func (s *Set) applyTimings(r *cell.Reader, many bool) {
	t := s.timingsOf(Model{Model: r.Text(), Provider: r.Text()})
	n := uint64(1)
	if many {
		n = r.Uvarint()
	}
	for ; n > 0 && !r.Bad; n-- {
		t.observe(timed{time.Duration(r.Uvarint()), time.Duration(r.Uvarint()), int64(r.Uvarint())})
	}
}

// applyHist puts back what a snapshot held. Where an earlier version kept more models apart, the rest is
// added up under "other".
func (s *Set) applyHist(r *cell.Reader) {
	t := s.timingsOf(Model{Model: r.Text(), Provider: r.Text()})
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

// Snapshot returns the bytes of everything, for the disk; Apply on an empty set puts them in.
func (s *Set) Snapshot() []byte {
	b := []byte{journalLabels, s.usedLabels()}
	for l, sums := range s.sums {
		b = cell.AppendCell(s.appendLabels(append(b, journalSums), l), sums)
	}
	for l, sums := range s.lastExposed {
		b = cell.AppendCell(s.appendLabels(append(b, journalExposed), l), sums)
	}
	for m, t := range s.timings {
		b = cell.AppendText(cell.AppendText(append(b, journalHist), m.Model), m.Provider)
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
