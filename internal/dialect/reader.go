package dialect

import (
	"maps"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Reader reads the records of one request one after another: a resource and a scope are read once for all their
// records. It is not safe for concurrent use, and must not be used after Close.
type Reader struct {
	decoder *Decoder
	origin  origin
	record  record
	writer  canonicalWriter
	scoped  secret.Keys // secrets in the attributes of the scope
	removed int64       // see Removed
	seen    secret.Seen
}

// Reader returns a reader, to be closed after the request.
func (d *Decoder) Reader() *Reader {
	if rd, ok := d.readers.Get().(*Reader); ok {
		return rd
	}
	rd := &Reader{decoder: d}
	rd.record = record{names: d.names, families: d.families, secretKinds: d.secrets}
	rd.record.origin = &rd.origin
	return rd
}

// Close lets go of the data that was read.
func (rd *Reader) Close() {
	rd.record.reset()
	rd.record.own.release()
	rd.record.keys.clear()
	rd.record.mapped = providerCache{}
	rd.record.plan, rd.record.version = nil, ""
	rd.origin.index.release()
	rd.writer.release()
	rd.origin.secrets.Reset()
	rd.origin = origin{index: rd.origin.index, secrets: rd.origin.secrets}
	rd.scoped.Reset()
	rd.seen.Reset()
	rd.removed = 0
	rd.decoder.readers.Put(rd)
}

// Resource says which resource the following scopes and records are of.
func (rd *Reader) Resource(res pcommon.Resource) {
	rd.origin.read(rd.decoder.names, rd.decoder.secrets, res.Attributes())
}

// Scope says which scope the following records are of.
func (rd *Reader) Scope(scope pcommon.InstrumentationScope) {
	if name := scope.Name(); rd.record.plan == nil || rd.record.plan.scope != name {
		rd.record.plan = rd.decoder.planFor(name)
	}
	rd.record.version = scope.Version()
	rd.scoped.Reset()
	gather(rd.decoder.names, rd.decoder.secrets, scope.Attributes(), &rd.scoped)
}

// Agent reports whether the record of this span name or event is a coding agent's, see Agent.
func (rd *Reader) Agent(event string) bool {
	return rd.record.plan.agent || hasPrefix(event, tables.AgentEvents)
}

// Kinds returns what the attributes of the record that was read last are, all together: the flags that
// one at least has.
func (rd *Reader) Kinds() Kind { return rd.record.own.kinds }

// ResourceKinds returns it for the attributes of the resource.
func (rd *Reader) ResourceKinds() Kind { return rd.origin.index.kinds }

// origin holds the properties that a resource gives to all its records.
type origin struct {
	index                index
	service, environment string
	project              string // of spans that are normalised already and name none
	process, sameHost    uint64 // see processes; sameHost without the host
	secrets              secret.Keys
}

var (
	serviceRef      = refTo("service.name")
	environmentRefs = refsTo([]string{"deployment.environment.name", "deployment.environment"})
	projectRefs     = refsTo([]string{usage.AttrProject, "project.name", "project.id"})
)

func (o *origin) read(n *names, kinds Kind, attrs pcommon.Map) {
	o.index.fill(n, attrs, true)
	o.secrets.Reset()
	if o.index.kinds&kinds != 0 {
		gather(n, kinds, attrs, &o.secrets)
	}
	o.service = o.index.text(&serviceRef)
	o.environment, o.project = o.index.firstText(environmentRefs), o.index.firstText(projectRefs)
	o.process, o.sameHost = o.hash(true), o.hash(false)
}

var processRefs = refsTo(tables.ProcessAttributes)

// hash makes a number (FNV-1a) of what distinguishes a process from others; 0 where nothing does.
func (o *origin) hash(host bool) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h, known := uint64(offset), false
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
	}
	for i := range processRefs {
		a := &processRefs[i]
		if !o.index.named(a) || (!host && strings.HasPrefix(a.name, "host.")) {
			continue
		}
		known = true
		add(a.name)
		add("=")
		add(o.index.text(a))
		add("\x00")
	}
	if !known {
		return 0
	}
	return h
}

// plan holds the properties that follow from the name of a scope, for all its records.
type plan struct {
	scope, clean string
	families     []candidate
	custom       []candidate // of them those that are not built in
	// The others by bits: sure of them all, marked where a mark of theirs is there, and withoutUsage those that say
	// nothing of a record that has no figure of theirs.
	sure, marked, withoutUsage uint64
	rules                      []rowOfRole // those for this scope
	byName                     []rowOfRole // of them those that go by the span's name alone
	// The rules by bits: all of this scope, and those that need no attribute; and where each is in rules.
	allRules, nameRules uint64
	ruleAt              [64]uint8
	agent               bool // it is a coding agent's
	uneven, one, routed bool // see tables.UnevenHost, tables.OneSource and tables.Routed
}

// candidate is a family that may apply to the records of a scope.
type candidate struct {
	*Family
	sure bool // its marks need not be asked for
}

