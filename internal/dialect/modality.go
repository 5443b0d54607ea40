package dialect

import (
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
)

// modalityRefs are the aliases of modalities, taken apart.
var modalityRefs = func() (out [][]ref) {
	for _, part := range tables.Modalities {
		out = append(out, refsTo(part.Aliases))
	}
	return out
}()

// modalities reads the parts that are not text. Parts that are more than their whole are left out.
func (r *record) modalities(c *usage.Call) {
	if !r.own.modality {
		return
	}
	var m usage.Modalities
	for i, aliases := range modalityRefs {
		for j := range aliases {
			if n, is := r.countAt(&aliases[j]); is == value.Usable {
				*tables.Modalities[i].At(&m) = n
				break
			}
		}
	}
	if m.IsZero() || !c.Tokens.Reported() {
		return
	}
	if !m.Fit(c.Tokens) {
		c.Quality |= usage.Inconsistent
		return
	}
	c.Modalities = m
}
