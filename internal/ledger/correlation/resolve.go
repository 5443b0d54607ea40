package correlation

import (
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// This file is the rule of what counts, as a pure function of a closed set of related
// records: it looks at nothing else, and the order in which the records came is not in it.
// The ledger calls it again for a whole set whenever one of its records is new or changed.

// resolving is the working state of the current write.
type resolving struct {
	pending     []pending    // records that came or are related to such; node.at is one more than the place here
	assessments []assessment // of those that have related records
	set         []*Node      // of the assessments
	trees       []*tree
	touched     []uint32 // traces whose records are decided over again
	arrivals    int      // the first of pending are of records that came
}

// pending is a record that the current write is about.
type pending struct {
	n          *Node
	put        *store.Record // what is to be stored; nil: it is stored already
	was        int64         // start (Unix ns) of the stored record that put replaces, or of put itself
	fresh      bool          // the index did not know it before
	assessment uint32        // one more than its place in assessments; 0: none
}

// assessment is the result of resolve for one record.
type assessment struct {
	Decision
	decided                bool
	supersededByDescendant bool    // superseded by what lies below
	separate               bool    // a call of its own, whatever lies below
	tree                   *tree   // of its trace
	below                  []*Node // the calls below it that are the same call as it
	above                  []*Node // the reverse, nearest first
	aliases                []key   // ids found on superseded ancestors
	call                   int     // its number among the calls that are left, plus one
}

func (f *assessment) decide(s Decision) { f.Decision, f.decided = s, true }

// pendingOf returns the place of a record in the current write.
func (x *Index) pendingOf(n *Node) *pending {
	if n.at == 0 {
		x.pending = append(x.pending, pending{n: n, was: n.start})
		n.at = uint32(len(x.pending))
	}
	return &x.pending[n.at-1]
}

// putOf returns the record that is to be stored; nil where none is.
func (x *Index) putOf(n *Node) *store.Record {
	if n.at == 0 {
		return nil
	}
	return x.pending[n.at-1].put
}

// visit puts a record into the set to be resolved.
func (x *Index) visit(n *Node) {
	p := x.pendingOf(n)
	if p.assessment != 0 {
		return
	}
	x.set = append(x.set, n)
	p.assessment = uint32(len(x.set))
}

func (x *Index) inSet(n *Node) bool { return n.at != 0 && x.pending[n.at-1].assessment != 0 }

// assessmentOf returns the assessment of a record of the set.
func (x *Index) assessmentOf(n *Node) *assessment {
	return &x.assessments[x.pending[n.at-1].assessment-1]
}

// resolve decides over every record in a set that is closed under "same trace",
// "same id", "echo of" and "can be a twin of". Window is how far apart in time (ns) records with one id may lie.
func (x *Index) resolve(window int64) {
	x.assessments = slices.Grow(x.assessments[:0], len(x.set))[:len(x.set)]
	for i, n := range x.set {
		if f := &x.assessments[i]; f.tree == nil {
			x.growTree(n.trace)
		}
	}
	for _, t := range x.trees {
		t.leafRule()
	}
	var left []*Node // records that neither the leaf rule nor the echo rule took out
	for i, n := range x.set {
		f := &x.assessments[i]
		if f.decided {
			continue
		}
		if g := x.groups[n.group]; n.secondary() && g != nil && g.primary > 0 {
			f.decide(Decision{Reason: store.ReasonEcho})
			continue
		}
		left = append(left, n)
	}
	calls := x.pairTwins(x.sameCalls(left, window), window)
	for _, parts := range calls {
		x.decideCall(parts)
	}
	if len(x.running) > 0 {
		for _, t := range x.trees {
			t.deductLoops()
		}
	}
}

// decideCall decides which of the records of one call counts: the most complete. The records of one part
// share an id; the parts are twins of one another.
func (x *Index) decideCall(parts [][]*Node) {
	whole := parts[0]
	if len(parts) > 1 {
		whole = slices.Concat(parts...)
	}
	best := whole[0]
	if len(whole) > 1 {
		whole = slices.Clone(whole)
		slices.SortFunc(whole, func(a, b *Node) int { return b.completeness.compare(a.completeness) })
		best = whole[0]
	}
	stands := Decision{Counted: true, Inherited: x.inheritedBy(whole)}
	if !best.usage() {
		for _, n := range whole {
			if twin := x.twinByTimeOf(n); twin != nil {
				stands = Decision{By: twin.id, Reason: store.ReasonTwin}
				break
			}
		}
	}
	if len(whole) > 1 {
		for _, part := range parts {
			reason := store.ReasonTwin
			if slices.Contains(part, best) {
				reason = store.ReasonSameCall
			}
			for _, n := range part {
				x.assessmentOf(n).decide(Decision{By: best.id, Reason: reason})
			}
		}
	}
	x.assessmentOf(best).decide(stands)
}

// inheritedBy returns what the record that counts, the first of a call's, does not know and others do: the
// call's other records, the more complete first, then the spans of the same line that it stands for, the
// nearest first.
func (x *Index) inheritedBy(whole []*Node) usage.Attribution {
	own := x.attributions.value(whole[0].attribution)
	all := own
	for _, n := range whole[1:] {
		all.FillFrom(x.attributions.value(n.attribution))
	}
	for _, n := range whole {
		f := x.assessmentOf(n)
		slices.SortFunc(f.below, earlier)
		for _, line := range [][]*Node{f.above, f.below} {
			for _, a := range line {
				if a.attribution != 0 && x.assessmentOf(a).Reason == store.ReasonAncestor {
					all.FillFrom(x.attributions.value(a.attribution))
				}
			}
		}
	}
	if whole[0].flags&isFailed == 0 {
		all.ErrorMessage = "" // what went wrong in a record around a call is no error of the call
	}
	return all.Without(own)
}
