// Package series has the counter series: sums of all calls ever counted, by several labels together and without time, as
// a monitoring system scrapes them, and histograms of the calls' times by model. Calls that retention drops stay in them.
package series

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options say how many series there are.
type Options struct {
	Labels []Label
	// Max bounds the series; calls of further ones are summed under "other".
	Max int
}

// Set is the series: sums of all calls ever taken, by several labels together and without time: what a
// monitoring system scrapes. Calls that retention drops stay in them.
//
// It does no locking. Show, Snapshot and Total may run beside each other, from several goroutines; every
// other method must run alone.
type Set struct {
	used        [LabelCount]bool
	max         int
	sums        map[Labels]*cell.Sums // without histograms
	lastExposed map[Labels]*cell.Sums // what series showed that hold less now
	timings     map[Model]*Timings
	// exposed has the values that all series showed last. Show stores nothing else.
	exposed atomic.Pointer[exposure]
	journaling
}

// New makes an empty set.
func New(o Options) *Set {
	s := &Set{max: o.Max, sums: map[Labels]*cell.Sums{}, lastExposed: map[Labels]*cell.Sums{}, timings: map[Model]*Timings{}}
	for _, l := range o.Labels {
		s.used[l] = true
	}
	return s
}

// line is one series while a commit is worked out.
type line struct {
	labels      Labels
	sums        *cell.Sums // in Series.sums; nil where nothing was put in yet
	delta       cell.Sums
	lastExposed *cell.Sums // what it showed, where it will hold less than that
	touched     bool
}

// timingLine is the calls of one model whose times are known.
type timingLine struct {
	model    Model
	timings  *Timings // nil: not looked for yet
	calls    []timed
	replaced int // calls to come of which no times are taken
	touched  bool
}

// place is where the calls with the same labels go, whether these are used or not.
type place struct {
	line   *line
	timing *timingLine
}

// maxPlaces bounds the places that are remembered: labels are hostile text.
const maxPlaces = 1 << 14

// journaling is the state that Journal keeps from commit to commit.
type journaling struct {
	// places are found by two hashes of all labels, whose seeds are random and secret: no two places have the same
	// hashes.
	places  map[[2]uint64]place
	lines   map[Labels]*line
	models  map[Model]*timingLine
	fresh   int // lines that the series lack
	touched []*line
	timed   []*timingLine // touched
}

var placeSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func (j *journaling) forget() {
	if j.places == nil {
		j.places, j.lines, j.models = map[[2]uint64]place{}, map[Labels]*line{}, map[Model]*timingLine{}
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
func (s *Set) place(c *usage.Call) place {
	all := allLabels(c)
	hash := [2]uint64{maphash.Comparable(placeSeeds[0], all), maphash.Comparable(placeSeeds[1], all)}
	if p, known := s.places[hash]; known {
		return p
	}
	l := s.labelsOf(&all)
	if s.sums[l] == nil && s.lines[l] == nil && len(s.sums)+s.fresh >= s.max {
		l = otherLabels(s.used)
	}
	p := place{s.lines[l], s.models[Model{c.Model, c.Provider}]}
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
		m := Model{strings.Clone(c.Model), strings.Clone(c.Provider)}
		p.timing = &timingLine{model: m}
		s.models[m] = p.timing
	}
	s.places[hash] = p
	return p
}

// touch finds where a call goes, and notes that something goes there.
func (s *Set) touch(c *usage.Call) place {
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

// Commit puts in what the last Journal gave, as Apply would.
func (s *Set) Commit() {
	empty := false // lines that stay out of the series
	for _, l := range s.touched {
		if !l.delta.IsZero() {
			if l.lastExposed != nil {
				s.keepExposed(l.labels, l.lastExposed)
			}
			if l.sums == nil {
				l.sums = &cell.Sums{}
				s.sums[l.labels] = l.sums
			}
			l.sums.MergeCounts(&l.delta)
			s.releaseExposed(l.labels, l.sums)
		}
		empty = empty || l.sums == nil
		l.delta, l.lastExposed, l.touched = cell.Sums{}, nil, false
	}
	for _, t := range s.timed {
		if len(t.calls) > 0 && t.timings == nil {
			t.timings = s.timingsOf(t.model)
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

// Total returns the sums over all series, of what counts and not of what is held up.
func (s *Set) Total() (total cell.Sums) {
	for _, sums := range s.sums {
		total.MergeCounts(sums)
	}
	return total
}
