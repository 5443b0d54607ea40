package rollup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// disk keeps pages as a store does.
type disk struct {
	pages  map[string]Page
	broken bool
	reads  int
}

func diskKey(p Page) string { return fmt.Sprint(p.Day, " ", p.Dimension) }

func (d *disk) read(_ context.Context, p Page, part Part) ([]byte, error) {
	d.reads++
	if d.broken {
		return nil, errors.New("broken")
	}
	return d.pages[diskKey(p)].Parts[part], nil
}

func (d *disk) save(t require.TestingT, r *Rollup) {
	pages := r.Dirty()
	for i := range pages {
		require.NoError(t, r.MergeChanges(ctx, pages[i]))
		r.Encode(&pages[i])
		k := diskKey(pages[i])
		if pages[i].Data == nil {
			delete(d.pages, k)
			continue
		}
		was := d.pages[k]
		for part, data := range pages[i].Parts {
			if data != nil {
				was.Parts[part] = data
			}
		}
		was.Day, was.Dimension, was.Data = pages[i].Day, pages[i].Dimension, pages[i].Data
		d.pages[k] = was
	}
	r.Saved(pages)
}

// TestPartsOnDisk: where most of the pages is on disk, whatever is added, taken back, saved, loaded and
// dropped, and whatever was asked before, the sums are those of the plain form.
func TestPartsOnDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &disk{pages: map[string]Page{}}
		o := Options{MaxChanges: 40, Read: d.read, MaxCached: rapid.SampledFrom([]int64{1, 2_000, 1 << 20}).Draw(t, "cache")}
		r, want := New(o), plain{}
		var made []usage.Call
		firstDay := DayOf(testStart) * bucketsPerDay
		cuts := []int64{int64(rapid.IntRange(1, 95).Draw(t, "cut")), 64}
		check := func() {
			q := Query{Dimension: Dimension(rapid.IntRange(0, int(DimensionCount)-1).Draw(t, "axis")), Skip: map[int64]bool{}}
			cut := rapid.SampledFrom(cuts).Draw(t, "days begin at")
			for day := range int64(6) {
				q.Edges = append(q.Edges, firstDay+day*bucketsPerDay+cut)
			}
			switch rapid.IntRange(0, 3).Draw(t, "edges") {
			case 0:
				q.Edges = Open
			case 1:
				q.Edges[0] -= 5
				q.Skip[q.Edges[1]+3] = true
			}
			if rapid.Bool().Draw(t, "of some") {
				q.Of = map[Value]bool{{Value: "k1"}: true, {Value: "u3"}: true, {Value: "a", Provider: "p"}: true, {Value: "nobody"}: true}
			}
			q.Histograms = rapid.SampledFrom([]Histograms{OfPoints, OfNone, OfAll}).Draw(t, "histograms")
			n := len(q.Edges) - 1
			q.Overall = make([]Sums, n)
			got, points := collector(n)
			q.Points = points
			s := r.Begin(q)
			require.NoError(t, s.End(ctx))
			r.Keep(s)
			expected, points := collector(n)
			want.sum(q, points)
			overall := make([]Sums, n)
			for m, points := range expected {
				for i := range points {
					if q.Of != nil && !q.Of[m] {
						points[i] = Sums{}
						continue
					}
					overall[i].Duration.Merge(&points[i].Duration)
					overall[i].TTFT.Merge(&points[i].TTFT)
					if q.Histograms != OfPoints {
						points[i].Duration, points[i].TTFT = Histogram{}, Histogram{}
					}
				}
			}
			require.Equal(t, filled(expected), filled(got))
			if q.Histograms == OfAll {
				for i := range overall {
					requireHistogram(t, &overall[i].Duration, &q.Overall[i].Duration)
					requireHistogram(t, &overall[i].TTFT, &q.Overall[i].TTFT)
				}
			}
			each, wantEach := map[string]int64{}, map[string]int64{}
			whole := func(b int64) bool { return (b/bucketsPerDay)%2 == 0 }
			e := r.BeginEach(q.Dimension, firstDay+7, q.Of, whole)
			require.NoError(t, e.Read(ctx))
			require.NoError(t, e.Visit(func(m Value, b int64, s *Sums) { each[fmt.Sprint(m, whole(b), b/bucketsPerDay)] += s.Calls }))
			for b, members := range want[q.Dimension] {
				for m, s := range members {
					if b >= firstDay+7 && (q.Of == nil || q.Of[m]) {
						wantEach[fmt.Sprint(m, whole(b), b/bucketsPerDay)] += s.Calls
					}
				}
			}
			for _, sums := range []map[string]int64{each, wantEach} {
				for k, n := range sums {
					if n == 0 {
						delete(sums, k)
					}
				}
			}
			require.Equal(t, wantEach, each)
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0:
				if len(made) > 0 {
					i := rapid.IntRange(0, len(made)-1).Draw(t, "takes back")
					r.Add(&made[i], -1)
					want.add(&made[i], -1)
					made = slices.Delete(made, i, i+1)
				}
			case 1, 2:
				d.save(t, r)
			case 3: // start again
				d.save(t, r)
				r = New(o)
				for _, p := range d.pages {
					require.NoError(t, r.Load(Page{Day: p.Day, Dimension: p.Dimension, Data: p.Data}))
				}
			case 4:
				check()
			case 5:
				from := firstDay + int64(rapid.IntRange(0, 400).Draw(t, "drop from"))
				to := from + int64(rapid.IntRange(0, 150).Draw(t, "drop"))
				require.NoError(t, r.Drop(ctx, from, to))
				for a := range want {
					for b := range want[a] {
						if from <= b && b < to {
							delete(want[a], b)
						}
					}
				}
				made = slices.DeleteFunc(made, func(c usage.Call) bool { b := BucketOf(c.Start); return from <= b && b < to })
			default:
				c := randomCall(t)
				c.Start = c.Start.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "day")) * 24 * time.Hour)
				for range rapid.IntRange(1, 3).Draw(t, "times") {
					made = append(made, c)
					r.Add(&c, 1)
					want.add(&c, 1)
				}
			}
		}
		check()
		check()
	})
}

