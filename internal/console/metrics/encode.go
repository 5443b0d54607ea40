package metrics

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// encoded keeps the lines of the series of calls in one text format, as the client library writes them. Of a series
// that has not changed since the last scrape, which are most of them, nothing is written anew.
type encoded struct {
	m      *collector
	encode func(io.Writer, *dto.MetricFamily) error // writes a metric by the client library

	mu       sync.Mutex
	series   map[series.Labels]*encodedSeries
	families [len(seriesDefs)]encodedFamily
	room     bytes.Buffer
	family   dto.MetricFamily
}

// seriesDefs are the metrics of series, in the order of their names.
var seriesDefs = [...]*Def{&mCalls, &mNoUsage, &mCost, &mErrors, &mTokens, &mUnpriced}

// tokenKinds are the values of the label kind.
var tokenKinds = [...]string{"input_uncached", "cache_read", "cache_write", "output_text", "reasoning"}

const tokenLine = 5 // the first of the lines of tokens

// seriesLines are the metrics and kinds of the lines that a series can have.
var seriesLines = [tokenLine + len(tokenKinds)]struct {
	family int
	kind   string
}{
	{0, ""}, {1, ""}, {2, ""}, {3, ""}, {5, ""},
	{4, tokenKinds[0]}, {4, tokenKinds[1]}, {4, tokenKinds[2]}, {4, tokenKinds[3]}, {4, tokenKinds[4]},
}

// valuesOf returns the values of the lines of a series.
func valuesOf(s *shownSeries) [len(seriesLines)]float64 {
	t := &s.Tokens
	return [...]float64{
		float64(s.Calls), float64(s.NoUsage), float64(s.Cost) / 1e9, float64(s.Errors), float64(s.Unpriced),
		float64(t.InputUncached), float64(t.CacheRead), float64(t.CacheWrite), float64(t.OutputText), float64(t.Reasoning),
	}
}

// encodedSeries is the lines of one series.
type encodedSeries struct {
	lines [len(seriesLines)]encodedLine
	seen  bool // in this scrape
}

// encodedLine is a sample's line; one without text is left out: a kind of tokens that the series never had.
type encodedLine struct {
	value  float64
	text   []byte
	metric *dto.Metric // that the client library writes
}

// encodedFamily is the lines of one metric.
type encodedFamily struct {
	header  []byte
	lines   []*encodedLine
	changed bool // lines came or went
}

func newEncoded(m *collector, encode func(io.Writer, *dto.MetricFamily) error) *encoded {
	return &encoded{m: m, encode: encode, series: map[series.Labels]*encodedSeries{}}
}

func asText(w io.Writer, f *dto.MetricFamily) error {
	_, err := expfmt.MetricFamilyToText(w, f)
	return err //nolint:wrapcheck // its caller does
}

func asOpenMetrics(w io.Writer, f *dto.MetricFamily) error {
	_, err := expfmt.MetricFamilyToOpenMetrics(w, f)
	return err //nolint:wrapcheck // its caller does
}

// update takes the series of a scrape over. The caller holds the lock until it has used the families.
func (e *encoded) update(all map[series.Labels]*shownSeries) error {
	for _, one := range e.series {
		one.seen = false
	}
	for l, s := range all {
		one := e.series[l]
		if one == nil {
			one = &encodedSeries{}
			e.series[l] = one
		}
		one.seen = true
		if err := e.updateSeries(one, &l, s); err != nil {
			return err
		}
	}
	for l, one := range e.series {
		if !one.seen {
			delete(e.series, l)
			for i := range e.families {
				e.families[i].changed = true
			}
		}
	}
	e.sort()
	return nil
}

func (e *encoded) updateSeries(one *encodedSeries, l *series.Labels, s *shownSeries) error {
	for i, v := range valuesOf(s) {
		line := &one.lines[i]
		isThere := i < tokenLine || v != 0
		if line.text != nil == isThere && (line.value == v || !isThere) { //nolint:testifylint // the same number has the same text
			continue
		}
		f := &e.families[seriesLines[i].family]
		if !isThere {
			*line, f.changed = encodedLine{}, true
			continue
		}
		if line.text == nil {
			f.changed = true
		}
		if err := e.write(line, f, i, l, v); err != nil {
			return err
		}
	}
	return nil
}

// write writes a line by the client library.
func (e *encoded) write(line *encodedLine, f *encodedFamily, which int, l *series.Labels, v float64) error {
	d := seriesDefs[seriesLines[which].family]
	if line.metric == nil {
		labels := make([]string, 0, len(e.m.used)+1)
		for _, used := range e.m.used {
			labels = append(labels, l[used])
		}
		if kind := seriesLines[which].kind; kind != "" {
			labels = append(labels, kind)
		}
		line.metric = &dto.Metric{}
		if err := prometheus.MustNewConstMetric(e.m.descs[d], counter, v, labels...).Write(line.metric); err != nil {
			return fmt.Errorf("write a sample of %s: %w", d.Name, err)
		}
	}
	line.metric.Counter.Value = &v
	e.family.Name, e.family.Help, e.family.Type = new(MetricPrefix+d.Name), nil, dto.MetricType_COUNTER.Enum()
	if f.header == nil {
		e.family.Help = &d.Help
	}
	e.family.Metric = append(e.family.Metric[:0], line.metric)
	e.room.Reset()
	if err := e.encode(&e.room, &e.family); err != nil {
		return fmt.Errorf("write a sample of %s: %w", d.Name, err)
	}
	text, end := e.room.Bytes(), 0
	for bytes.HasPrefix(text[end:], []byte("#")) {
		end += bytes.IndexByte(text[end:], '\n') + 1
	}
	if f.header == nil {
		f.header = bytes.Clone(text[:end])
	}
	line.value, line.text = v, append(line.text[:0], text[end:]...)
	return nil
}

// sort puts the lines of the families that changed into the order of the client library.
func (e *encoded) sort() {
	for i := range e.families {
		f := &e.families[i]
		if !f.changed {
			continue
		}
		f.changed, f.lines = false, f.lines[:0]
		for _, one := range e.series {
			for k := range one.lines {
				if seriesLines[k].family == i && one.lines[k].text != nil {
					f.lines = append(f.lines, &one.lines[k])
				}
			}
		}
		slices.SortFunc(f.lines, func(a, b *encodedLine) int { return compareLabels(a.metric.Label, b.metric.Label) })
	}
}

// compareLabels is the client library's order of the samples of a metric: that of the values of their labels.
func compareLabels(a, b []*dto.LabelPair) int {
	for i := range a {
		if c := strings.Compare(a[i].GetValue(), b[i].GetValue()); c != 0 {
			return c
		}
	}
	return 0
}

// appendTo appends a family's text, if it has any.
func (f *encodedFamily) appendTo(b *bytes.Buffer) {
	if len(f.lines) == 0 {
		return
	}
	b.Write(f.header)
	for _, line := range f.lines {
		b.Write(line.text)
	}
}
