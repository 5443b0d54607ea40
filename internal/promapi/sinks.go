package promapi

import (
	"context"
	"strconv"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
)

// maxTracks bounds the series of one selector.
const maxTracks = 100_000

// source has sums of calls by labels.
type source interface {
	// Series returns the labels by their numbers.
	Series() []callseries.Labels
	// Sum and Since are those of cube.Cube.
	Sum(ctx context.Context, times []int64, s cube.Sink, room *int) (at []int64, movedAny bool, err error)
	Since(ctx context.Context, times []int64, s cube.Sink, room *int) (at []int64, movedAny bool, err error)
}

// groups puts the calls of a source's series together into the series that are asked for.
type groups struct {
	source source
	// of returns the labels that a series of the source is shown with.
	of    func(raw callseries.Labels) callseries.Labels
	raw   []callseries.Labels
	index []int32 // of raw: the group, or no group
	named map[callseries.Labels]int32
	// begin makes the series of a group; false where none of them is asked for.
	begin func(shown callseries.Labels) bool
	count int32
	full  bool
}

const noGroup = -1

func newGroups(c source, of func(callseries.Labels) callseries.Labels, begin func(callseries.Labels) bool) *groups {
	return &groups{source: c, of: of, begin: begin, named: map[callseries.Labels]int32{}}
}

// find returns the group of calls by their number in the source.
func (g *groups) find(series uint32) int32 {
	if int(series) >= len(g.index) {
		g.raw = g.source.Series()
		for _, raw := range g.raw[len(g.index):] {
			g.index = append(g.index, g.group(g.of(raw)))
		}
	}
	return g.index[series]
}

func (g *groups) group(shown callseries.Labels) int32 {
	if i, known := g.named[shown]; known {
		return i
	}
	i := int32(noGroup)
	switch {
	case g.count >= maxTracks:
		g.full = true
	case g.begin(shown):
		i = g.count
		g.count++
	}
	g.named[shown] = i
	return i
}

func (g *groups) Wanted(series uint32) bool { return g.find(series) != noGroup }

// maker makes the series that match.
type maker struct {
	common   [2]labels.Label // instance and job
	matchers []*labels.Matcher
	// by has the labels by which series are summed, if summed: the storage may do an aggregation of the engine.
	summed bool
	by     []string
	room   *int // see track
	sums   map[string]*track
	native map[string]*nativeTrack
}

// match returns the labels of a series, and whether it is asked for.
func (m *maker) match(l *callseries.Labels, name string, more ...labels.Label) (labels.Labels, bool) {
	b := labels.NewScratchBuilder(len(l) + len(m.common) + 2)
	b.Add(model.MetricNameLabel, name)
	for _, one := range m.common {
		b.Add(one.Name, one.Value)
	}
	for i, v := range l {
		if v != "" {
			b.Add(labelNames[i], v)
		}
	}
	for _, one := range more {
		if one.Value != "" {
			b.Add(one.Name, one.Value)
		}
	}
	b.Sort()
	out := b.Labels()
	for _, one := range m.matchers {
		if !one.Matches(out.Get(one.Name)) {
			return out, false
		}
	}
	return out, true
}

// track returns a series; nil where it is not asked for. Series that are summed are one.
func (m *maker) track(scale float64, l *callseries.Labels, name string, more ...labels.Label) *track {
	out, match := m.match(l, name, more...)
	if !match {
		return nil
	}
	if !m.summed {
		return newTrack(out, scale, m.room)
	}
	out, key := m.projected(out)
	if m.sums == nil {
		m.sums = map[string]*track{}
	}
	if m.sums[key] == nil {
		m.sums[key] = newTrack(out, scale, m.room)
	}
	return m.sums[key]
}

// nativeTrack is track for native histograms.
func (m *maker) nativeTrack(l *callseries.Labels, name string) *nativeTrack {
	out, match := m.match(l, name)
	if !match {
		return nil
	}
	key := ""
	if m.summed {
		if out, key = m.projected(out); m.native[key] != nil {
			return m.native[key]
		}
	}
	t := &nativeTrack{track: *newTrack(out, 1, m.room)}
	if m.summed {
		if m.native == nil {
			m.native = map[string]*nativeTrack{}
		}
		m.native[key] = t
	}
	return t
}

// forget leaves what was added up for a source that could not answer.
func (m *maker) forget() { m.sums, m.native = nil, nil }

// projected leaves the labels that series are summed by, and the name, which the engine leaves out.
func (m *maker) projected(l labels.Labels) (labels.Labels, string) {
	l = labels.NewBuilder(l).Keep(append([]string{model.MetricNameLabel}, m.by...)...).Labels()
	return l, l.String()
}

// counterSink adds up the series of one counter.
type counterSink struct {
	*groups
	metric *counterMetric
	tracks [][]*track // by group, then by part; nil: not asked for
	// counted says that calls are taken from what the counters of /metrics have, so that what there was before the
	// first sample is left.
	counted bool
}

func newCounterSink(c source, series func(callseries.Labels) callseries.Labels, m *counterMetric, of *maker) *counterSink {
	s := &counterSink{metric: m}
	s.groups = newGroups(c, series, func(shown callseries.Labels) bool {
		tracks, some := []*track{}, false
		for _, p := range m.parts {
			t := of.track(m.scale, &shown, m.name, labels.Label{Name: "kind", Value: p.kind})
			tracks, some = append(tracks, t), some || t != nil
		}
		if some {
			s.tracks = append(s.tracks, tracks)
		}
		return some
	})
	return s
}

