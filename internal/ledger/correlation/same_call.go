package correlation

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// near reports whether two output figures can be of one call: some emitters are one off.
func near(a, b int64) bool { return max(a-b, b-a) <= 1 }

// call is the records of one call while sameCalls puts them together.
type call struct {
	nodes []*Node // ascending by start
	into  *call   // the call that this one was found to be part of
}

func (c *call) whole() *call {
	for c.into != nil {
		c = c.into
	}
	return c
}

// admits reports whether all records of o can be of the same call as the records of c: no two are from one source, and
// none is too far from the rest.
func (c *call) admits(o *call, window int64) bool {
	for _, n := range o.nodes {
		for _, m := range c.nodes {
			if m.src == n.src || max(m.start-n.start, n.start-m.start) > window {
				return false
			}
		}
	}
	return true
}

// sameCalls divides records into calls: records that share a response or request id, or of
// which one was logged inside the other's span, are one call, unless they come from one
// source or lie too far apart. Where several calls share one id, records pair up by time.
func (x *Index) sameCalls(left []*Node, window int64) []*call {
	slices.SortFunc(left, earlier)
	logs := slices.ContainsFunc(left, func(n *Node) bool { return n.signal != usage.SignalSpan })
	byKey := map[key][]*call{}
	bySpan := map[*Node][]*call{}
	all := make([]call, len(left))
	for i, n := range left {
		own := &all[i]
		own.nodes = left[i : i+1 : i+1]
		var related []*call
		f := x.assessmentOf(n)
		for _, keys := range [...][]key{n.keys[:], f.aliases} {
			for _, k := range keys {
				// It is none, so common that it is no identity, or another record's neither: of two
				// calls that share an id by a superseded ancestor, the ancestors have it too.
				if k == (key{}) || x.byKey.count(k) < 2 {
					continue
				}
				related = append(related, byKey[k]...)
				byKey[k] = append(byKey[k], own)
			}
		}
		if logs {
			if within := x.spanAround(n); within != nil {
				related = append(related, bySpan[within]...)
				bySpan[within] = append(bySpan[within], own)
			}
		}
		slices.SortFunc(related, func(a, b *call) int { return earlier(b.nodes[0], a.nodes[0]) }) // the nearest in time first
		for _, k := range related {
			if k = k.whole(); k != own && k.admits(own, window) {
				k.nodes = append(k.nodes, own.nodes...)
				own.into = k
				own = k
			}
		}
	}
	out := make([]*call, 0, len(all))
	for i := range all {
		if all[i].into == nil {
			out = append(out, &all[i])
		}
	}
	return out
}

func earlier(a, b *Node) int {
	return cmp.Or(cmp.Compare(a.start, b.start), bytes.Compare(a.id[:], b.id[:]))
}

// spanAround returns the model call span that a record belongs to: itself, or for a log record
// the span it was written in. Where the leaf rule replaced that span by a single other one,
// it is that one.
func (x *Index) spanAround(n *Node) *Node {
	if n.signal == usage.SignalSpan {
		return n
	}
	around := x.assessmentOf(n).tree.call(n.span)
	if around == nil || around.role != usage.RoleCall {
		return nil
	}
	if below := x.assessmentOf(around).below; len(below) == 1 {
		return below[0]
	}
	return around
}
