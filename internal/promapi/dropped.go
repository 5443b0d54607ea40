package promapi

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
)

// dropped has the sums of the calls that retention dropped: the counters start at them.
type dropped struct {
	mu        sync.Mutex
	watermark time.Time // the watermark that sums are of
	sums      map[callseries.Labels]cube.Figures
}

// soonest is how far in the future calls can start that the ledger takes.
const soonest = 48 * time.Hour

// maxTries bounds how often the counters and the calls are read until no call came in between.
const maxTries = 3

// of returns the sums by the labels of counter series, with the fingerprints of keys, of those that a cube may see.
func (d *dropped) of(ctx context.Context, c *cube.Cube, n *naming) (map[callseries.Labels]cube.Figures, error) {
	watermark := c.Ledger.Watermark()
	if watermark.IsZero() {
		return nil, nil
	}
	if c.Keys != nil && !n.used[callseries.LabelKey] {
		return nil, nil // whose calls they were is not known
	}
	all := c
	d.mu.Lock()
	sums, known := d.sums, d.watermark.Equal(watermark)
	d.mu.Unlock()
	if !known {
		if c.Keys != nil {
			all = cube.New(c.Ledger, nil, 0)
		}
		var err error
		if sums, err = d.read(ctx, all); err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.watermark, d.sums = watermark, sums
		d.mu.Unlock()
	}
	if c.Keys == nil {
		return sums, nil
	}
	own := map[callseries.Labels]cube.Figures{}
	for l, f := range sums {
		if slices.Contains(c.Keys, l[callseries.LabelKey]) {
			own[l] = f
		}
	}
	return own, nil
}

// read takes the calls that are stored from what the counters have.
func (d *dropped) read(ctx context.Context, c *cube.Cube) (map[callseries.Labels]cube.Figures, error) {
	var out map[callseries.Labels]cube.Figures
	for range maxTries {
		n := newNaming(c.Ledger, nil)
		stored := map[callseries.Labels]*cube.Figures{}
		var index []*cube.Figures
		err := c.Each(ctx, time.Now().Add(soonest), func(_ int64, p *cube.Page) error {
			p.Each(func(uint32) bool { return true }, func(series uint32, _ uint8, f *cube.Figures, _ []byte) {
				for int(series) >= len(index) {
					l := n.seriesOf(c.Series()[len(index)])
					if stored[l] == nil {
						stored[l] = &cube.Figures{}
					}
					index = append(index, stored[l])
				}
				for i, v := range f {
					index[series][i] += v
				}
			})
			return nil
		})
		if err != nil {
			return nil, err
		}
		out = map[callseries.Labels]cube.Figures{}
		for l, sums := range n.series {
			f, some := cube.FiguresOf(&sums), false
			for i := range f {
				if s := stored[l]; s != nil {
					f[i] -= s[i]
				}
				f[i] = max(f[i], 0)
				some = some || f[i] != 0
			}
			if some {
				out[l] = f
			}
		}
		if sameCalls(n, newNaming(c.Ledger, nil)) {
			break
		}
	}
	return out, nil
}

// sameCalls reports whether the counters have the same calls at two times.
func sameCalls(a, b *naming) bool {
	var x, y int64
	for _, s := range a.series {
		x += s.Calls
	}
	for _, s := range b.series {
		y += s.Calls
	}
	return x == y
}
