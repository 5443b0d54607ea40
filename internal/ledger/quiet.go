package ledger

import "github.com/tokenboard/tokenboard/internal/usage"

// A library that cannot see the usage of a call (a stream that does not tell it, a call that failed)
// tells a quiet record, which has no figures to be known by as a twin. It is known by its time: the
// other library's record of the same process starts within a second of it, and one of the two lies
// within the other. They pair one to one: each must be the nearest to the other of its scope.
//
// A quiet record that did not fail is the twin of one that bears usage, or of another quiet one; a failed
// one that of another failed one, which may bear usage: of a stream that was cut, one library knows the
// input, and another only the error. What a failed record tells beside a success is another attempt.
//
// Unlike the other relations this one is looked for in the index and not followed from record to
// record: in a busy process it would lead from each call to the next for ever.

// quietSlot is the width (ns) of the pieces of time that records are indexed by here.
const quietSlot = int64(1) << 32

// quietReach (ns) is how far apart two records of one call can start.
const quietReach = int64(1e9)

// loudness is what a record can be to quiet ones.
type loudness uint8

const (
	mute loudness = iota // no model call: it has no twins
	loud                 // it bears usage
	quiet
	quietFailed
	loudFailed
)

func (n *node) loudness() loudness {
	switch {
	case n.role != usage.RoleCall:
		return mute
	case n.usage() && n.is&isFailed != 0:
		return loudFailed
	case n.usage():
		return loud
	case n.is&isFailed != 0:
		return quietFailed
	default:
		return quiet
	}
}

// matches gives the loudness of the records that one of this loudness can be a twin of.
func (l loudness) matches() []loudness {
	return [...][]loudness{
		mute: nil, loud: {quiet}, quiet: {loud, loudFailed, quiet}, quietFailed: {quietFailed, loudFailed}, loudFailed: {quiet, quietFailed},
	}[l]
}

type quietKey struct {
	process  uint64
	slot     int64
	loudness loudness
}

func (k quietKey) tag() uint32 {
	return mix(k.process, uint64(k.slot)<<3|uint64(k.loudness))
}

// quietKey gives the place of a record in the index. One that can have no twin is mute.
func (x *index) quietKey(n *node) quietKey {
	l := n.loudness()
	if l == mute {
		return quietKey{}
	}
	process := x.process(n)
	if process == 0 {
		return quietKey{}
	}
	return quietKey{process, n.start / quietSlot, l}
}

// quietTwins tells whether two records of matching loudness can be one call. Of a failed call one may not
// know the model: there is no answer to take it from.
func (x *index) quietTwins(a, b *node) bool {
	if (a.is^b.is)&isEmbedding != 0 || max(a.start-b.start, b.start-a.start) > quietReach || !x.twoLibraries(a, b) ||
		!x.modelFits(a, b) || twoAnswers(a, b) {
		return false
	}
	if a.is&b.is&isFailed == 0 && (x.models.value(a.models).answered == "" || x.models.value(b.models).answered == "") {
		return false
	}
	aFrom, aTo := a.during()
	bFrom, bTo := b.during()
	return (aFrom <= bFrom && bTo <= aTo) || (bFrom <= aFrom && aTo <= bTo)
}

// eachQuiet calls visit for every record that n can be a twin of by its time.
func (x *index) eachQuiet(n *node, visit func(*node)) {
	if !x.twins {
		return
	}
	k := x.quietKey(n)
	if k.loudness == mute {
		return
	}
	for _, match := range k.loudness.matches() {
		for slot := (n.start - quietReach) / quietSlot; slot <= (n.start+quietReach)/quietSlot; slot++ {
			x.byQuiet.each(quietKey{k.process, slot, match}, func(r ref) {
				if m := x.node(r); m != n && x.quietTwins(n, m) {
					visit(m)
				}
			})
		}
	}
}

func (x *index) scope(n *node) string { return x.sources.value(n.src).scope }

// nearestOf gives the nearest record of a scope that n can be a twin of by its time.
func (x *index) nearestOf(n *node, scope string) *node {
	var best *node
	x.eachQuiet(n, func(m *node) {
		if x.scope(m) == scope && (best == nil || nearer(n, m, best)) {
			best = m
		}
	})
	return best
}

// nearer tells whether a is nearer to n than b; of equally near ones the earlier is.
func nearer(n, a, b *node) bool {
	if da, db := distance(n, a), distance(n, b); da != db {
		return da < db
	}
	return earlier(a, b) < 0
}

// quietTwinOf gives the record that stands for a quiet one: the nearest of those that have it for
// their nearest, one that bears usage before one that does not, and of the latter only a fuller one. Nil
// where there is none.
func (x *index) quietTwinOf(n *node) *node {
	if n.usage() || !x.twins {
		return nil
	}
	var nearest map[string]*node // by scope
	x.eachQuiet(n, func(m *node) {
		if nearest == nil {
			nearest = map[string]*node{}
		}
		if scope := x.scope(m); nearest[scope] == nil || nearer(n, m, nearest[scope]) {
			nearest[scope] = m
		}
	})
	var best *node
	for _, m := range nearest {
		if (!m.usage() && !n.full.less(m.full)) || x.nearestOf(m, x.scope(n)) != n {
			continue
		}
		if best == nil || (m.usage() && !best.usage()) || (m.usage() == best.usage() && nearer(n, m, best)) {
			best = m
		}
	}
	return best
}

// touchQuiet calls touch for the records whose twin by time may be another one because n is new,
// changed or about to change.
func (x *index) touchQuiet(n *node, touch func(*node)) {
	x.eachQuiet(n, func(m *node) {
		touch(m)
		x.eachQuiet(m, touch)
	})
}
