package dialect

import (
	"hash/fnv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// record is one span or log record as the tables look at it.
type record struct {
	attrs pcommon.Map
	res   pcommon.Map
	scope string
	name  string // of a span
	event string // of a log record
	log   bool

	families []*Family
	taught   map[string]bool // see Decoder

	sieve      sieve
	looked     [4]looked // see memberOf
	lookedNext int
	dictName   string
	dict       any // see python
}

// sieve tells at once that an attribute is not there, which is the answer to nearly every name that
// the tables ask for. One that it lets through may be there.
type sieve [16]uint64

func slot(name string) uint {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint(n)*37 + uint(name[n-1])*5 + uint(name[n/2])*131 + uint(name[n*3/4])*17 + uint(name[n/3])*59
}

func (s *sieve) add(h uint)       { s[h/64%16] |= 1 << (h % 64) }
func (s *sieve) lets(h uint) bool { return s[h/64%16]&(1<<(h%64)) != 0 }

// sift must come before the tables are asked.
func (r *record) sift() {
	for k := range r.attrs.All() {
		r.sieve.add(slot(k))
	}
}

// ref is an alias, taken apart once for all records.
type ref struct {
	name, path string // path is "" where the attribute itself is meant
	resource   bool
	slot       uint
}

func refTo(alias string) ref {
	name, path, _ := strings.Cut(alias, "#")
	name, resource := strings.CutPrefix(name, "resource:")
	return ref{name: name, path: path, resource: resource, slot: slot(name)}
}

func refsTo(aliases []string) []ref {
	if aliases == nil {
		return nil
	}
	out := make([]ref, len(aliases))
	for i, alias := range aliases {
		out[i] = refTo(alias)
	}
	return out
}

// find gives the value of an alias's attribute; false where it is not there or empty.
func (r *record) find(a *ref) (v pcommon.Value, ok bool) {
	switch {
	case a.resource:
		v, ok = r.res.Get(a.name)
	case r.sieve.lets(a.slot):
		v, ok = r.attrs.Get(a.name)
	}
	return v, ok && v.Type() != pcommon.ValueTypeEmpty
}

// attr gives an attribute's value; false where it is not there or empty.
func (r *record) attr(name string) (v pcommon.Value, ok bool) {
	a := ref{name: name, slot: slot(name)}
	return r.find(&a)
}

// at gives the value of an alias, or what stands at the path inside it; false where there is none.
func (r *record) at(a *ref) (any, bool) {
	v, ok := r.find(a)
	if !ok {
		return nil, false
	}
	if a.path != "" {
		return r.lookIn(a.name, v, a.path)
	}
	plain := raw(v)
	return plain, plain != nil
}

func (r *record) get(alias string) (any, bool) {
	a := refTo(alias)
	return r.at(&a)
}

// countAt reads a token count from an alias.
func (r *record) countAt(a *ref) (int64, found) {
	v, ok := r.find(a)
	if !ok {
		return 0, absent
	}
	if a.path == "" {
		return countValue(v)
	}
	inner, ok := r.lookIn(a.name, v, a.path)
	if !ok {
		return 0, absent
	}
	return count(inner)
}

func (r *record) count(alias string) (int64, found) {
	a := refTo(alias)
	return r.countAt(&a)
}

// has tells whether an alias is there.
func (r *record) has(alias string) bool {
	_, ok := r.get(alias)
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

func (r *record) resource(name string) any {
	v, ok := r.res.Get(name)
	if !ok {
		return nil
	}
	return raw(v)
}

// mark is a condition on a record, see Family.Marks.
type mark struct {
	ref
	value  string
	valued bool
}

func markOf(s string) mark {
	name, value, valued := strings.Cut(s, "=")
	return mark{ref: refTo(name), value: value, valued: valued}
}

func (r *record) is(m *mark) bool {
	v, ok := r.find(&m.ref)
	return ok && (!m.valued || text(raw(v)) == m.value)
}

// general are the tables of facts, taken apart.
var general = func() (out [factCount][]ref) {
	for what, aliases := range facts {
		out[what] = refsTo(aliases)
	}
	return out
}()

// aliases gives the names to look for a fact under: the family's own, then the general ones.
func aliases(f *Family, what fact) [2][]ref {
	if f == nil {
		return [2][]ref{nil, general[what]}
	}
	if own := f.refs.facts[what]; own != nil && len(own) == 0 {
		return [2][]ref{}
	}
	return [2][]ref{f.refs.facts[what], general[what]}
}

// text gives the first text of a fact that is not empty.
func (r *record) text(f *Family, what fact) string {
	for _, list := range aliases(f, what) {
		for i := range list {
			if s := r.textAt(&list[i]); s != "" && !strings.EqualFold(s, "unknown") {
				return s
			}
		}
	}
	return ""
}

// textAt gives the text of an alias, "" where there is none.
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
		return text(inner)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return textString(v.Str())
	case pcommon.ValueTypeSlice: // how headers come
		return textString(firstText(v.Slice()))
	default:
		return text(raw(v))
	}
}

