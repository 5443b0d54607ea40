package dialect

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/secret"
)

// nameID numbers the attribute names that the tables have; 0 is any other.
type nameID uint16

// names are the attribute names that the tables have, and what each can hold, so that a record's
// attributes are looked at once, and the tables are asked only for what can be there.
type names struct {
	buckets []nameID // open addressing, a power of two
	list    []string // by id
	info    []nameInfo
}

// nameInfo is the information that an attribute's name gives before its value is read.
type nameInfo struct {
	kind     Kind
	asks          // as an attribute of a record
	resource asks // as an attribute of a resource
	idle     bool // nothing looks for it
}

// asks says by bits which tables ask for a name.
type asks struct {
	facts    uint32 // general facts, by fact
	rules    uint64 // role rules, by their place
	figures  uint16 // figures of any family, see figureKind
	modality bool   // a part of the tokens that is not text
	families uint64 // families that have a figure there that they cannot do without, by Family.bit
	marks    uint64 // families of which it is a mark, by Family.bit
}

func (a *asks) add(b *asks) {
	a.facts |= b.facts
	a.rules |= b.rules
	a.figures |= b.figures
	a.modality = a.modality || b.modality
	a.families |= b.families
	a.marks |= b.marks
}

// of returns the asks for an alias's name: as a resource's attribute, or as a record's.
func (n *names) of(a *ref) *asks {
	if a.resource {
		return &n.info[a.id].resource
	}
	return &n.info[a.id].asks
}

// known are the names that the tables have. Tables are taken apart before the program starts; a decoder
// with further names has a copy.
var known = newNames()

func newNames() *names {
	return &names{buckets: make([]nameID, 64), list: []string{""}, info: []nameInfo{{}}}
}

func (n *names) clone() *names {
	return &names{buckets: slices.Clone(n.buckets), list: slices.Clone(n.list), info: slices.Clone(n.info)}
}

// id returns the number of a name, a new one where it has none.
func (n *names) id(name string) nameID {
	if name == "" {
		return 0 // no attribute has it
	}
	if id := n.look(name); id != 0 {
		n.info[id].idle = false
		return id
	}
	id := nameID(len(n.list))
	n.list, n.info = append(n.list, name), append(n.info, nameInfo{kind: kindByForm(name)})
	const sparse = 8 // buckets for each name
	if len(n.list)*sparse <= len(n.buckets) {
		n.place(id)
		return id
	}
	n.buckets = make([]nameID, 2*len(n.buckets))
	for i := 1; i < len(n.list); i++ {
		n.place(nameID(i))
	}
	return id
}

func (n *names) place(id nameID) {
	i := hashName(n.list[id]) & uint64(len(n.buckets)-1)
	for n.buckets[i] != 0 {
		i = (i + 1) & uint64(len(n.buckets)-1)
	}
	n.buckets[i] = id
}

// look finds the number of a name; 0 where the tables do not have it.
func (n *names) look(name string) nameID {
	mask := uint64(len(n.buckets) - 1)
	for i := hashName(name) & mask; ; i = (i + 1) & mask {
		id := n.buckets[i]
		if id == 0 || n.list[id] == name {
			return id
		}
	}
}

// hashName mixes the end, the middle and the length of a name, in which the names of one family differ.
func hashName(s string) uint64 {
	n := len(s)
	const word = 8
	var end, middle uint64
	if n >= word {
		end, middle = load64(s, n-word), load64(s, (n-word)/2)
	} else {
		for i := range n {
			end = end<<8 | uint64(s[i])
		}
	}
	hi, lo := bits.Mul64(end^bits.RotateLeft64(middle, 29)^uint64(n), 0x9E3779B97F4A7C15)
	return hi ^ lo
}

// load64 reads eight bytes of a text.
func load64(s string, i int) uint64 {
	var b [8]byte
	copy(b[:], s[i:i+8])
	return binary.LittleEndian.Uint64(b[:])
}

// Kind classifies an attribute by its name, as flags.
type Kind uint16

