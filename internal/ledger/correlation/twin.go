package correlation

import (
	"cmp"
	"slices"
	"strings"

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

// tag differs between the pieces of time of one process and input.
func (k twinKey) tag() uint32 {
	return mix(k.process, uint64(k.input)) + uint32(k.slot)*slotDistance
}

// twinKeys returns the places of a record in the index; none where it can have no twin.
func (x *Index) twinKeys(n *Node, visit func(twinKey)) {
	if n.role != usage.RoleCall || !n.usage() {
		return
	}
	process := x.process(n)
	if process == 0 {
		return
	}
	from, to := n.during()
	first := from / twinSlot
	for slot := first; slot <= min(to/twinSlot, first+maxTwinSlots-1); slot++ {
		visit(twinKey{process: process, input: n.input, slot: slot})
	}
}

// logSlack (ns) is how far from a call's end the log record of it may have been written.
const logSlack = int64(2e9)

// during is when the call of a record was, as far as the record says.
func (n *Node) during() (from, to int64) {
	if n.signal == usage.SignalLog {
		return n.start - logSlack, n.end + logSlack
	}
	return n.start, n.end
}

// areTwins reports whether two spans can be one call that two libraries saw.
func (x *Index) areTwins(a, b *Node) bool {
	if a.input != b.input || !near(a.output, b.output) || !x.twoLibraries(a, b) {
		return false
	}
	if twoAnswers(a, b) {
		return false
	}
	aFrom, aTo := a.during()
	bFrom, bTo := b.during()
	return aFrom <= bTo && bFrom <= aTo && x.modelFits(a, b)
}

// twoLibraries reports whether two records are of one process and of different scopes.
func (x *Index) twoLibraries(a, b *Node) bool {
	if a.src == b.src {
		return false
	}
	s, t := x.sources.value(a.src), x.sources.value(b.src)
	return s.process == t.process && s.scope != t.scope
}

// twoAnswers reports whether two records name ids of their own: two ids are two calls. (Records with
// the same id need no twin rule.)
func twoAnswers(a, b *Node) bool {
	for i := range a.keys {
		if a.keys[i] != (key{}) && b.keys[i] != (key{}) {
			return true
		}
	}
	return false
}

// distance (ns) is how far apart the times of two records are.
func distance(a, b *Node) int64 {
	return max(a.start-b.start, b.start-a.start) + max(a.end-b.end, b.end-a.end)
}

// modelFits reports whether two records can be of one model; one that names none fits any.
func (x *Index) modelFits(a, b *Node) bool {
	n, o := x.models.value(a.models), x.models.value(b.models)
	if n.answered == "" || o.answered == "" {
		return true
	}
	return sameModel(n.answered, o.answered) || sameModel(n.answered, o.requested) || sameModel(n.requested, o.answered)
}

// undated returns a model's name without the date at its end: claude-sonnet-4-5-20250929,
// gpt-4o-2024-08-06, claude-sonnet-4-5@20250929.
func undated(name string) string {
	for _, shape := range [...]string{"-00000000", "-0000-00-00"} {
		if at := len(name) - len(shape); at >= 0 && hasShape(name[at:], shape) {
			return name[:at]
		}
	}
	return name
}

// hasShape reports whether a text has digits where shape has them, hyphens where that has them, and
// a hyphen or an @ first.
func hasShape(s, shape string) bool {
	if s[0] != '-' && s[0] != '@' {
		return false
	}
	for i := 1; i < len(shape); i++ {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (shape[i] == '0') || (!digit && s[i] != '-') {
			return false
		}
	}
	return true
}

// bare returns a model's name without the provider or path before it: openai/gpt-4.1, models/gemini-2.5-flash.
func bare(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// sameModel reports whether two names are equal, or one is a dated form of the other, whether or not they say
// whose model it is.
func sameModel(a, b string) bool {
	a, b = bare(a), bare(b)
	if a == "" || b == "" {
		return false
	}
	return a == b || undated(a) == b || undated(b) == a
}

// eachTwin calls visit for every record that n can be a twin of. A piece of time in which
// more than MaxSharing spans of a process have the same input is left alone: among so many,
// equal figures say nothing.
func (x *Index) eachTwin(n *Node, visit func(*Node)) {
	if !x.twins {
		return
	}
	x.twinKeys(n, func(k twinKey) {
		x.byTwin.each(k, func(r ref) {
			if m := x.node(r); m != n && x.areTwins(n, m) {
				visit(m)
			}
		})
	})
}

// pair is two records that can be twins, of two calls.
type pair struct {
	distance int64
	a, b     *Node
}

// pairTwins puts calls together that are twins: the nearest in time first, and never two of
// one source, so that two equal calls at once stay two. It returns the parts of each call after that.
func (x *Index) pairTwins(calls []*call, window int64) [][][]*Node {
	for i, c := range calls {
		for _, n := range c.nodes {
			x.assessmentOf(n).call = i + 1
		}
	}
	parts := make([][]*Node, len(calls))
	for i, c := range calls {
		parts[i] = c.nodes
	}
	pairs := x.twinPairs(calls)
	if len(pairs) == 0 {
		out := make([][][]*Node, len(calls))
		for i := range calls {
			out[i] = parts[i : i+1 : i+1]
		}
		return out
	}
	whole := make([]call, len(calls))
	for i := range calls {
		whole[i].nodes = slices.Clone(parts[i])
	}
	for _, p := range pairs {
		a, b := whole[x.assessmentOf(p.a).call-1].whole(), whole[x.assessmentOf(p.b).call-1].whole()
		if a != b && a.admits(b, window) {
			a.nodes = append(a.nodes, b.nodes...)
			b.into = a
		}
	}
	number := map[*call]int{}
	var out [][][]*Node
	for i := range whole {
		w := whole[i].whole()
		n, known := number[w]
		if !known {
			n = len(out)
			number[w] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], parts[i])
	}
	return out
}

// twinPairs returns the pairs of possible twins among calls, the nearest first.
func (x *Index) twinPairs(calls []*call) []pair {
	var pairs []pair
	for i, c := range calls {
		for _, n := range c.nodes {
			x.eachTwin(n, func(m *Node) {
				if !x.inSet(m) {
					return
				}
				if j := x.assessmentOf(m).call; j != 0 && j != i+1 && earlier(n, m) < 0 {
					pairs = append(pairs, pair{distance(n, m), n, m})
				}
			})
		}
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(p.distance, q.distance), earlier(p.a, q.a), earlier(p.b, q.b))
	})
	return pairs
}
