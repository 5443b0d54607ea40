package correlation

import (
	"github.com/tokenboard/tokenboard/internal/usage"
)

// decisionOf returns the decision over a record.
func (x *Index) decisionOf(n *Node) Decision {
	s := Decision{Counted: n.flags&isCounted != 0, Reason: n.reason, Inherited: x.attributions.value(n.inherited)}
	if len(x.before) > 0 {
		s.Before = x.before[n.self]
	}
	if n.flags&hasSuccessor != 0 {
		s.By = x.by[n.self]
	}
	return s
}

// changeDecision sets the decision over a record.
func (x *Index) changeDecision(n *Node, s *Decision) {
	old := x.decisionOf(n)
	x.setDecision(n, s)
	x.undo = append(x.undo, step{what: decisionSet, entry: uint32(n.self), was: &old})
}

// setDecision sets the decision over a record, for good.
func (x *Index) setDecision(n *Node, s *Decision) {
	if n.inherited != 0 || s.Inherited != (usage.Attribution{}) {
		was := n.inherited
		n.inherited = x.attributions.take(&s.Inherited, tagOf(s.Inherited))
		x.attributions.drop(was)
	}
	if n.flags&hasSuccessor != 0 {
		delete(x.by, n.self)
	}
	switch {
	case s.Before != (usage.Tokens{}):
		x.before[n.self] = s.Before
	case len(x.before) > 0:
		delete(x.before, n.self)
	}
	n.flags &^= isCounted | hasSuccessor
	if s.Counted {
		n.flags |= isCounted
	}
	if s.By != (usage.ID{}) {
		n.flags |= hasSuccessor
		x.by[n.self] = s.By
	}
	n.reason = s.Reason
}

func (x *Index) invalidate(nodes []ref) { x.invalidated = append(x.invalidated, nodes...) }