// TestSpans: totals over many days, which are kept added up, are those of the plain form, whatever
// changes between two questions.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &disk{pages: map[string]Page{}}
		o := Options{MaxChanges: 200, Read: d.read}
		r, want := New(o), plain{}
		firstDay := DayOf(testStart)
		var made []usage.Call
		add := func(day int) {
			c := randomCall(t)
			c.Start = c.Start.AddDate(0, 0, day)
			made = append(made, c)
			r.Add(&c, 1)
			want.add(&c, 1)
		}
		for day := range 50 {
			if day%7 != 3 {
				add(day)
			}
		}
		for range rapid.IntRange(5, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0:
				d.save(t, r)
			case 1:
				i := rapid.IntRange(0, len(made)-1).Draw(t, "takes back")
				r.Add(&made[i], -1)
				want.add(&made[i], -1)
				made = slices.Delete(made, i, i+1)
			case 2:
				add(rapid.IntRange(0, 50).Draw(t, "day"))
			case 3:
				from := (firstDay + int64(rapid.IntRange(0, 50).Draw(t, "drop"))) * bucketsPerDay
				require.NoError(t, r.Drop(ctx, from, from+bucketsPerDay))
				for a := range want {
					for b := range want[a] {
						if from <= b && b < from+bucketsPerDay {
							delete(want[a], b)
						}
					}
				}
				made = slices.DeleteFunc(made, func(c usage.Call) bool { b := BucketOf(c.Start); return from <= b && b < from+bucketsPerDay })
				for len(made) < 2 {
					add(0)
				}
			default:
				q := Query{Dimension: Dimension(rapid.IntRange(0, int(DimensionCount)-1).Draw(t, "axis")), Edges: Open, Histograms: OfNone}
				if rapid.Bool().Draw(t, "edges") {
					days := rapid.SliceOfNDistinct(rapid.Int64Range(0, 52), 2, 4, rapid.ID[int64]).Draw(t, "days")
					slices.Sort(days)
					q.Edges = nil
					for _, day := range days {
						q.Edges = append(q.Edges, (firstDay+day)*bucketsPerDay+rapid.SampledFrom([]int64{0, 0, 5}).Draw(t, "at"))
					}
				}
				got, points := collector(len(q.Edges) - 1)
				q.Points = points
				require.NoError(t, r.Sum(ctx, q))
				expected, points := collector(len(q.Edges) - 1)
				want.sum(q, points)
				for _, points := range expected {
					for i := range points {
						points[i].Duration, points[i].TTFT = Histogram{}, Histogram{}
					}
				}
				require.Equal(t, filled(expected), filled(got))
			}
		}
	})
}

