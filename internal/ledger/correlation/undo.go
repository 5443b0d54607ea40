package correlation

import (
	"github.com/tokenboard/tokenboard/internal/usage"
)

// step is one change, to be taken back.
type step struct {
	what  stepKind
	entry uint32       // a node, trace or link
	node  *Node        // what a node was, of replaced
	was   *Decision    // of stood
	sum   usage.Tokens // a running sum, of replaced
}

type stepKind uint8

const (
	madeTrace stepKind = iota
	addedLink
	addedNode
	replaced
	decisionSet
)

// Commit keeps what a write changed in the index.
func (x *Index) Commit() {
	for i := range x.undo {
		if s := &x.undo[i]; s.what == replaced {
			x.dropShared(s.node)
		}
	}
	x.Begin()
}

// Rollback takes back what a write changed in the index, because it failed.
func (x *Index) Rollback() {
	for i := len(x.undo) - 1; i >= 0; i-- {
		s := &x.undo[i]
		switch s.what {
		case madeTrace:
			x.dropTrace(s.entry)
		case addedLink:
			x.dropFirstLink(x.traces.at(x.links.at(s.entry).trace))
		case addedNode:
			n := x.node(ref(s.entry))
			x.detach(n)
			x.dropFirstNode(x.traces.at(n.trace))
		case replaced:
			x.putBack(x.node(ref(s.entry)), s.node, s.sum)
		case decisionSet:
			x.setDecision(x.node(ref(s.entry)), s.was)
		}
	}
	x.Begin()
}