// model gives the name of the model, as a family tells it.
func (r *record) model(f *Family) string {
	for _, what := range [...]fact{factResponseModel, factModel, factRequestModel} {
		if s := r.text(f, what); s != "" {
			return s
		}
	}
	return ""
}

// duration gives the first usable duration of a fact, 0 where there is none.
func (r *record) duration(f *Family, what fact) time.Duration {
	for _, list := range aliases(f, what) {
		for i := range list {
			v, ok := r.at(&list[i])
			if !ok {
				continue
			}
			n, ok := number(v)
			if unit := float64(unitOf(f, list[i].name)); ok && n*unit < float64(maxDuration) {
				return time.Duration(n * unit)
			}
		}
	}
	return 0
}

// unitOf gives the unit of a duration.
func unitOf(f *Family, alias string) time.Duration {
	if f != nil {
		if unit, ok := f.Units[alias]; ok {
			return unit
		}
	}
	if unit, ok := units[alias]; ok {
		return unit
	}
	return time.Second
}

// maxDuration is the longest time that is believed of one call.
const maxDuration = 30 * 24 * time.Hour

// processAttributes tell one process from another.
var processAttributes = []string{
	"service.name", "service.namespace", "service.instance.id", "host.id", "host.name", "process.pid", "k8s.pod.uid", "container.id",
}

// unevenHost begins the scopes of emitters that name the host on one signal only, so that it must
// not tell the processes apart.
var unevenHost = []string{"codex"}

// oneSource begins the scopes of readers that tell each call once, whichever process it was made in:
// no two of their records are one call, even where two proxies gave them the same short request id.
var oneSource = []string{"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver"}

// process hashes what tells a record's process from others; 0 where nothing does.
func (r *record) process() uint64 {
	if hasPrefix(r.scope, oneSource) {
		return 0
	}
	h := fnv.New64a()
	known := false
	for _, name := range processAttributes {
		if strings.HasPrefix(name, "host.") && hasPrefix(r.scope, unevenHost) {
			continue
		}
		if v, ok := r.res.Get(name); ok {
			_, _ = h.Write([]byte(name + "=" + text(raw(v)) + "\x00"))
			known = true
		}
	}
	if !known {
		return 0
	}
	return h.Sum64()
}

// telling are the beginnings of attribute names of which one is on every record that can be a call
// or a tool, by their first letter. Most spans of a busy pipeline have none and are let through at the cost of
// this look.
var telling = byFirst(
	"gen_ai.", "llm.", "ai.", "openinference.", "traceloop.", "langfuse.", "langsmith.", "mlflow.", "genkit:", "tokenboard.",
	"embedding.", "span.type", "input_token", "gcp.vertex", "event.name", "codex.", "haystack.", "braintrust.", "langwatch.", "lmnr.",
	"agentops.", "langtrace.", "input_tokens",
)

func byFirst(names ...string) (out [256][]string) {
	for _, n := range names {
		out[n[0]] = append(out[n[0]], n)
	}
	return out
}

// tells tells whether a record has a telling attribute.
func (r *record) tells() bool {
	for k := range r.attrs.All() {
		if k == "" {
			continue
		}
		for _, p := range telling[k[0]] {
			if strings.HasPrefix(k, p) {
				return true
			}
		}
		if r.taught != nil && r.taught[k] {
			return true
		}
	}
	return false
}