func requireHistogram(t require.TestingT, want, got *Histogram) {
	require.Equal(t, want.Count(), got.Count())
	for _, q := range []float64{0.01, 0.2, 0.5, 0.9, 1} {
		a, _ := want.Quantile(q)
		b, _ := got.Quantile(q)
		require.Equal(t, a, b)
	}
}

// TestReadFails: what cannot be read is an error, and changes nothing.
func TestReadFails(t *testing.T) {
	d := &disk{pages: map[string]Page{}}
	r := New(Options{Read: d.read, MaxChanges: 10})
	for day := range 5 {
		for i := range 3 {
			r.Add(&usage.Call{Start: testStart.AddDate(0, 0, day).Add(time.Duration(i) * 20 * time.Minute), Model: "m", Duration: time.Second}, 1)
		}
	}
	d.save(t, r)
	d.broken = true
	_, points := collector(1)
	first := BucketOf(testStart)
	require.NoError(t, r.Sum(ctx, Query{Dimension: Models, Edges: Open, Points: points}), "whole days are in memory")
	require.Error(t, r.Sum(ctx, Query{Dimension: Models, Edges: []int64{first + 1, first + 3}, Points: points}))
	require.Error(t, r.Each(ctx, Models, first, nil, func(Value, int64, *Sums) {}))
	require.Error(t, r.Drop(ctx, first, first+1))
	for range 20 { // changes are kept, however many, until they can be folded
		r.Add(&usage.Call{Start: testStart, Model: fmt.Sprint(len(r.dimensions[Models].names)), Duration: time.Second}, 1)
	}
	require.Error(t, r.MergeChanges(ctx, Page{Day: DayOf(testStart), Dimension: Models}))
	d.broken = false
	require.NoError(t, r.Drop(ctx, first, first+1))
	all, points := collector(1)
	require.NoError(t, r.Sum(ctx, Query{Dimension: All, Edges: Open, Points: points}))
	require.EqualValues(t, 14, all[Value{}][0].Calls)
}

// TestChangedMeanwhile: a query whose page is folded and saved between its beginning and its end, so
// that what it has to read is gone, says so.
func TestChangedMeanwhile(t *testing.T) {
	d := &disk{pages: map[string]Page{}}
	r := New(Options{Read: d.read, MaxCached: 1})
	add := func(day int) {
		for i := range 3 {
			r.Add(&usage.Call{Start: testStart.AddDate(0, 0, day).Add(time.Duration(i) * 20 * time.Minute), Model: "m", Duration: time.Second}, 1)
		}
	}
	for day := range 5 {
		add(day)
	}
	d.save(t, r)
	first := BucketOf(testStart)
	_, points := collector(1)
	q := Query{Dimension: Models, Edges: []int64{first + 1, first + 3}, Points: points}
	s := r.Begin(q)
	add(0)
	d.save(t, r)
	require.ErrorIs(t, s.End(ctx), ErrChanged)
	require.NoError(t, r.Sum(ctx, q))
}

