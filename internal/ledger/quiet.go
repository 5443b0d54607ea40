package ledger

import "github.com/tokenboard/tokenboard/internal/usage"

// A library that cannot see the usage of a call (a stream that does not tell it, a call that failed)
// tells a quiet record, which has no figures to be known by as a twin. It is known by its time: the
// other library's record of the same process starts within a second of it, and one of the two lies
// within the other. They pair one to one: each must be the nearest to the other of its scope.
//
// A quiet record that did not fail is the twin of one that bears usage; a failed one that of another
// failed one. What a failed record tells beside a success is another attempt.
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
	mute loudness = iota // no model call, or of no known process: it has no twins
	loud                 // it bears usage
	quiet
	quietFailed
)

func (n *node) loudness() loudness {
	switch {
	case n.role != usage.RoleCall || n.src.process == 0:
		return mute
	case n.usage:
		return loud
	case n.failed:
		return quietFailed
	default:
		return quiet
	}
}

// match gives the loudness of the records that one of this loudness can be a twin of.
func (l loudness) match() loudness { return [...]loudness{mute, quiet, loud, quietFailed}[l] }

type quietKey struct {
	process  uint64
	slot     int64
	loudness loudness
}

// quietKeys gives the places of a record in the index; none where it can have no twin.
func (n *node) quietKeys(visit func(quietKey)) {
	if l := n.loudness(); l != mute {
		visit(quietKey{n.src.process, n.start / quietSlot, l})
	}
}

// quietTwins tells whether two records of matching loudness can be one call.
func quietTwins(a, b *node) bool {
	if a.src.scope == b.src.scope || a.embeds != b.embeds || max(a.start-b.start, b.start-a.start) > quietReach ||
		a.model == "" || b.model == "" || !a.modelFits(b) || twoAnswers(a, b) {
		return false
	}
	aFrom, aTo := a.during()
	bFrom, bTo := b.during()
	return (aFrom <= bFrom && bTo <= aTo) || (bFrom <= aFrom && aTo <= bTo)
}

// eachQuiet calls visit for every record that n can be a twin of by its time.
func (x *index) eachQuiet(n *node, visit func(*node)) {
	l := n.loudness()
	if l == mute || x.byQuiet == nil {
		return
	}
	for slot := (n.start - quietReach) / quietSlot; slot <= (n.start+quietReach)/quietSlot; slot++ {
		for _, m := range x.byQuiet.of(quietKey{n.src.process, slot, l.match()}) {
			if m != n && quietTwins(n, m) {
				visit(m)
			}
		}
	}
}

// nearestOf gives the nearest record of a scope that n can be a twin of by its time.
func (x *index) nearestOf(n *node, scope string) *node {
	var best *node
	x.eachQuiet(n, func(m *node) {
		if m.src.scope == scope && (best == nil || nearer(n, m, best)) {
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
// their nearest, and of failed ones only a fuller one. Nil where there is none.
func (x *index) quietTwinOf(n *node) *node {
	if n.usage || x.byQuiet == nil {
		return nil
	}
	nearest := map[string]*node{} // by scope
	x.eachQuiet(n, func(m *node) {
		if b := nearest[m.src.scope]; b == nil || nearer(n, m, b) {
			nearest[m.src.scope] = m
		}
	})
	var best *node
	for _, m := range nearest {
		if (n.failed && !n.full.less(m.full)) || x.nearestOf(m, n.src.scope) != n {
			continue
		}
		if best == nil || nearer(n, m, best) {
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