const (
	// KindContent is an attribute that holds what people or models said.
	KindContent Kind = 1 << iota
	// KindPlain is one whose name is a plain word, which means content in records that are ours.
	KindPlain
	// KindMessage is one that is content in a message event only.
	KindMessage
	// KindKey is an attribute that can hold a client's key in clear.
	KindKey
	// KindURL is one that holds a URL, or a part of one with a query.
	KindURL
	// KindSecret is one with the name of a secret, see secret.Name. Whether it holds one is for HoldsSecret to say.
	KindSecret
	// KindSecretName is one whose name itself has the shape of a secret.
	KindSecretName
	// KindCanonical is one that Write writes.
	KindCanonical

	kindUsage   // it is only on records that may be calls or tools, see tables.UsageAttributes
	kindKeyName // it holds a hash of the client's key, or its name
)

// KindOf classifies an attribute by its name.
func KindOf(name string) Kind {
	return known.kindOf(name)
}

func (n *names) kindOf(name string) Kind {
	if id := n.look(name); id != 0 {
		return n.info[id].kind
	}
	k := kindByForm(name)
	if k&KindSecret != 0 && n.keyNamed(name) != 0 {
		k |= KindKey
	}
	return k
}

// keyNamed returns the number of the attribute of a client's key of which a name is a spelling: in another
// case, or with "_" for "-".
func (n *names) keyNamed(name string) nameID {
	lower := strings.ToLower(name)
	for _, s := range [...]string{lower, strings.ReplaceAll(lower, "_", "-")} {
		if id := n.look(s); id != 0 && n.info[id].kind&KindKey != 0 {
			return id
		}
	}
	return 0
}

// formed are the beginnings of names that say something whatever follows, by their first letter.
var formed = func() (out [256][]struct {
	prefix string
	kind   Kind
}) {
	add := func(kind Kind, prefixes []string) {
		for _, p := range prefixes {
			out[p[0]] = append(out[p[0]], struct {
				prefix string
				kind   Kind
			}{p, kind})
		}
	}
	add(kindUsage, tables.UsageAttributes)
	add(KindContent, tables.ContentPrefixes)
	return out
}()

// kindByForm classifies an attribute by the form of its name.
func kindByForm(name string) (k Kind) {
	if name == "" {
		return 0
	}
	if secret.Name(name) != secret.Not {
		k |= KindSecret
	}
	const shortestKey = 19 // bytes
	if len(name) >= shortestKey {
		if _, n := secret.Text(name); n > 0 {
			k |= KindSecretName
		}
	}
	rows := formed[name[0]]
	for i := range rows {
		if strings.HasPrefix(name, rows[i].prefix) {
			k |= rows[i].kind
		}
	}
	switch name[0] {
	case 'm':
		if strings.HasPrefix(name, "mastra.") && (strings.HasSuffix(name, ".input") || strings.HasSuffix(name, ".output")) {
			k |= KindContent
		}
	case 'l', 'g':
		if k&KindContent != 0 || (!strings.HasPrefix(name, "llm.") && !strings.HasPrefix(name, "gen_ai.")) {
			break
		}
		if tables.IsRaw(name) {
			k |= KindContent
		}
		for _, s := range tables.ContentSuffixes {
			if strings.HasSuffix(name, s) {
				k |= KindContent
			}
		}
	}
	return k
}

// The tables say here what each name can hold.
func init() {
	for _, name := range tables.Common {
		if known.look(name) == 0 {
			known.info[known.id(name)].idle = true
		}
	}
	kind := func(k Kind, list ...string) {
		for _, name := range list {
			known.info[known.id(name)].kind |= k
		}
	}
	kind(KindContent, tables.ContentNames...)
	kind(KindPlain, tables.PlainContent...)
	kind(KindMessage, tables.MessageContent...)
	kind(KindKey, tables.RawKeys...)
	kind(KindCanonical, canonicalNames()...)
	kind(KindURL, tables.URLAttributes...)
	kind(kindKeyName, tables.HashedKeys...)
	kind(kindKeyName, tables.KeyNames...)
	for what, list := range general {
		for i := range list {
			known.of(&list[i]).facts |= 1 << what
		}
	}
	for i := range roleRefs {
		known.of(&roleRefs[i]).rules |= 1 << i
	}
	for _, list := range modalityRefs {
		for i := range list {
			known.of(&list[i]).modality = true
		}
	}
	for i, f := range builtIn {
		f.bit = 1 << i
		for _, list := range [][]ref{f.refs.input, f.refs.output, {f.refs.disjoint}} {
			for j := range list {
				known.of(&list[j]).families |= f.bit
			}
		}
		for j := range f.refs.marks {
			known.of(&f.refs.marks[j].ref).marks |= f.bit
		}
	}
	known.info[0] = nameInfo{}
}