// TestValuesAreForgotten: names of values that are on no page any more take no memory.
func TestMembersAreForgotten(t *testing.T) {
	r := New(Options{})
	for day := range 50 {
		for i := range 100 {
			r.Add(&usage.Call{Start: testStart.AddDate(0, 0, day), User: fmt.Sprint(day, " ", i)}, 1)
		}
		require.NoError(t, r.Drop(ctx, 0, (DayOf(testStart)+int64(day)-2)*bucketsPerDay))
		require.LessOrEqual(t, len(r.dimensions[Users].names), 500)
	}
	all, points := collector(1)
	require.NoError(t, r.Sum(ctx, Query{Dimension: Users, Edges: Open, Points: points}))
	require.Len(t, filled(all), 300)
}

// appendOld encodes a page as version 1 did.
func appendOld(names []Value, last []int64, slots [][]bucketSums) []byte {
	b := binary.AppendUvarint([]byte{oldPageVersion, 0}, uint64(len(names)))
	var data []byte
	for i, m := range names {
		sums := func(s *bucketSums) *Sums {
			out := &Sums{Duration: s.duration, TTFT: s.ttft}
			s.AddTo(out)
			return out
		}
		block := binary.AppendUvarint(nil, uint64(len(slots[i])))
		if len(slots[i]) == 1 {
			block = cell.AppendCell(append(block, slots[i][0].bucket), sums(&slots[i][0]))
		} else {
			var each []byte
			var total Sums
			for k := range slots[i] {
				total.Merge(sums(&slots[i][k]))
				each = cell.AppendCell(append(each, slots[i][k].bucket), sums(&slots[i][k]))
			}
			block = cell.AppendCell(block, &total)
			block = append(binary.AppendUvarint(block, uint64(len(each))), each...)
		}
		b = cell.AppendText(cell.AppendText(b, m.Value), m.Provider)
		b = binary.AppendUvarint(b, uint64(last[i]))
		b = binary.AppendUvarint(b, uint64(len(block)))
		data = append(data, block...)
	}
	return checked(append(b, data...))
}

// TestOldPages: pages of version 1 are read, and saved as new ones.
func TestOldPages(t *testing.T) {
	r, disk := New(Options{}), map[string]Page{}
	for i := range 300 {
		r.Add(&usage.Call{
			Start: testStart.Add(time.Duration(i) * 11 * time.Minute), KeyFingerprint: fmt.Sprint(i % 7), Model: fmt.Sprint(i % 90), Provider: "p", Failed: i%3 == 0,
			Duration: time.Duration(i) * time.Second, TTFT: time.Duration(i%2) * time.Second, Cost: usage.NanoUSD(i),
		}, 1)
	}
	old := New(Options{})
	for _, p := range r.Dirty() {
		require.NoError(t, r.MergeChanges(ctx, p))
		page := &r.days[p.Day][p.Dimension]
		names, last, slots := []Value{}, make([]int64, len(page.ids)), make([][]bucketSums, len(page.ids))
		for i, id := range page.ids {
			names = append(names, r.dimensions[p.Dimension].names[id])
			if page.last != nil {
				last[i] = page.last[i]
			}
			var err error
			slots[i], err = page.bucketsOfValue(i)
			require.NoError(t, err)
		}
		require.NoError(t, old.Load(Page{Day: p.Day, Dimension: p.Dimension, Data: appendOld(names, last, slots)}))
		r.Encode(&p)
		disk[diskKey(p)] = p
	}
	require.Len(t, old.Dirty(), len(disk))
	for _, p := range old.Dirty() {
		old.days[p.Day][p.Dimension].version = r.days[p.Day][p.Dimension].version
		require.NoError(t, old.MergeChanges(ctx, p))
		old.Encode(&p)
		require.Equal(t, disk[diskKey(p)], p)
	}
	require.Equal(t, r.LastUsed("3"), old.LastUsed("3"))
}
