package correlation

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// traceOf returns the trace to put a span in, made where it is new.
func (x *Index) traceOf(id usage.TraceID, tag uint32, seen time.Time) (uint32, *trace) {
	var number uint32
	if !id.IsZero() {
		if i := x.byTrace.find(tag, func(t uint32) bool { return x.traces.at(t).id == id }); i >= 0 {
			number = x.byTrace.slots[i].number
		}
	}
	if number != 0 {
		t := x.traces.at(number)
		x.see(number, t, seen) // an undone write may leave a trace younger than it is, which does no harm
		return number, t
	}
	number, t := x.traces.take()
	t.id, t.seen = id, seen.UnixNano()
	if !id.IsZero() {
		x.byTrace.insert(tag, number)
	}
	x.chain(number, t)
	x.undo = append(x.undo, step{what: madeTrace, entry: number})
	return number, t
}

// see makes a trace the youngest.
func (x *Index) see(number uint32, t *trace, seen time.Time) {
	t.seen = seen.UnixNano()
	if x.youngest != number {
		x.unchain(t)
		x.chain(number, t)
	}
}

func (x *Index) chain(number uint32, t *trace) {
	t.older, t.younger = x.youngest, 0
	if x.youngest != 0 {
		x.traces.at(x.youngest).younger = number
	} else {
		x.oldest = number
	}
	x.youngest = number
}

func (x *Index) unchain(t *trace) {
	if t.older != 0 {
		x.traces.at(t.older).younger = t.younger
	} else {
		x.oldest = t.younger
	}
	if t.younger != 0 {
		x.traces.at(t.younger).older = t.older
	} else {
		x.youngest = t.older
	}
}

// dropTrace removes a trace without spans.
func (x *Index) dropTrace(number uint32) {
	t := x.traces.at(number)
	x.unchain(t)
	if !t.id.IsZero() {
		x.byTrace.remove(x.byTrace.find(tagOfBytes(t.id[:]), func(o uint32) bool { return o == number }))
	}
	x.traces.drop(number)
}

// linkAt returns the place of a span that is no call; nil where it is not known.
func (x *Index) linkAt(trace uint32, span usage.SpanID) *link {
	l := link{trace: trace, span: span}
	i := x.byLink.find(l.tag(), func(number uint32) bool {
		o := x.links.at(number)
		return o.trace == trace && o.span == span
	})
	if i < 0 {
		return nil
	}
	return x.links.at(x.byLink.slots[i].number)
}

// addLink remembers the place of a span; false where it was known.
func (x *Index) addLink(k usage.SpanParent, seen time.Time) (trace uint32, fresh bool) {
	at, t := x.traceOf(k.Trace, tagOfBytes(k.Trace[:]), seen)
	if x.linkAt(at, k.Span) != nil {
		return at, false
	}
	number, l := x.links.take()
	*l = link{span: k.Span, parent: k.Parent, tool: k.Tool, trace: at, next: t.links}
	t.links = number
	t.count++
	x.byLink.insert(l.tag(), number)
	x.size++
	x.undo = append(x.undo, step{what: addedLink, entry: number})
	return at, true
}

// dropFirstLink removes the link of a trace that came last.
func (x *Index) dropFirstLink(t *trace) {
	number := t.links
	l := x.links.at(number)
	x.byLink.remove(x.byLink.find(l.tag(), func(o uint32) bool { return o == number }))
	t.links = l.next
	t.count--
	x.links.drop(number)
	x.size--
}
