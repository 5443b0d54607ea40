package promapi

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// sink takes sums: what is added from the sample with an index on. An index of len(times) is after all of them.
type sink interface {
	// wanted reports whether calls with some labels, by their number in the cube, are asked for.
	wanted(series uint32) bool
	figures(series uint32, at int, f *figures)
	// times are the histograms of a cell, see eachTime.
	times(series uint32, at int, times []byte)
}

// maxRecords bounds the records that one selector reads because samples lie within their quarters of an hour.
const maxRecords = 300_000

// sum adds up the calls for samples at some times. It returns the times of the samples: those in quarters of an
// hour whose records would be too many to read lie at their beginnings, and moved reports that there are any.
func (c *cube) sum(ctx context.Context, times []int64, s sink, room *int) (at []int64, movedAny bool, err error) {
	if len(times) == 0 {
		return nil, false, nil
	}
	until := time.UnixMilli(times[len(times)-1])
	cut, err := c.readable(ctx, cutSlots(times))
	if err != nil {
		return nil, false, err
	}
	at, movedAny = moved(times, cut)
	err = c.each(ctx, until, func(hour int64, p *page) error {
		var index [slotsPerHour]int
		for k := range index {
			start := hour*slotsPerHour*slotMillis + int64(k)*slotMillis
			if index[k] = after(at, start*int64(time.Millisecond)); cut[start] {
				index[k] = len(at) // its records are added below
			}
		}
		if *room < 0 {
			return errTooMany
		}
		p.each(s.wanted, func(series uint32, slot uint8, f *figures, bytes []byte) {
			if i := index[slot]; i < len(at) {
				s.figures(series, i, f)
				s.times(series, i, bytes)
			}
		})
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return at, movedAny, c.sumRecords(ctx, at, cut, s, room)
}

// readable returns which quarters of an hour, newest first, have few enough records to be read.
func (c *cube) readable(ctx context.Context, cut []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	var records int64
	for _, start := range cut[:min(len(cut), maxCut)] {
		hour := floorDiv(start, slotsPerHour*slotMillis)
		pages, err := c.read(ctx, hour, hour)
		if err != nil {
			return nil, err
		}
		records += pages[0].calls[(start/slotMillis)&(slotsPerHour-1)]
		if records > maxRecords {
			break
		}
		out[start] = true
	}
	return out, nil
}

// sumRecords adds the calls of some quarters of an hour one by one.
func (c *cube) sumRecords(ctx context.Context, times []int64, cut map[int64]bool, s sink, room *int) error {
	for start := range cut {
		if cut[start-slotMillis] {
			continue // it is in the run of another
		}
		end := start + slotMillis
		for cut[end] {
			end += slotMillis
		}
		f := store.Filter{From: time.UnixMilli(start), To: time.UnixMilli(end), Keys: c.keys}
		err := c.ledger.Figures(ctx, f, func(r *store.Record) error {
			id := c.id(rollup.LabelsOf(&r.Call))
			i := after(times, r.Start.UnixNano())
			if *room < 0 {
				return errTooMany
			}
			if i == len(times) || !s.wanted(id) {
				return nil
			}
			var one cell
			one.sums.AddCounts(&r.Call, 1)
			figures := figuresOf(&one.sums)
			s.figures(id, i, &figures)
			timingsOf(&r.Call, func(t timing, v float64) { one.times[t].observe(v) })
			var bytes []byte
			for t := range one.times {
				bytes = appendDistribution(bytes, &one.times[t])
			}
			s.times(id, i, bytes)
			return ctx.Err()
		})
		if err != nil {
			return fmt.Errorf("sum stored records: %w", err)
		}
	}
	return nil
}
