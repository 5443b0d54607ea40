package dialect

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
)

// record is one span or log record as the tables look at it.
type record struct {
	names    *names
	families []*Family
	plan     *plan   // what the scope says
	version  string  // of the scope
	origin   *origin // what the resource says
	attrs    pcommon.Map
	own      index  // of attrs
	name     string // of a span
	event    string // of a log record
	log      bool

	keys   keyCache
	mapped providerCache

	owner   *Family     // whose record it is, by its scope, a mark or its event; see decode
	spanned ptrace.Span // the span that is read, if it is one
	isSpan  bool
	secrets secrets

	secretKinds Kind // see Decoder.secrets

	looked     [8]looked // see memberOf
	lookedNext int
	dictName   string
	dict       any // see python
}

// index finds attributes by the number of their name, after one pass over them. If several attributes have one name,
// the last one counts: Rust's tracing appends a value that is recorded again.
type index struct {
	at    []uint16 // by nameID: 1 + the place in found; 0 where it is not there
	found []entry
	again bool // a name is there more than once
	// The names of the last record's attributes, by position: the next record mostly has the same ones.
	order []nameID

	kinds Kind // of all attributes, those with unknown names too
	asks       // what the tables ask for of them
}

type entry struct {
	id    nameID
	value pcommon.Value
}

// fill looks at attributes, once for all tables.
func (x *index) fill(n *names, attrs pcommon.Map, resource bool) {
	x.clear()
	if len(x.at) < len(n.list) {
		x.at = make([]uint16, len(n.list))
	}
	position := -1
	for name, v := range attrs.All() {
		position++
		id := nameID(0)
		if position < len(x.order) {
			id = x.order[position]
		}
		if n.list[id] != name {
			id = n.look(name)
			x.expect(position, id)
		}
		if id == 0 {
			k := kindByForm(name)
			x.kinds |= k
			if k&KindSecret == 0 {
				continue
			}
			if id = n.keyNamed(name); id == 0 {
				continue
			}
		}
		info := &n.info[id]
		x.kinds |= info.kind
		if info.idle {
			continue
		}
		if at := x.at[id]; at != 0 {
			x.found[at-1].value, x.again = v, true
			continue
		}
		x.found = append(x.found, entry{id, v})
		x.at[id] = uint16(len(x.found))
		if resource {
			x.add(&info.resource)
		} else {
			x.add(&info.asks)
		}
	}
}

// expect remembers the name that the attribute at a position had.
func (x *index) expect(position int, id nameID) {
	const longest = 64 // attributes
	switch {
	case position < len(x.order):
		x.order[position] = id
	case position < longest:
		x.order = append(x.order, id)
	}
}

func (x *index) clear() {
	for i := range x.found {
		x.at[x.found[i].id] = 0
	}
	x.found = x.found[:0]
	x.kinds, x.asks, x.again = 0, asks{}, false
}

// named reports whether there is an attribute of a name, be it empty.
func (x *index) named(a *ref) bool { return x.at[a.id] != 0 }

// release lets go of the data.
func (x *index) release() {
	x.clear()
	clear(x.found[:cap(x.found)])
}

// first returns the value of a name, be it empty; false where it is not there.
func (x *index) first(a *ref) (v pcommon.Value, ok bool) {
	i := x.at[a.id]
	if i == 0 {
		return v, false
	}
	return x.found[i-1].value, true
}

// text returns the short text of a name, see text; "" where there is none.
func (x *index) text(a *ref) string {
	v, ok := x.get(a.id)
	if !ok {
		return ""
	}
	return value.TextOf(v)
}

// firstText returns the short text of the first name that has one.
func (x *index) firstText(all []ref) string {
	for i := range all {
		if s := x.text(&all[i]); s != "" {
			return s
		}
	}
	return ""
}

// get returns the value of a name; false where it is not there or empty.
func (x *index) get(id nameID) (v pcommon.Value, ok bool) {
	i := x.at[id]
	if i == 0 {
		return v, false
	}
	v = x.found[i-1].value
	return v, v.Type() != pcommon.ValueTypeEmpty
}

// ref is an alias, taken apart once for all records.
type ref struct {
	name, path string // path is "" where the attribute itself is meant
	id         nameID
	resource   bool
}

func (n *names) ref(alias string) ref {
	name, path, _ := strings.Cut(alias, "#")
	name, resource := strings.CutPrefix(name, "resource:")
	return ref{name: name, path: path, resource: resource, id: n.id(name)}
}

func (n *names) refs(aliases []string) []ref {
	if aliases == nil {
		return nil
	}
	out := make([]ref, len(aliases))
	for i, alias := range aliases {
		out[i] = n.ref(alias)
	}
	return out
}

func refTo(alias string) ref { return known.ref(alias) }

func refsTo(aliases []string) []ref { return known.refs(aliases) }

