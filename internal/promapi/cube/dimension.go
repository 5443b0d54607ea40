package cube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/rollup"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimension has the sums of calls by one label, or by provider and model together, from the sums that the ledger keeps:
// unlike a Cube it reads no records, apart from those of the quarters of an hour that samples lie within. It is for
// one query.
type Dimension struct {
	ledger Ledger
	keys   []string
	by     ledger.GroupBy
	ids    map[callseries.Labels]uint32
	names  []callseries.Labels
}

// dimensions are the labels that the ledger keeps sums by.
var dimensions = []struct {
	labels []callseries.Label
	by     ledger.GroupBy
}{
	{nil, ledger.ByNothing},
	{[]callseries.Label{callseries.LabelProvider, callseries.LabelModel}, ledger.ByModel},
	{[]callseries.Label{callseries.LabelKey}, ledger.ByKey},
	{[]callseries.Label{callseries.LabelService}, ledger.ByService},
	{[]callseries.Label{callseries.LabelStatus}, ledger.ByStatus},
}

// DimensionOf returns the dimension that has some labels, of the calls that a cube has; nil where the ledger keeps
// no such sums.
func DimensionOf(c *Cube, need []callseries.Label) *Dimension {
	if c.Keys != nil {
		need = append(slices.Clip(need), callseries.LabelKey)
	}
	for _, d := range dimensions {
		if !slices.ContainsFunc(need, func(l callseries.Label) bool { return !slices.Contains(d.labels, l) }) {
			return &Dimension{ledger: c.Ledger, keys: c.Keys, by: d.by, ids: map[callseries.Labels]uint32{}}
		}
	}
	return nil
}

// maxDimensionCuts bounds the quarters of an hour whose records are read; beyond them a cube reads fewer.
const maxDimensionCuts = 8

// Takes reports whether samples at some times can be had.
func (*Dimension) Takes(times []int64) bool { return len(cutSlots(times)) <= maxDimensionCuts }

// Only returns labels without those that the dimension does not have.
func (d *Dimension) Only(l callseries.Labels) callseries.Labels {
	var out callseries.Labels
	for _, one := range dimensions {
		if one.by == d.by {
			for _, label := range one.labels {
				out[label] = l[label]
			}
		}
	}
	return out
}

// Series returns the labels by their numbers.
func (d *Dimension) Series() []callseries.Labels { return d.names }

// ErrOverflow reports that there are more values than the ledger keeps sums of.
var ErrOverflow = errors.New("the ledger keeps sums of fewer values")

// edgesAtOnce bounds the points of one question to the ledger: each has sums in memory for each value.
const edgesAtOnce = 256

// Sum is Cube.Sum.
func (d *Dimension) Sum(ctx context.Context, times []int64, s Sink, room *int) (at []int64, movedAny bool, err error) {
	return d.sum(ctx, times, s, room, []int64{0})
}

// Since is Cube.Since.
func (d *Dimension) Since(ctx context.Context, times []int64, s Sink, room *int) (at []int64, movedAny bool, err error) {
	return d.sum(ctx, times, s, room, nil)
}

// sum adds up. The calls from before on are in the first sample.
func (d *Dimension) sum(ctx context.Context, times []int64, s Sink, room *int, before []int64) (at []int64, movedAny bool, err error) {
	if len(times) == 0 {
		return nil, false, nil
	}
	cut, err := readable(ctx, d.ledger, store.Filter{}, cutSlots(times))
	if err != nil {
		return nil, false, err
	}
	at, movedAny = moved(times, cut)
	edges := slices.Concat(before, at)
	later, _ := s.(Later)
	if later != nil {
		edges = append(edges, latest(time.UnixMilli(at[len(at)-1])).UnixMilli())
	}
	for first := 0; first < len(edges)-1; first += edgesAtOnce {
		part := edges[first:min(first+edgesAtOnce+1, len(edges))]
		q := ledger.Query{Filter: store.Filter{Keys: d.keys}, By: d.by, CountsOnly: true}
		for _, t := range part {
			q.Edges = append(q.Edges, time.UnixMilli(t))
		}
		a, err := d.ledger.Query(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("read the sums: %w", err)
		}
		if err := d.give(&a, first+1-len(before), len(at), s, later); err != nil {
			return nil, false, err
		}
		if *room < 0 {
			return nil, false, ErrTooMany
		}
	}
	return at, movedAny, nil
}

// give gives a sink the sums of an answer, whose first point is in the sample first.
func (d *Dimension) give(a *ledger.Answer, first, samples int, s Sink, later Later) error {
	for i := range a.Groups {
		g := &a.Groups[i]
		if g.Value == rollup.Overflow.Value {
			return ErrOverflow
		}
		id := d.id(g)
		if !s.Wanted(id) {
			continue
		}
		for k := range g.Points {
			f := FiguresOf(&g.Points[k])
			switch {
			case f == Figures{}:
			case first+k < samples:
				s.Figures(id, first+k, &f)
			case later != nil:
				later.Later(id, &f)
			}
		}
	}
	return nil
}

// readable is Cube.readable, of the calls that a filter lets through.
func readable(ctx context.Context, l Ledger, f store.Filter, cut []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	var records int64
	for _, start := range cut {
		a, err := l.Query(ctx, ledger.Query{
			Filter: f, Edges: []time.Time{time.UnixMilli(start), time.UnixMilli(start + SlotMillis)}, CountsOnly: true,
		})
		if err != nil {
			return nil, fmt.Errorf("read the sums: %w", err)
		}
		for i := range a.Groups {
			records += a.Groups[i].Points[0].Calls
		}
		if records > maxRecords {
			break
		}
		out[start] = true
	}
	return out, nil
}

// id numbers the labels of a group. Outcomes with one label become one series.
func (d *Dimension) id(g *ledger.Group) uint32 {
	var l callseries.Labels
	switch d.by {
	case ledger.ByModel:
		l[callseries.LabelProvider], l[callseries.LabelModel] = g.Provider, g.Value
	case ledger.ByKey:
		l[callseries.LabelKey] = g.Value
	case ledger.ByService:
		l[callseries.LabelService] = g.Value
	case ledger.ByStatus:
		status, _ := strconv.Atoi(g.Value) // it is the outcome where there is no status
		l[callseries.LabelStatus] = callseries.LabelsOf(&usage.Call{Status: status, Failed: g.Value == "error"})[callseries.LabelStatus]
	}
	id, known := d.ids[l]
	if !known {
		id = uint32(len(d.names))
		d.ids[l], d.names = id, append(d.names, l)
	}
	return id
}

// Before returns the labels that have calls before a time.
func (d *Dimension) Before(ctx context.Context, t int64) ([]callseries.Labels, error) {
	a, err := d.ledger.Query(ctx, ledger.Query{
		Filter: store.Filter{Keys: d.keys}, By: d.by, CountsOnly: true,
		Edges: []time.Time{time.UnixMilli(0), time.UnixMilli(FloorDiv(t, SlotMillis) * SlotMillis)},
	})
	if err != nil {
		return nil, fmt.Errorf("read the sums: %w", err)
	}
	for i := range a.Groups {
		if a.Groups[i].Value == rollup.Overflow.Value {
			return nil, ErrOverflow
		}
		d.id(&a.Groups[i])
	}
	return d.names, nil
}