func (d *Decoder) makePlan(scope string) *plan {
	p := &plan{
		scope: scope, clean: cleanScope(scope), agent: hasPrefix(scope, tables.AgentScopes),
		uneven: hasPrefix(scope, tables.UnevenHost), one: hasPrefix(scope, tables.OneSource), routed: hasPrefix(scope, tables.Routed),
	}
	for _, f := range d.families {
		sure := !f.limited() || hasPrefix(scope, f.Scopes)
		if !sure && len(f.refs.marks) == 0 {
			continue
		}
		p.families = append(p.families, candidate{f, sure})
		switch {
		case f.bit == 0:
			p.custom = append(p.custom, candidate{f, sure})
		case sure:
			p.sure |= f.bit
		default:
			p.marked |= f.bit
		}
		if !f.own() && f.adds == nil {
			p.withoutUsage |= f.bit
		}
	}
	for i := range tables.RoleRules {
		row := &tables.RoleRules[i]
		if !strings.HasPrefix(scope, row.Scope) {
			continue
		}
		rule := rowOfRole{RoleRule: row, ref: roleRefs[i], bit: 1 << i}
		for name := range row.Is {
			rule.only = name
		}
		rule.single = len(row.Is) == 1
		p.ruleAt[i] = uint8(len(p.rules))
		p.rules = append(p.rules, rule)
		p.allRules |= rule.bit
		if row.Attribute == "" {
			p.nameRules |= rule.bit
		}
		if row.Attribute == "" && row.Name == "" && row.Part == "" {
			p.byName = append(p.byName, rule)
		}
	}
	return p
}

// asked returns the built-in families that may have something to say of a record, by bits.
func (p *plan) asked(r *record) uint64 {
	marks := r.own.marks | r.origin.index.marks
	figures := r.own.families | r.origin.index.families
	return (p.sure | p.marked&marks) &^ (p.withoutUsage &^ figures)
}

// rowOfRole is a row of roleRules, made ready.
type rowOfRole struct {
	*tables.RoleRule
	ref    ref
	bit    uint64 // see asks.rules
	only   string // the one name that it has, where that is all
	single bool
}

func (row *rowOfRole) is(name string) (v verdict, ok bool) {
	if row.single && row.only != name {
		return unsaid, false
	}
	v, ok = row.Is[name]
	return v, ok
}

// maxPlans bounds the scopes that are remembered, and maxScope the length of their names: they are anyone's.
const (
	maxPlans = 256
	maxScope = 256 // bytes
)

// planFor returns the plan of a scope.
func (d *Decoder) planFor(scope string) *plan {
	held := d.plans.Load()
	if held != nil {
		if p, ok := (*held)[scope]; ok {
			return p
		}
	}
	scope = strings.Clone(scope)
	p := d.makePlan(scope)
	if held == nil {
		d.plans.CompareAndSwap(nil, &map[string]*plan{scope: p})
		return p
	}
	if len(*held) < maxPlans && len(scope) <= maxScope {
		more := maps.Clone(*held)
		more[scope] = p
		d.plans.CompareAndSwap(held, &more) // where another was faster, the next request tries again
	}
	return p
}

// process returns the hash of what distinguishes a record's process from others; 0 where nothing does.
func (r *record) process() uint64 {
	switch {
	case r.plan.one:
		return 0
	case r.plan.uneven:
		return r.origin.sameHost
	default:
		return r.origin.process
	}
}

// look looks at the attributes of a record.
func (r *record) look(attrs pcommon.Map) {
	r.attrs = attrs
	r.own.fill(r.names, attrs, false)
}

// reset forgets a record.
func (r *record) reset() {
	r.own.clear()
	r.attrs, r.name, r.event, r.log = pcommon.Map{}, "", "", false
	r.owner, r.spanned, r.isSpan = nil, ptrace.Span{}, false
	r.secrets.reset()
	if r.lookedNext > 0 {
		r.looked, r.lookedNext = [8]looked{}, 0
	}
	if r.dictName != "" {
		r.dictName, r.dict = "", nil
	}
}

// Span reads a span into an empty call, see Decoder.Span.
func (rd *Reader) Span(s ptrace.Span, c *usage.Call) (family string) {
	r := &rd.record
	r.reset()
	r.name = s.Name()
	r.spanned, r.isSpan = s, true
	r.look(s.Attributes())
	family = r.span(s, c)
	rd.conceal(c)
	return family
}

// Log reads a log record into an empty call, see Decoder.Log; where ok is false the call is empty.
func (rd *Reader) Log(lr plog.LogRecord, c *usage.Call) (family string, ok bool) {
	r := &rd.record
	r.reset()
	r.log = true
	r.look(lr.Attributes())
	family, ok = r.logRecord(lr, c)
	rd.conceal(c)
	return family, ok
}

// keyCache remembers the fingerprints of the client keys of one request.
type keyCache struct {
	used    bool
	entries [256]struct{ key, fingerprint, display string }
}

func (k *keyCache) of(key string) (fingerprint, display string) {
	e := &k.entries[hashName(key)%uint64(len(k.entries))]
	if e.key != key {
		e.key, e.fingerprint, e.display = key, usage.Fingerprint(key), value.Clean(usage.DisplayKey(key))
		k.used = true
	}
	return e.fingerprint, e.display
}

func (k *keyCache) clear() {
	if k.used {
		*k = keyCache{}
	}
}
