package correlation

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Load adds a stored record with the decision that is stored of it. It is no part of a write.
func (x *Index) Load(r *store.Record) {
	own := r.Call
	own.Inherit(usage.Attribution{})
	own.Deduct(usage.Tokens{})
	p := Precompute(&own)
	n := x.add(&own, &p, r.StoredAt)
	x.setDecision(n, &Decision{
		Counted: r.Counted, By: r.SupersededBy, Reason: r.Reason, Inherited: r.InheritedAttribution(), Before: r.Before,
	})
	x.Commit()
}

// LoadSpanParent adds a stored position of a span. It is no part of a write.
func (x *Index) LoadSpanParent(p usage.SpanParent, at time.Time) {
	x.addLink(p, at)
	x.Commit()
}

// RaiseCompleteAfter states that the index may lack stored records that start no later than a time (Unix ns).
func (x *Index) RaiseCompleteAfter(start int64) { x.completeAfter = max(x.completeAfter, start) }

// CompleteAfter returns a time (Unix ns): every stored record that starts later is in the index. Whether an earlier one
// that is not in it is stored, only the store can say.
func (x *Index) CompleteAfter() int64 { return x.completeAfter }

// Size returns the number of records and of positions of spans in the index.
func (x *Index) Size() int { return x.size }
