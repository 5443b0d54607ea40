package cube

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"

	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Sink takes sums: what is added from the sample with an index on. An index of len(times) is after all of them.
type Sink interface {
	// Wanted reports whether calls with some labels, by their number in the cube, are asked for.
	Wanted(series uint32) bool
	Figures(series uint32, at int, f *Figures)
	// Times are the histograms of a cell, see EachTime.
	Times(series uint32, at int, times []byte)
}

// Later is a Sink that also gets the calls after the last time.
type Later interface {
	Later(series uint32, f *Figures)
}

// latest is a time after which no call starts that is there at some time, or now.
func latest(t time.Time) time.Time {
	if now := time.Now(); now.After(t) {
		t = now
	}
	return t.Add(Soonest)
}

// ErrTooMany reports that more would be in memory than a query may have, in Prometheus' words.
var ErrTooMany = promql.ErrTooManySamples("query execution")

// maxRecords bounds the records that one selector reads because samples lie within their quarters of an hour.
const maxRecords = 300_000

// Sum adds up the calls for samples at some times. It returns the times of the samples: those in quarters of an
// hour whose records would be too many to read lie at their beginnings, and moved reports that there are any.
func (c *Cube) Sum(ctx context.Context, times []int64, s Sink, room *int) (at []int64, movedAny bool, err error) {
	return c.sum(ctx, times, s, room, false)
}

// Since is Sum without the calls before the first time, apart from some just before it. A sink that is a Later
// gets those after the last time, too: what it did not get is what there was before.
func (c *Cube) Since(ctx context.Context, times []int64, s Sink, room *int) (at []int64, movedAny bool, err error) {
	return c.sum(ctx, times, s, room, true)
}

// Soonest is how far in the future calls can start that the ledger takes.
const Soonest = 48 * time.Hour

func (c *Cube) sum(ctx context.Context, times []int64, s Sink, room *int, since bool) (at []int64, movedAny bool, err error) {
	if len(times) == 0 {
		return nil, false, nil
	}
	until := time.UnixMilli(times[len(times)-1])
	var from time.Time
	var later Later
	if since {
		from = time.UnixMilli(FloorDiv(times[0], SlotMillis) * SlotMillis)
		if l, is := s.(Later); is {
			later, until = l, latest(until)
		}
	}
	cut, err := c.readable(ctx, cutSlots(times))
	if err != nil {
		return nil, false, err
	}
	at, movedAny = moved(times, cut)
	err = c.Each(ctx, from, until, func(hour int64, p *Page) error {
		var index [SlotsPerHour]int
		for k := range index {
			start := hour*SlotsPerHour*SlotMillis + int64(k)*SlotMillis
			if index[k] = after(at, start*int64(time.Millisecond)); cut[start] {
				index[k] = len(at) // its records are added below
			}
		}
		if *room < 0 {
			return ErrTooMany
		}
		p.Each(s.Wanted, func(series uint32, slot uint8, f *Figures, bytes []byte) {
			switch i := index[slot]; {
			case i < len(at):
				s.Figures(series, i, f)
				s.Times(series, i, bytes)
			case later != nil && !cut[(hour*SlotsPerHour+int64(slot))*SlotMillis]:
				later.Later(series, f)
			}
		})
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return at, movedAny, c.sumRecords(ctx, at, cut, s, later, room)
}

// readable returns which quarters of an hour, newest first, have few enough records to be read.
func (c *Cube) readable(ctx context.Context, cut []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	var records int64
	for _, start := range cut[:min(len(cut), MaxCut)] {
		hour := FloorDiv(start, SlotsPerHour*SlotMillis)
		pages, err := c.read(ctx, hour, hour)
		if err != nil {
			return nil, err
		}
		records += pages[0].calls[(start/SlotMillis)&(SlotsPerHour-1)]
		if records > maxRecords {
			break
		}
		out[start] = true
	}
	return out, nil
}

// sumRecords adds the calls of some quarters of an hour one by one.
func (c *Cube) sumRecords(ctx context.Context, times []int64, cut map[int64]bool, s Sink, later Later, room *int) error {
	for start := range cut {
		if cut[start-SlotMillis] {
			continue // it is in the run of another
		}
		end := start + SlotMillis
		for cut[end] {
			end += SlotMillis
		}
		f := store.Filter{From: time.UnixMilli(start), To: time.UnixMilli(end), Keys: c.Keys}
		err := c.Ledger.Figures(ctx, f, func(r *store.Record) error {
			id := c.id(callseries.LabelsOf(&r.Call))
			i := after(times, r.Start.UnixNano())
			if *room < 0 {
				return ErrTooMany
			}
			if !s.Wanted(id) {
				return nil
			}
			var one cell
			one.sums.AddCounts(&r.Call, 1)
			figures := FiguresOf(&one.sums)
			if i == len(times) {
				if later != nil {
					later.Later(id, &figures)
				}
				return nil
			}
			s.Figures(id, i, &figures)
			timingsOf(&r.Call, func(t Timing, v float64) { one.times[t].observe(v) })
			var bytes []byte
			for t := range one.times {
				bytes = appendDistribution(bytes, &one.times[t])
			}
			s.Times(id, i, bytes)
			return ctx.Err()
		})
		if err != nil {
			return fmt.Errorf("sum stored records: %w", err)
		}
	}
	return nil
}
