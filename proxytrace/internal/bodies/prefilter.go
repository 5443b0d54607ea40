package bodies

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// prefilter decides by a search for keys, without reading an event as JSON, whether reading it could change the answer.
// Most events of a stream are pieces of text, and cost no more than this search.
//
// It finds keys by their colons: a colon that follows a quote. A match may be no key, or a key of a place that nothing is
// looked for in: then the event is read, and nothing is found. The reverse does not happen. Keys with escapes are ignored
// as the scanner ignores them, which compares keys without unescaping; a quote within a text has a backslash before it, so
// that no text looks like a key in a whole event.
type prefilter struct {
	keys []prefilterKey
	ends [256]uint32 // by the last byte of a key, a bit for each of the keys

	longestKey   int // with its quotes and its colon
	longestValue int // that is compared, except a tier, with its quotes and the byte after it
}

type prefilterKey struct {
	name  string // quoted
	field llmapi.Field
}

// prefilters are the prefilters of the trees of answers. Gemini reports its usage in every event, all of which are
// read.
var prefilters = func() map[*jsonscan.Node]*prefilter {
	all := map[*jsonscan.Node]*prefilter{}
	for _, a := range []llmapi.API{llmapi.OpenAIChat, llmapi.OpenAIResponses, llmapi.AnthropicMessages} {
		tree := llmapi.SpecOf(a).Tree
		all[tree] = newPrefilter(tree)
	}
	return all
}()

// newPrefilter returns a prefilter with the keys of a tree without which an event has none of its fields: for each
// field its own key, or the key of the object that contains it.
func newPrefilter(root *jsonscan.Node) *prefilter {
	g := &prefilter{}
	g.add(root)
	return g
}

func (g *prefilter) add(n *jsonscan.Node) {
	for _, child := range n.Children() {
		f := child.Node.Field()
		k := prefilterKey{`"` + child.Key + `"`, f}
		if f != jsonscan.None && !slices.Contains(g.keys, k) {
			g.ends[child.Key[len(child.Key)-1]] |= 1 << len(g.keys)
			g.keys = append(g.keys, k)
			g.longestKey = max(g.longestKey, len(k.name)+1)
			g.longestValue = max(g.longestValue, llmapi.MaxKnownValue(f))
		}
		if !llmapi.IsContainer(f) {
			g.add(child.Node)
		}
	}
}

// skippable reports whether reading an event would change nothing. The event is the only line of data of a whole event.
func (g *prefilter) skippable(event []byte, r *llmapi.Answer) bool {
	return len(event) > 0 && event[0] == '{' && // so that there is a byte before each colon
		g.skippableBetween(event, 0, len(event), r)
}

// skippableBetween examines the colons in a part of an event.
func (g *prefilter) skippableBetween(event []byte, at, end int, r *llmapi.Answer) bool {
	for {
		i := bytes.IndexByte(event[at:end], ':')
		if i < 0 {
			return true
		}
		key := event[:at+i]
		at += i + 1
		switch c := key[len(key)-1]; {
		case c == '"':
			if those := g.ends[key[len(key)-2]]; those != 0 && g.matters(those, key, event[at:], r) {
				return false
			}
		case jsonscan.IsSpace(c):
			if bytes.HasSuffix(bytes.TrimRight(key, spaces), quote) {
				return false // a rare way to write it: let it be read
			}
		}
	}
}

// streamFilter is the prefilter of one stream. The events of a stream differ in a piece of text only: an event is compared
// with a skippable one before it, and only the difference is searched.
type streamFilter struct {
	prefilter *prefilter
	last      []byte // a skippable event; nothing was read since that could make it matter

	before, after int // how many bytes of its beginning and end were found in others
}

const maxLast = 1024 // longest event that is kept to compare, in bytes

// skippable is prefilter.skippable.
func (l *streamFilter) skippable(event []byte, r *llmapi.Answer) bool {
	if l.resembles(event) {
		from, to := l.prefilter.widen(event, l.before, len(event)-l.after, r)
		return l.prefilter.skippableBetween(event, from, to, r)
	}
	skip := l.prefilter.skippable(event, r)
	if skip && len(event) <= maxLast {
		l.last, l.before, l.after = append(l.last[:0], event...), 0, 0
	}
	return skip
}

// resembles reports whether at least half of an event is equal to the last one, and sets before and after to how much is.
func (l *streamFilter) resembles(event []byte) bool {
	last, before, after := l.last, l.before, l.after
	if before > 0 && before+after <= len(event) && bytes.Equal(event[:before], last[:before]) &&
		bytes.Equal(event[len(event)-after:], last[len(last)-after:]) {
		return true
	}
	before = commonPrefix(event, last)
	after = commonSuffix(event[before:], last[before:])
	if before == 0 || before+after <= len(last)/2 {
		return false
	}
	l.before, l.after = before, after
	return true
}

// reset must be called when an event was read.
func (l *streamFilter) reset() { l.last, l.before, l.after = l.last[:0], 0, 0 }

// widen extends a part of an event by the longest value that a colon before it can have, and by the longest key that a
// colon after it can have.
func (g *prefilter) widen(event []byte, from, to int, r *llmapi.Answer) (int, int) {
	from = max(0, from-g.longestValue-len(r.RawTier))
	for from > 0 && (from == len(event) || jsonscan.IsSpace(event[from])) {
		from--
	}
	for to = min(len(event), to+g.longestKey); to < len(event) && jsonscan.IsSpace(event[to-1]); {
		to++
	}
	return from, to
}

// commonPrefix returns how many bytes two texts have in common at their beginning.
func commonPrefix(a, b []byte) int {
	n, most := 0, min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < most && a[n] == b[n] {
		n++
	}
	return n
}

// commonSuffix returns how many bytes two texts have in common at their end.
func commonSuffix(a, b []byte) int {
	n, most := 0, min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(a[len(a)-n-8:]) ^ binary.LittleEndian.Uint64(b[len(b)-n-8:]); x != 0 {
			return n + bits.LeadingZeros64(x)/8
		}
	}
	for n < most && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

const spaces = " \t\r\n"

var quote = []byte{'"'}

// matters reports whether key ends with one of some keys of the prefilter, and value can change the answer.
func (g *prefilter) matters(those uint32, key, value []byte, r *llmapi.Answer) bool {
	for ; those != 0; those &= those - 1 {
		k := &g.keys[bits.TrailingZeros32(those)]
		if at := len(key) - len(k.name); at >= 0 && key[at] == '"' && string(key[at:]) == k.name && r.MayChange(k.field, value) {
			return true
		}
	}
	return false
}

func begins(p []byte, with string) bool { return len(p) >= len(with) && string(p[:len(with)]) == with }