// find returns the value of an alias's attribute; false where it is not there or empty.
func (r *record) find(a *ref) (v pcommon.Value, ok bool) {
	if a.resource {
		return r.origin.index.get(a.id)
	}
	return r.own.get(a.id)
}

// at returns the value of an alias, or the value at the path inside it; false where there is none.
func (r *record) at(a *ref) (any, bool) {
	v, ok := r.find(a)
	if !ok {
		return nil, false
	}
	if a.path != "" {
		return r.lookIn(a.name, v, a.path)
	}
	plain := value.Raw(v)
	return plain, plain != nil
}

// countAt reads a token count from an alias.
func (r *record) countAt(a *ref) (int64, value.Found) {
	v, ok := r.find(a)
	if !ok {
		return 0, value.Absent
	}
	if a.path == "" {
		return value.CountOf(v)
	}
	inner, ok := r.lookIn(a.name, v, a.path)
	if !ok {
		return 0, value.Absent
	}
	return value.Count(inner)
}

// has reports whether an alias is there.
func (r *record) has(a *ref) bool {
	_, ok := r.at(a)
	return ok
}

func (r *record) hasPrefix(prefix string) bool {
	for k := range r.attrs.All() {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// mark is a condition on a record, see Family.Marks.
type mark struct {
	ref
	value          string
	valued, prefix bool
}

func (n *names) mark(s string) mark {
	name, value, valued := strings.Cut(s, "=")
	name, prefix := strings.CutSuffix(name, "^")
	return mark{ref: n.ref(name), value: value, valued: valued, prefix: prefix}
}

func (r *record) is(m *mark) bool {
	v, ok := r.find(&m.ref)
	return ok && (!m.valued || value.TextOf(v) == m.value || (m.prefix && strings.HasPrefix(value.TextOf(v), m.value)))
}

// general are the tables of facts, taken apart.
var general = func() (out [tables.AttributeCount][]ref) {
	for what, aliases := range tables.Attributes {
		out[what] = refsTo(aliases)
	}
	return out
}()

// aliases returns the names to look for an attribute under: the names of the family that has the figures, of the family
// whose record it is, then the general ones, where the record has one of them.
func (r *record) aliases(f *Family, what tables.Attribute) (out [3][]ref) {
	for i, f := range [...]*Family{f, r.owner} {
		if f == nil {
			continue
		}
		if out[i] = f.refs.facts[what]; out[i] != nil && len(out[i]) == 0 {
			return out
		}
	}
	if (r.own.facts|r.origin.index.facts)&(1<<what) != 0 {
		out[2] = general[what]
	}
	return out
}

// text returns the first text of a fact that is not empty.
func (r *record) text(f *Family, what tables.Attribute) string {
	for _, list := range r.aliases(f, what) {
		for i := range list {
			if s := r.textAt(&list[i]); value.IsReported(s) {
				return s
			}
		}
	}
	return ""
}

// textAt returns the text of an alias, "" where there is none.
func (r *record) textAt(a *ref) string {
	v, ok := r.find(a)
	if !ok {
		return ""
	}
	if a.path != "" {
		inner, ok := r.lookIn(a.name, v, a.path)
		if !ok {
			return ""
		}
		return value.Text(inner)
	}
	if v.Type() == pcommon.ValueTypeSlice { // how headers come
		return value.TextString(value.FirstText(v.Slice()))
	}
	return value.TextOf(v)
}

// model returns the name of the model, as a family reports it.
func (r *record) model(f *Family) string {
	for _, what := range [...]tables.Attribute{tables.ResponseModel, tables.Model, tables.RequestModel} {
		if s := r.text(f, what); s != "" {
			return s
		}
	}
	return ""
}

// duration returns the first usable duration of a fact, 0 where there is none.
func (r *record) duration(f *Family, what tables.Attribute) time.Duration {
	for _, list := range r.aliases(f, what) {
		for i := range list {
			v, ok := r.find(&list[i])
			if !ok {
				continue
			}
			n, ok := r.numberAt(&list[i], v)
			if unit := float64(unitOf(f, list[i].name)); ok && n*unit < float64(maxDuration) {
				return time.Duration(n * unit)
			}
		}
	}
	return 0
}

// numberAt reads a number, see number, from the value of an alias's attribute.
func (r *record) numberAt(a *ref, v pcommon.Value) (float64, bool) {
	switch {
	case a.path != "":
		inner, _ := r.lookIn(a.name, v, a.path)
		return value.Number(inner)
	case v.Type() == pcommon.ValueTypeDouble:
		return value.Finite(v.Double())
	default:
		return value.Number(value.Raw(v))
	}
}

// unitOf returns the unit of a duration.
func unitOf(f *Family, alias string) time.Duration {
	if f != nil {
		if unit, ok := f.Units[alias]; ok {
			return unit
		}
	}
	if unit, ok := tables.Units[alias]; ok {
		return unit
	}
	return time.Second
}

// maxDuration is the longest time that is believed of one call.
const maxDuration = 30 * 24 * time.Hour
