package correlation

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// prefetchStep is how many records are looked for at once: a few times what a processor has under way.
const prefetchStep = 32

// Prefetch prepares for adding the i-th of some records and the next ones. Once for every prefetchStep records, it
// reads the memory where they will be looked for, which is most likely in no cache of the processor. Several such reads
// in a row do not wait for each other.
func (x *Index) Prefetch(records []store.Record, precomputed []Precomputed, i int) {
	if i%prefetchStep != 0 {
		return
	}
	var sum uint32
	for end := min(i+prefetchStep, len(records)); i < end; i++ {
		p, c := &precomputed[i], &records[i].Call
		sum += x.byID.prefetch(p.id) + x.byTrace.prefetch(p.trace) + x.attributions.facts.prefetch(p.attribution) +
			x.byKey.prefetch(x.byKey.tag(p.keys[0])) +
			x.byTwin.prefetch(twinKey{c.Process, c.Tokens.Input(), c.Start.UnixNano() / twinSlot}.tag())
	}
	x.prefetched = sum
}

// prefetchOldest does the same for forgetting.
func (x *Index) prefetchOldest(traces int) {
	var sum uint32
	for at := x.oldest; at != 0 && traces > 0; traces-- {
		t := x.traces.at(at)
		sum += x.byTrace.prefetch(tagOfBytes(t.id[:]))
		if t.nodes != 0 {
			n := x.node(t.nodes)
			sum += x.byID.prefetch(tagOfBytes(n.id[:])) + x.byKey.prefetch(x.byKey.tag(n.keys[0])) +
				x.byTwin.prefetch(twinKey{x.process(n), n.input, n.start / twinSlot}.tag())
		}
		at = t.younger
	}
	x.prefetched = sum
}

// Evict evicts the traces that were idle for longest while there are more than maxSpans
// spans, and all that were idle since before the given time. It returns how many spans had to
// be evicted only because of maxSpans.
func (x *Index) Evict(maxSpans int, idleSince time.Time) (forced int64) {
	since := idleSince.UnixNano()
	for i := 0; x.oldest != 0; i++ {
		if i%prefetchStep == 0 && (x.size > maxSpans || x.traces.at(x.oldest).seen < since) {
			x.prefetchOldest(min(prefetchStep, max(x.size-maxSpans, 1)))
		}
		t := x.traces.at(x.oldest)
		old := t.seen < since
		if !old && x.size <= maxSpans {
			break
		}
		if !old {
			forced += int64(t.count)
		}
		x.forget(x.oldest, t)
	}
	x.invalidated = x.invalidated[:0] // what is evicted changes nothing of what was decided
	return forced
}

func (x *Index) forget(number uint32, t *trace) {
	for t.nodes != 0 {
		n := x.node(t.nodes)
		x.detach(n)
		x.completeAfter = max(x.completeAfter, n.start)
		x.dropFirstNode(t)
	}
	for t.links != 0 {
		x.dropFirstLink(t)
	}
	x.dropTrace(number)
}
