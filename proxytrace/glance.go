package proxytrace

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// glance tells by one look at an event, without reading it as JSON, whether reading it could find
// anything. Most events of a stream are pieces of text, and this look is all that they cost.
//
// It finds the keys by their colons, wherever they stand: a colon that follows a quote. What it takes
// for a key may be none, or one of a place that nothing is looked for in: then the event is read, and
// nothing is found. It never takes a key for none. Keys with escapes count for nothing here as in the
// scanner, which compares them as they stand; a quote within a text has a backslash before it, so that
// no text looks like a key to a reader of whole events.
type glance struct {
	keys []glanceKey
	ends [256]uint32 // by the last byte of a key, a bit for each of the keys

	longestKey   int // with its quotes and its colon
	longestValue int // that is known but for the tier, with its quotes and what follows it
}

type glanceKey struct {
	name  string // quoted
	field field
}

// glances are those of the answers' trees. Gemini tells its usage in every event, all of which are read.
var glances = map[*node]*glance{
	openAITree:    glanceOf(openAITree),
	responsesTree: glanceOf(responsesTree),
	anthropicTree: glanceOf(anthropicTree),
}

// glanceOf takes from a tree the keys without which nothing of it can be told: of each field its own,
// or the key of the container that it is in.
func glanceOf(root *node) *glance {
	g := &glance{longestValue: len("null") + 1}
	g.add(root)
	return g
}

func (g *glance) add(n *node) {
	for key, child := range n.keys {
		k := glanceKey{`"` + key + `"`, child.field}
		if child.field != none && !slices.Contains(g.keys, k) {
			g.ends[key[len(key)-1]] |= 1 << len(g.keys)
			g.keys = append(g.keys, k)
			g.longestKey = max(g.longestKey, len(k.name)+1)
			if child.field == fType {
				for _, t := range endingTypes {
					g.longestValue = max(g.longestValue, len(t)+3)
				}
			}
		}
		if child.field != fUsage && child.field != fError {
			g.add(child)
		}
	}
}

// dull tells whether reading an event would find nothing that is not known. The event is the one
// line of data of a whole event.
func (g *glance) dull(event []byte, r *reading) bool {
	return len(event) > 0 && event[0] == '{' && // so that a byte stands before each colon
		g.dullBetween(event, 0, len(event), r)
}

// dullBetween looks at the colons in a part of an event.
func (g *glance) dullBetween(event []byte, at, end int, r *reading) bool {
	for {
		i := bytes.IndexByte(event[at:end], ':')
		if i < 0 {
			return true
		}
		key := event[:at+i]
		at += i + 1
		switch c := key[len(key)-1]; {
		case c == '"':
			if those := g.ends[key[len(key)-2]]; those != 0 && g.tells(those, key, event[at:], r) {
				return false
			}
		case isSpace(c):
			if bytes.HasSuffix(bytes.TrimRight(key, spaces), quote) {
				return false // nobody writes it so: let it be read
			}
		}
	}
}

// looks are the glances at one stream. The events of a stream are alike but for a piece of text: only
// where one differs from a dull one before it must be looked at.
type looks struct {
	glance *glance
	last   []byte // a dull event; nothing was read since that could make it tell something

	before, after int // how many bytes of its beginning and end others shared
}

const maxLast = 1024 // longest event that is kept to compare, in bytes

// dull is what glance.dull is.
func (l *looks) dull(event []byte, r *reading) bool {
	if l.alike(event) {
		from, to := l.glance.around(event, l.before, len(event)-l.after, r)
		return l.glance.dullBetween(event, from, to, r)
	}
	dull := l.glance.dull(event, r)
	if dull && len(event) <= maxLast {
		l.last, l.before, l.after = append(l.last[:0], event...), 0, 0
	}
	return dull
}

// alike tells whether at least half of an event is as in the last, and leaves in before and after where.
func (l *looks) alike(event []byte) bool {
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

// forget must be called when an event was read.
func (l *looks) forget() { l.last, l.before, l.after = l.last[:0], 0, 0 }

// around widens a part of an event by as much as a look at a colon before it sees after itself, and
// one at a colon behind it before itself.
func (g *glance) around(event []byte, from, to int, r *reading) (int, int) {
	from = max(0, from-g.longestValue-len(r.rawTier))
	for from > 0 && (from == len(event) || isSpace(event[from])) {
		from--
	}
	for to = min(len(event), to+g.longestKey); to < len(event) && isSpace(event[to-1]); {
		to++
	}
	return from, to
}

// commonPrefix gives how many bytes two texts have in common where they begin.
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

// commonSuffix gives how many bytes two texts have in common where they end.
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

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// tells tells whether what ends in one of some keys and what follows its colon could tell anything new.
func (g *glance) tells(those uint32, key, value []byte, r *reading) bool {
	for ; those != 0; those &= those - 1 {
		k := &g.keys[bits.TrailingZeros32(those)]
		if at := len(key) - len(k.name); at >= 0 && key[at] == '"' && string(key[at:]) == k.name && r.news(k.field, value) {
			return true
		}
	}
	return false
}

// news tells whether what follows a field's colon could change the reading. It may say so of what
// changes nothing, and never the reverse.
func (r *reading) news(f field, value []byte) bool {
	for len(value) > 0 && isSpace(value[0]) {
		value = value[1:]
	}
	switch f {
	case fModel:
		if r.model != "" || begins(value, `""`) {
			return false
		}
	case fID:
		if r.id != "" || begins(value, `""`) {
			return false
		}
	case fFinish:
		if begins(value, `""`) {
			return false
		}
	case fTier:
		if n := len(r.rawTier); n > 0 && len(value) > n+1 && value[0] == '"' && value[n+1] == '"' && bytes.Equal(value[1:n+1], r.rawTier) {
			return false
		}
	case fType:
		if r.ended {
			return false
		}
		if len(value) > 0 && value[0] == '"' {
			return slices.ContainsFunc(endingTypes, func(t string) bool {
				return len(value) > len(t)+1 && value[len(t)+1] == '"' && begins(value[1:], t)
			})
		}
	}
	return !begins(value, "null") || len(value) > 4 && !delimiter[value[4]]
}

func begins(p []byte, with string) bool { return len(p) >= len(with) && string(p[:len(with)]) == with }
