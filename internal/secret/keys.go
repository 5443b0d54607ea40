package secret

import (
	"slices"
	"strings"
)

const (
	maxKeys    = 64  // different keys of one record that are looked for
	maxPattern = 256 // bytes of a key that are looked for; the rest is compared in the text
	fewKeys    = 3   // so many are looked for one by one
)

// Keys are secrets that are known, because attributes with the names of secrets hold them, and that are cut
// wherever else they occur. They are found in one pass over a text (Aho and Corasick), of which the work
// grows with the length of the text alone. The zero value is empty and ready.
type Keys struct {
	list []string
	over bool
	trie trie
}

// Add adds a secret, without its scheme. One that is shorter than 8 bytes is not looked for: it may be part
// of any word.
func (k *Keys) Add(secret string) {
	if secret = Bare(secret); len(secret) < shortest || slices.Contains(k.list, secret) {
		return
	}
	if len(k.list) == maxKeys {
		k.over = true
		return
	}
	k.list = append(k.list, secret)
	k.trie.ready = false
}

// Full reports whether there were more secrets than are looked for. Then texts beside them cannot be trusted.
func (k *Keys) Full() bool { return k.over }

// Empty reports whether there is nothing to look for.
func (k *Keys) Empty() bool { return len(k.list) == 0 }

// Reset forgets all secrets.
func (k *Keys) Reset() {
	clear(k.list)
	k.list, k.over, k.trie.ready = k.list[:0], false, false
}

// Cut replaces the secrets in a text by their display form, and returns how many it replaced.
func (k *Keys) Cut(text string) (string, int) {
	if len(k.list) == 0 || len(text) < shortest {
		return text, 0
	}
	if len(k.list) > fewKeys {
		return k.cutAll(text)
	}
	for _, key := range k.list {
		if strings.Contains(text, key[:min(len(key), maxPattern)]) {
			return k.cutAll(text)
		}
	}
	return text, 0
}

func (k *Keys) cutAll(text string) (string, int) {
	if !k.trie.ready {
		k.trie.build(k.list)
	}
	var out strings.Builder
	n, done := 0, 0
	for {
		m := k.trie.find(text, done)
		if m.key < 0 {
			break
		}
		end := k.end(text, m)
		out.WriteString(text[done:m.from])
		out.WriteString(display(k.list[m.key]))
		done = end
		n++
	}
	if n == 0 {
		return text, 0
	}
	out.WriteString(text[done:])
	return out.String(), n
}

// CutEnd cuts the beginning of a secret with which a text ends, because it was cut off there.
func (k *Keys) CutEnd(text string) (string, int) {
	for _, key := range k.list {
		for n := min(len(key), len(text), maxPattern); n >= shortest; n-- {
			if strings.HasSuffix(text, key[:n]) {
				return text[:len(text)-n] + display(key), 1
			}
		}
	}
	return text, 0
}

// end finds where the key of a match ends. Several long ones may begin with one pattern.
func (k *Keys) end(text string, m match) int {
	n := min(len(k.list[m.key]), maxPattern)
	if n == maxPattern {
		for _, key := range k.list {
			n = max(n, common(text[m.from:], key))
		}
	}
	return m.from + n
}

// common returns the length of what two texts begin with.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// trie is the automaton of the patterns.
type trie struct {
	ready bool
	nodes []trieNode
	rows  [][256]uint16 // children of nodes that have several
	sizes []int         // of the patterns

	work int // steps, for tests
}

// trieNode is a beginning of patterns. It is entered by a byte; most have one child.
type trieNode struct {
	by    byte   // that leads to child
	child uint16 // 0: none
	row   uint16 // 1 + the place in rows; 0: one child at most
	fail  uint16 // the longest proper end of this beginning that is a beginning too
	key   int16  // the longest pattern that ends here; -1: none
	depth uint16 // bytes
}

func (t *trie) node(depth uint16) uint16 {
	t.nodes = append(t.nodes, trieNode{key: -1, depth: depth})
	return uint16(len(t.nodes) - 1)
}

func (t *trie) next(n uint16, b byte) uint16 {
	x := &t.nodes[n]
	switch {
	case x.row != 0:
		return t.rows[x.row-1][b]
	case x.by == b:
		return x.child
	default:
		return 0
	}
}

func (t *trie) insert(n uint16, b byte) uint16 {
	if c := t.next(n, b); c != 0 {
		return c
	}
	c := t.node(t.nodes[n].depth + 1)
	x := &t.nodes[n]
	switch {
	case x.row != 0:
		t.rows[x.row-1][b] = c
	case x.child == 0:
		x.by, x.child = b, c
	default:
		t.rows = append(t.rows, [256]uint16{})
		x.row = uint16(len(t.rows))
		t.rows[x.row-1][x.by], t.rows[x.row-1][b] = x.child, c
	}
	return c
}

func (t *trie) build(keys []string) {
	t.nodes, t.rows, t.sizes, t.ready = t.nodes[:0], t.rows[:0], t.sizes[:0], true
	t.node(0)
	for i, key := range keys {
		n := uint16(0)
		t.sizes = append(t.sizes, min(len(key), maxPattern))
		for j := range min(len(key), maxPattern) {
			n = t.insert(n, key[j])
		}
		// Keys that begin with the same pattern are represented by any one of them.
		t.nodes[n].key = int16(i)
	}
	// A node's depth is its parent's depth plus one, and parents are made before their children, but not level by
	// level: the links are set in the order of depth.
	queue := make([]uint16, 0, len(t.nodes))
	add := func(parent uint16, b byte, child uint16) {
		x := &t.nodes[child]
		if parent != 0 {
			x.fail = t.step(t.nodes[parent].fail, b)
		}
		if x.key < 0 {
			x.key = t.nodes[x.fail].key
		}
		queue = append(queue, child)
	}
	children := func(n uint16) {
		x := t.nodes[n]
		if x.row == 0 {
			if x.child != 0 {
				add(n, x.by, x.child)
			}
			return
		}
		for b, c := range t.rows[x.row-1] {
			if c != 0 {
				add(n, byte(b), c)
			}
		}
	}
	children(0)
	for i := 0; i < len(queue); i++ {
		children(queue[i])
	}
}

// step follows one byte.
func (t *trie) step(n uint16, b byte) uint16 {
	for {
		t.work++
		if c := t.next(n, b); c != 0 {
			return c
		}
		if n == 0 {
			return 0
		}
		n = t.nodes[n].fail
	}
}

// match is a pattern in a text; key is -1 where there is none.
type match struct {
	key  int
	from int
}

// find finds the leftmost pattern in a text from a place on, of several there the longest.
func (t *trie) find(text string, at int) match {
	best, length := match{key: -1}, 0
	n := uint16(0)
	for i := at; i < len(text); i++ {
		n = t.step(n, text[i])
		x := &t.nodes[n]
		if best.key >= 0 && i+1-int(x.depth) > best.from {
			break // nothing that begins so early can follow
		}
		if x.key < 0 {
			continue
		}
		size := t.sizes[x.key]
		if from := i + 1 - size; best.key < 0 || from < best.from || (from == best.from && size > length) {
			best, length = match{int(x.key), from}, size
		}
	}
	return best
}
