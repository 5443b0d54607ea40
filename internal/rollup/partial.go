package rollup

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// made is the sums of a part of a day that a query made.
type made struct {
	day     int64
	of      uint64 // identity of its page
	partial *partialDay
}

// halves adds up a day that is cut in two parts: c has the sums of the first part, and the second part is the rest of
// the day.
func (s *Summing) halves(ctx context.Context, d *daySum, c *partialDay, withHist bool) error {
	before, after := d.first, d.at(c.end)
	var hist *cell.Blob
	if withHist && after >= 0 {
		var err error
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	dur, ttft, allDur, allTTFT := &s.duration, &s.ttft, &s.wholeDuration, &s.wholeTTFT
	return s.each(d, func(i int, t *target) error {
		row := c.Row(i)
		if before >= 0 {
			t.figures[before].Add(&row)
		}
		if after >= 0 {
			d.day.Add(i, &t.figures[after])
			t.figures[after].Subtract(&row)
		}
		if !withHist {
			return nil
		}
		if err := cell.ReadHistograms(c.hist.At(i), dur, ttft); err != nil {
			return err
		}
		if before >= 0 {
			s.histograms(t, before, dur, ttft)
		}
		if after >= 0 {
			if err := cell.ReadHistograms(hist.At(i), allDur, allTTFT); err != nil {
				return err
			}
			allDur.Subtract(dur)
			allTTFT.Subtract(ttft)
			s.histograms(t, after, allDur, allTTFT)
		}
		return nil
	})
}

// make makes the sums of the part of a day before its cut, of all values.
func (s *Summing) make(ctx context.Context, d *daySum) (*partialDay, error) {
	p := d.page
	for _, part := range []Part{Buckets, Hists} {
		b, err := s.part(ctx, d, part)
		if err != nil {
			return nil, err
		}
		p.put(part, b)
	}
	c, err := p.makePartial(d.cut)
	if err != nil {
		return nil, err
	}
	s.made = append(s.made, made{day: d.number, of: d.identity, partial: c})
	return c, nil
}

// makePartial makes the sums of the part of a day before a bucket.
func (p *page) makePartial(bucket uint8) (*partialDay, error) {
	c := &partialDay{end: bucket}
	if p.smallHist() {
		c.hist = &cell.Blob{}
	}
	rows := make([]cell.Figures, len(p.ids))
	var dur, ttft, allDur, allTTFT Histogram
	var room []byte
	for i := range p.ids {
		allDur.Clear()
		allTTFT.Clear()
		r := cell.NewReader(p.buckets.At(i))
		n := r.Uvarint()
		for k := uint64(0); k < n && !r.Bad; k++ {
			if r.Byte() >= bucket {
				break // they ascend
			}
			var h []byte
			if n > 1 {
				h = r.Packed(&rows[i])
			} else {
				p.day.Add(i, &rows[i])
				h = p.hist.At(i)
			}
			if c.hist != nil {
				if err := cell.ReadHistograms(h, &dur, &ttft); err != nil {
					return nil, err
				}
				allDur.Merge(&dur)
				allTTFT.Merge(&ttft)
			}
		}
		if r.Bad {
			return nil, cell.ErrDamaged
		}
		if c.hist != nil {
			room = cell.AppendHistograms(room[:0], &allDur, &allTTFT)
			c.hist.Append(room)
		}
	}
	c.Columns = cell.MakeColumns(rows)
	return c, nil
}

// Keep keeps what a query made, for the next ones that ask for the same days. It reports whether there
// was anything.
func (r *Rollup) Keep(s *Summing) bool {
	for _, m := range s.made {
		d := r.days[m.day]
		if d == nil {
			continue
		}
		p := &d[s.q.Dimension]
		if p.identity != m.of || p.partial(m.partial.end) != nil {
			continue
		}
		cuts := []*partialDay{m.partial} // a new list: readers may have the old one
		for _, c := range p.partials {
			if len(cuts) < maxPartials {
				cuts = append(cuts, c)
			}
		}
		before := p.size()
		p.partials, p.dirty = cuts, true
		r.dimensions[s.q.Dimension].bytes += p.size() - before
	}
	return len(s.made) > 0
}

// Made reports whether a query made what Keep would keep.
func (s *Summing) Made() bool { return len(s.made) > 0 }
