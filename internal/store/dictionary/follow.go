package dictionary

import (
	"slices"

	"github.com/tokenboard/tokenboard/internal/store/block"
)

// Follow adds keys that another process stored.
func (d *Dictionary) Follow(stored []Stored) {
	if len(stored) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(stored, func(s Stored) bool { return s.Number < int64(len(d.values)) }) { // readers have what was there
		d.values = slices.Clone(d.values)
	}
	for _, s := range stored {
		if s.Kind < 0 || s.Kind >= int64(KindCount) || s.Number < 1 || s.Number >= int64(block.Inline) {
			continue // no record has it
		}
		for n := int64(len(d.values)); n < s.Number; n++ { // numbers between are free
			d.free = append(d.free, uint32(n))
		}
		if i := slices.Index(d.free, uint32(s.Number)); i >= 0 {
			d.free = slices.Delete(d.free, i, i+1)
		}
		d.put(uint32(s.Number), ParseKey(Kind(s.Kind), s.Text))
	}
	slices.SortFunc(d.free, func(a, b uint32) int { return int(b) - int(a) })
}
