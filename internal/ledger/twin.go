package ledger

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Two instrumentation libraries in one process can see one call and share neither trace nor
// id: an SDK's own spans beside an instrumentation's. Such twins are found by what they say:
// the same process, different scopes, times that overlap, the same model, equal input tokens
// and output tokens that differ by one at most (a known fault of emitters). A log record can be
// the twin of a span likewise; it is written a little before or after the span.

// twinSlot is the width (ns) of the pieces of time that spans are indexed by. It is near
// the longest usual call, so that most spans lie in one piece or two.
const twinSlot = int64(1) << 36

// maxTwinSlots bounds the pieces that one span is indexed in: about an hour.
const maxTwinSlots = 52

// twinKey finds the spans that can be twins of one another.
type twinKey struct {
	process uint64
	input   int64
	slot    int64
}

// twinKeys gives the places of a record in the index; none where it can have no twin.
func (n *node) twinKeys(visit func(twinKey)) {
	if n.role != usage.RoleCall || !n.usage || n.src.process == 0 {
		return
	}
	from, to := n.during()
	first := from / twinSlot
	for slot := first; slot <= min(to/twinSlot, first+maxTwinSlots-1); slot++ {
		visit(twinKey{process: n.src.process, input: n.input, slot: slot})
	}
}

// logSlack (ns) is how far from a call's end the log record of it may have been written.
const logSlack = int64(2e9)

// during is when the call of a record was, as far as the record can tell.
func (n *node) during() (from, to int64) {
	if n.signal == usage.SignalLog {
		return n.start - logSlack, n.end + logSlack
	}
	return n.start, n.end
}

// twins tells whether two spans can be one call that two libraries saw.
func twins(a, b *node) bool {
	if a.src.process != b.src.process || a.src.scope == b.src.scope || a.input != b.input || !near(a.output, b.output) {
		return false
	}
	if twoAnswers(a, b) {
		return false
	}
	aFrom, aTo := a.during()
	bFrom, bTo := b.during()
	return aFrom <= bTo && bFrom <= aTo && a.modelFits(b)
}

// twoAnswers tells whether two records name ids of their own: two ids are two calls. (Records with
// the same id need no twin rule.)
func twoAnswers(a, b *node) bool {
	for i := range a.keys {
		if a.keys[i] != (key{}) && b.keys[i] != (key{}) {
			return true
		}
	}
	return false
}

// distance (ns) is how far apart the times of two records are.
func distance(a, b *node) int64 {
	return max(a.start-b.start, b.start-a.start) + max(a.end-b.end, b.end-a.end)
}

// modelFits tells whether two records can be of one model; one that names none fits any.
func (n *node) modelFits(o *node) bool {
	if n.model == "" || o.model == "" {
		return true
	}
	return sameModel(n.model, o.model) || sameModel(n.model, o.requestModel) || sameModel(n.requestModel, o.model)
}

// dated matches the date at the end of a model's name: claude-sonnet-4-5-20250929,
// gpt-4o-2024-08-06, claude-sonnet-4-5@20250929.
var dated = regexp.MustCompile(`[-@](?:\d{8}|\d{4}-\d{2}-\d{2})$`)

// sameModel tells whether two names are equal, or one is a dated form of the other.
func sameModel(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	return a == b || dated.ReplaceAllString(a, "") == b || dated.ReplaceAllString(b, "") == a
}

// eachTwin calls visit for every record that n can be a twin of. A piece of time in which
// more than maxKin spans of a process have the same input is left alone: among so many,
// equal figures say nothing.
func (x *index) eachTwin(n *node, visit func(*node)) {
	n.twinKeys(func(k twinKey) {
		for _, m := range x.byTwin.of(k) {
			if twins(n, m) {
				visit(m)
			}
		}
	})
}

// pairTwins puts calls together that are twins: the nearest in time first, and never two of
// one source, so that two equal calls at once stay two. It gives each call's number after that.
func pairTwins(calls [][]*node, x *index, window int64) []int {
	type pair struct {
		distance int64
		a, b     *node
	}
	of := map[*node]int{}
	whole := make([]*call, len(calls))
	for i, nodes := range calls {
		whole[i] = &call{nodes: slices.Clone(nodes)}
		for _, n := range nodes {
			of[n] = i
		}
	}
	var pairs []pair
	for _, nodes := range calls {
		for _, n := range nodes {
			x.eachTwin(n, func(m *node) {
				j, here := of[m]
				if here && j != of[n] && earlier(n, m) < 0 {
					pairs = append(pairs, pair{distance(n, m), n, m})
				}
			})
		}
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(p.distance, q.distance), earlier(p.a, q.a), earlier(p.b, q.b))
	})
	for _, p := range pairs {
		a, b := whole[of[p.a]].whole(), whole[of[p.b]].whole()
		if a != b && a.admits(b, window) {
			a.nodes = append(a.nodes, b.nodes...)
			b.into = a
		}
	}
	number := map[*call]int{}
	out := make([]int, len(calls))
	for i, c := range whole {
		w := c.whole()
		if _, known := number[w]; !known {
			number[w] = len(number)
		}
		out[i] = number[w]
	}
	return out
}
