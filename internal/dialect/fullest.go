package dialect

import (
	"math/bits"

	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// figures takes the fullest consistent reading of the families that apply, and returns its family; of
// a record without figures, the family whose own record it is.
func (r *record) figures(c *usage.Call, v verdict) *Family {
	f := fullest{full: -1}
	for i := range r.plan.custom {
		f.consider(r, c, &r.plan.custom[i], v)
	}
	for m := r.plan.asked(r); m != 0; m &= m - 1 {
		bit := m & -m
		f.consider(r, c, &candidate{Family: builtIn[bits.TrailingZeros64(m)], sure: r.plan.sure&bit != 0}, v)
	}
	if f.bad {
		c.Quality |= usage.Inconsistent
	}
	return f.family
}

// fullest is the best of the readings so far.
type fullest struct {
	family *Family
	full   int64
	bad    bool
	added  *Family // the last family that was read under the name of one that adds to it
}

func (b *fullest) consider(r *record, c *usage.Call, f *candidate, v verdict) {
	if (b.added != nil && (f.Family == b.added || f.adds == b.added)) || !f.applies(r, v) {
		return
	}
	if f.adds != nil {
		b.added = f.adds
	}
	if b.family == nil && f.own() && (r.log || f.limited()) {
		b.family, r.owner = f.Family, f.Family
	}
	if f.bit != 0 && (r.own.families|r.origin.index.families)&f.bit == 0 {
		return // it has no figure here
	}
	g, some := f.read(r)
	if !some {
		return
	}
	provider := c.Provider
	if provider == "" {
		provider = f.Provider
	}
	provider = r.rules(f.Family, provider)
	g.SeparateThoughts = providers.SeparatesThoughts(provider)
	t, ok := g.Tokens(f.cacheRule(r, provider), f.part(f.Reasons, f.refs.reasonMembers, r, provider))
	if !t.Reported() {
		b.bad = b.bad || !ok
		return
	}
	if full := fullness(t, ok); full > b.full {
		b.full, b.family, c.Tokens = full, f.Family, t
		b.bad = !ok
	}
}

// fullness ranks a reading: consistent before not, then by the kinds of figures it has, then by how
// many of those that are not zero.
func fullness(t usage.Tokens, ok bool) int64 {
	var n int64
	if ok {
		n = 1 << 8
	}
	for f := usage.HasInput; f <= usage.HasReasoning; f <<= 1 {
		if t.Fields&f != 0 {
			n += 8
		}
	}
	for _, v := range []int64{t.InputUncached, t.CacheRead, t.CacheWrite, t.OutputText, t.Reasoning} {
		if v > 0 {
			n++
		}
	}
	return n
}