func (s *counterSink) Figures(series uint32, at int, f *cube.Figures) {
	if s.counted {
		s.Later(series, f)
	}
	for i, t := range s.tracks[s.find(series)] {
		if t == nil {
			continue
		}
		part := s.metric.parts[i]
		v := f[part.of]
		if part.kind == "" || v != 0 { // a kind of tokens that a series never had is left out
			t.seen(at)
		}
		if v != 0 {
			t.add(at, float64(v))
		}
	}
}

// Later takes calls from what was counted.
func (s *counterSink) Later(series uint32, f *cube.Figures) {
	if s.counted {
		s.count(int(s.find(series)), f, -1)
	}
}

func (*counterSink) Times(uint32, int, []byte) {}

// begin says what was counted ever. Tracks have all of it until the calls since the first sample are taken away.
func (s *counterSink) begin(shown func(callseries.Labels) callseries.Labels, counted map[callseries.Labels]ledger.Sums) {
	s.counted = true
	for l, sums := range counted {
		if i := s.group(shown(l)); i != noGroup {
			f := cube.FiguresOf(&sums)
			s.count(int(i), &f, 1)
		}
	}
}

// count adds to what a group's tracks begin with, times 1 or -1.
func (s *counterSink) count(group int, f *cube.Figures, times float64) {
	for k, t := range s.tracks[group] {
		if t == nil {
			continue
		}
		part := s.metric.parts[k]
		v := float64(f[part.of]) * times
		t.start += v
		if part.kind == "" {
			v = float64(f[cube.Calls]) * times
		}
		t.left += v
	}
}

// end leaves what there was before the first sample. It may be called once.
func (s *counterSink) end() {
	if !s.counted {
		return
	}
	for _, tracks := range s.tracks {
		for _, t := range tracks {
			if t != nil {
				t.start = max(t.start, 0) // calls may have come since it was counted
				t.exists = t.exists || t.left > 0
			}
		}
	}
}

// classicSink adds up the series of one classic histogram.
type classicSink struct {
	*groups
	metric *histogramMetric
	suffix string
	tracks [][]*track // by group, then by bucket; nil: not asked for
}

func newClassicSink(c source, n *naming, m *histogramMetric, suffix string, of *maker) *classicSink {
	s := &classicSink{metric: m, suffix: suffix}
	s.groups = newGroups(c, n.modelOf, func(shown callseries.Labels) bool {
		bounds := []string{""}
		if suffix == suffixBucket {
			bounds = m.bounds()
		}
		tracks, some := []*track{}, false
		for _, le := range bounds {
			t := of.track(1, &shown, m.name+suffix, labels.Label{Name: labels.BucketLabel, Value: le})
			tracks, some = append(tracks, t), some || t != nil
		}
		if some {
			s.tracks = append(s.tracks, tracks)
		}
		return some
	})
	return s
}

// bounds returns the values of the label le, as Prometheus normalises them.
func (m *histogramMetric) bounds() []string {
	var out []string
	for e := m.from; e <= m.to; e++ {
		text := strconv.FormatFloat(pow2(e), 'g', -1, 64)
		if e >= 0 {
			text += ".0"
		}
		out = append(out, text)
	}
	return append(out, "+Inf")
}

func pow2(e int) float64 {
	if e >= 0 {
		return float64(int64(1) << e)
	}
	return 1 / float64(int64(1)<<-e)
}

// exist says which models there were before the first sample.
func (s *classicSink) exist(shown callseries.Labels) {
	if i := s.group(shown); i != noGroup {
		for _, t := range s.tracks[i] {
			if t != nil {
				t.exists = true
			}
		}
	}
}

func (*classicSink) Figures(uint32, int, *cube.Figures) {}

func (s *classicSink) Times(series uint32, at int, times []byte) {
	tracks := s.tracks[s.find(series)]
	cube.EachTime(times, s.metric.of, func(bucket int16, n int64, sum float64) {
		for i, t := range tracks {
			if t == nil {
				continue
			}
			t.seen(at)
			switch {
			case s.suffix == suffixSum:
				t.add(at, sum)
			case s.suffix == suffixBucket && i < len(tracks)-1 && int(bucket) > (s.metric.from+i)*cube.BucketsPerDoubling:
			default:
				t.add(at, float64(n))
			}
		}
	})
}

// nativeSink adds up the series of one native histogram.
type nativeSink struct {
	*groups
	metric *histogramMetric
	tracks []*nativeTrack
}

func newNativeSink(c source, n *naming, m *histogramMetric, of *maker) *nativeSink {
	s := &nativeSink{metric: m}
	s.groups = newGroups(c, n.modelOf, func(shown callseries.Labels) bool {
		t := of.nativeTrack(&shown, m.name)
		if t != nil {
			s.tracks = append(s.tracks, t)
		}
		return t != nil
	})
	return s
}

// exist is classicSink.exist.
func (s *nativeSink) exist(shown callseries.Labels) {
	if i := s.group(shown); i != noGroup {
		s.tracks[i].exists = true
	}
}

func (*nativeSink) Figures(uint32, int, *cube.Figures) {}

func (s *nativeSink) Times(series uint32, at int, times []byte) {
	t := s.tracks[s.find(series)]
	cube.EachTime(times, s.metric.of, func(bucket int16, n int64, sum float64) { t.observe(at, bucket, n, sum) })
}
