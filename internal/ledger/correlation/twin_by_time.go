package correlation

import "github.com/tokenboard/tokenboard/internal/usage"

// A library that cannot see the usage of a call (a stream that does not report it, a call that failed)
// reports a record without usage, which has no figures to be recognised by as a twin. It is recognised by its time: the
// other library's record of the same process starts within a second of it, and one of the two lies
// within the other. They pair one to one: each must be the nearest to the other of its scope.
//
// A record without usage that did not fail is the twin of one with usage, or of another one without. A failed record is
// the twin of another failed one, which may have usage: when a stream was cut, one library may report the input, and
// another only the error. A failed record beside a success is another attempt.
//
// Unlike the other relations this one is looked for in the index and not followed from record to
// record: in a busy process it would lead from each call to the next for ever.

// timeSlot is the width (ns) of the pieces of time that records are indexed by here.
const timeSlot = int64(1) << 32

// timeReach (ns) is how far apart two records of one call can start.
const timeReach = int64(1e9)

// usageState says how a record can be matched with records without usage.
type usageState uint8

const (
	notACall  usageState = iota // no model call: it has no twins
	withUsage                   // it has usage
	withoutUsage
	failedWithoutUsage
	failedWithUsage
)

func (n *Node) usageState() usageState {
	switch {
	case n.role != usage.RoleCall:
		return notACall
	case n.usage() && n.flags&isFailed != 0:
		return failedWithUsage
	case n.usage():
		return withUsage
	case n.flags&isFailed != 0:
		return failedWithoutUsage
	default:
		return withoutUsage
	}
}

// counterparts returns the usage states of the records that one of this state can be a twin of.
func (l usageState) counterparts() []usageState {
	return [...][]usageState{
		notACall: nil, withUsage: {withoutUsage}, withoutUsage: {withUsage, failedWithUsage, withoutUsage}, failedWithoutUsage: {failedWithoutUsage, failedWithUsage}, failedWithUsage: {withoutUsage, failedWithoutUsage},
	}[l]
}

type timeKey struct {
	process uint64
	slot    int64
	state   usageState
}

func (k timeKey) tag() uint32 {
	return mix(k.process, uint64(k.slot)<<3|uint64(k.state))
}

// timeKey returns the place of a record in the index. One that can have no twin is no call.
func (x *Index) timeKey(n *Node) timeKey {
	l := n.usageState()
	if l == notACall {
		return timeKey{}
	}
	process := x.process(n)
	if process == 0 {
		return timeKey{}
	}
	return timeKey{process, n.start / timeSlot, l}
}

// areTwinsByTime reports whether two records of matching usage states can be one call. If the call failed, one record
// may lack the model: there is no answer to take it from.
func (x *Index) areTwinsByTime(a, b *Node) bool {
	if (a.flags^b.flags)&isEmbedding != 0 || max(a.start-b.start, b.start-a.start) > timeReach || !x.twoLibraries(a, b) ||
		!x.modelFits(a, b) || twoAnswers(a, b) {
		return false
	}
	if a.flags&b.flags&isFailed == 0 && (x.models.value(a.models).answered == "" || x.models.value(b.models).answered == "") {
		return false
	}
	aFrom, aTo := a.during()
	bFrom, bTo := b.during()
	return (aFrom <= bFrom && bTo <= aTo) || (bFrom <= aFrom && aTo <= bTo)
}

// eachNear calls visit for every record that n can be a twin of by its time.
func (x *Index) eachNear(n *Node, visit func(*Node)) {
	if !x.twins {
		return
	}
	k := x.timeKey(n)
	if k.state == notACall {
		return
	}
	for _, match := range k.state.counterparts() {
		for slot := (n.start - timeReach) / timeSlot; slot <= (n.start+timeReach)/timeSlot; slot++ {
			x.byTime.each(timeKey{k.process, slot, match}, func(r ref) {
				if m := x.node(r); m != n && x.areTwinsByTime(n, m) {
					visit(m)
				}
			})
		}
	}
}

func (x *Index) scope(n *Node) string { return x.sources.value(n.src).scope }

// nearestOf returns the nearest record of a scope that n can be a twin of by its time.
func (x *Index) nearestOf(n *Node, scope string) *Node {
	var best *Node
	x.eachNear(n, func(m *Node) {
		if x.scope(m) == scope && (best == nil || nearer(n, m, best)) {
			best = m
		}
	})
	return best
}

// nearer reports whether a is nearer to n than b; of equally near ones the earlier is.
func nearer(n, a, b *Node) bool {
	if da, db := distance(n, a), distance(n, b); da != db {
		return da < db
	}
	return earlier(a, b) < 0
}

// twinByTimeOf returns the record that supersedes a record without usage: the nearest of those whose own nearest
// record it is. One with usage is preferred to one without, which must be more complete. Nil where there is none.
func (x *Index) twinByTimeOf(n *Node) *Node {
	if n.usage() || !x.twins {
		return nil
	}
	var nearest map[string]*Node // by scope
	x.eachNear(n, func(m *Node) {
		if nearest == nil {
			nearest = map[string]*Node{}
		}
		if scope := x.scope(m); nearest[scope] == nil || nearer(n, m, nearest[scope]) {
			nearest[scope] = m
		}
	})
	var best *Node
	for _, m := range nearest {
		if (!m.usage() && !n.completeness.less(m.completeness)) || x.nearestOf(m, x.scope(n)) != n {
			continue
		}
		if best == nil || (m.usage() && !best.usage()) || (m.usage() == best.usage() && nearer(n, m, best)) {
			best = m
		}
	}
	return best
}

// touchNear calls touch for the records whose twin by time may be another one because n is new,
// changed or about to change.
func (x *Index) touchNear(n *Node, touch func(*Node)) {
	x.eachNear(n, func(m *Node) {
		touch(m)
		x.eachNear(m, touch)
	})
}
