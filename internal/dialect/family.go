package dialect

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// Family is a row of tables.Families, made ready.
type Family struct {
	*tables.Family
	adds *Family // the family that it is read in the place of
	refs refs
	bit  uint64 // see nameInfo.families; 0 of a custom one, which is always asked
}

// refs are the names of a family, taken apart once.
type refs struct {
	marks, answered, sums                                                                []mark
	input, output, total, cacheRead, cacheWrite, write5m, write1h, reasoning, extraInput []ref
	facts                                                                                [tables.AttributeCount][]ref
	cacheMembers, reasonMembers, hidesMembers                                            []ref // of the rows of Cache, Reasons and HidesCache
	disjoint                                                                             ref
}

// figureKind is a kind of figure that a family has names for.
type figureKind uint8

const (
	figureInput figureKind = iota
	figureOutput
	figureTotal
	figureCacheRead
	figureCacheWrite
	figureWrite5m
	figureWrite1h
	figureReasoning
	figureExtraInput
)

// compile takes the names of a family apart.
func (f *Family) compile(n *names) *Family {
	f.refs = refs{disjoint: n.ref(f.Disjoint)}
	for _, l := range []struct {
		kind  figureKind
		names []string
		into  *[]ref
	}{
		{figureInput, f.Input, &f.refs.input}, {figureOutput, f.Output, &f.refs.output}, {figureTotal, f.Total, &f.refs.total},
		{figureCacheRead, f.CacheRead, &f.refs.cacheRead}, {figureCacheWrite, f.CacheWrite, &f.refs.cacheWrite},
		{figureWrite5m, f.CacheWrite5m, &f.refs.write5m}, {figureWrite1h, f.CacheWrite1h, &f.refs.write1h},
		{figureReasoning, f.Reasoning, &f.refs.reasoning}, {figureExtraInput, f.ExtraInput, &f.refs.extraInput},
	} {
		*l.into = n.refs(l.names)
		for i := range *l.into {
			n.of(&(*l.into)[i]).figures |= 1 << l.kind
		}
	}
	for _, m := range f.Marks {
		f.refs.marks = append(f.refs.marks, n.mark(m))
	}
	for _, m := range f.Answered {
		f.refs.answered = append(f.refs.answered, n.mark(m))
	}
	for _, m := range f.Sums {
		f.refs.sums = append(f.refs.sums, n.mark(m))
	}
	for what, aliases := range f.Attributes {
		f.refs.facts[what] = n.refs(aliases)
	}
	members := func(rows []tables.PartRule) (out []ref) {
		for i := range rows {
			out = append(out, n.ref(rows[i].Member))
		}
		return out
	}
	f.refs.cacheMembers, f.refs.reasonMembers, f.refs.hidesMembers = members(f.Cache), members(f.Reasons), members(f.HidesCache)
	return f
}

// builtIn are the families of the tables, in their order.
var builtIn = func() (list []*Family) {
	ready := map[*tables.Family]*Family{}
	for _, f := range tables.Families {
		ready[f] = (&Family{Family: f}).compile(known)
		list = append(list, ready[f])
	}
	for _, f := range list {
		f.adds = ready[f.Adds]
	}
	return list
}()

// applies reports whether a family's names mean anything on a record of an emitter.
func (f *candidate) applies(r *record, v verdict) bool {
	if !f.sure && ((f.bit != 0 && (r.own.marks|r.origin.index.marks)&f.bit == 0) || !f.marked(r)) {
		return false
	}
	if f.CallsOnly && v != call {
		return false
	}
	return !r.log || len(f.Events) == 0 || slices.Contains(f.Events, r.event)
}

func (f *Family) marked(r *record) bool {
	for i := range f.refs.marks {
		if r.is(&f.refs.marks[i]) {
			return true
		}
	}
	return false
}

// begins reports whether a record only begins a call, see Family.Answered.
func (f *Family) begins(r *record, c *usage.Call) bool {
	if len(f.refs.answered) == 0 || c.Failed || c.Role != usage.RoleCall || c.Tokens.Reported() {
		return false
	}
	for i := range f.refs.answered {
		if r.is(&f.refs.answered[i]) {
			return false
		}
	}
	return true
}

// lacks returns the quality flags that a record with usage gets for the known faults of its family's reports.
func (f *Family) lacks(r *record, c *usage.Call) (q usage.Quality) {
	if f.Runs {
		q |= usage.SeveralCalls
	}
	if f.Guesses && c.Failed {
		q |= usage.Estimated
	}
	const cache = usage.HasCacheRead | usage.HasCacheWrite
	if len(f.HidesCache) > 0 && c.Tokens.Fields&cache == 0 && f.part(f.HidesCache, f.refs.hidesMembers, r, r.rules(f, c.Provider)) != figures.Undecided {
		q |= usage.CacheMissing
	}
	if strings.HasPrefix(r.version, f.SumsVersion) {
		for i := range f.refs.sums {
			if r.is(&f.refs.sums[i]) {
				return q | usage.RunningSum
			}
		}
	}
	return q
}

// limited reports whether a family holds only for some scopes or where a mark is.
func (f *Family) limited() bool { return len(f.Scopes)+len(f.Marks) > 0 }

// own reports whether a family is of one emitter, so that a record of it is of that emitter even without figures.
func (f *Family) own() bool { return f.limited() || len(f.Events) > 0 }

// read reads a family's figures; some is false where there is none.
func (f *Family) read(r *record) (g figures.Figures, some bool) {
	if f.Disjoint != "" {
		return f.readDisjoint(r)
	}
	return f.readNamed(r)
}

// readNamed reads the figures under the family's names.
func (f *Family) readNamed(r *record) (g figures.Figures, some bool) {
	some = readOne(&g, r, figureInput, f.refs.input, &g.Input, usage.HasInput)
	some = readOne(&g, r, figureOutput, f.refs.output, &g.Output, usage.HasOutput) || some
	if !some && !g.Bad {
		return g, false
	}
	bad := g.Bad
	readOne(&g, r, figureCacheRead, f.refs.cacheRead, &g.CacheRead, usage.HasCacheRead)
	readOne(&g, r, figureCacheWrite, f.refs.cacheWrite, &g.CacheWrite, usage.HasCacheWrite)
	readOne(&g, r, figureWrite5m, f.refs.write5m, &g.CacheWrite5m, 0)
	readOne(&g, r, figureWrite1h, f.refs.write1h, &g.CacheWrite1h, usage.HasCacheWrite1h)
	readOne(&g, r, figureReasoning, f.refs.reasoning, &g.Reasoning, usage.HasReasoning)
	readOne(&g, r, figureExtraInput, f.refs.extraInput, &g.ExtraInput, 0)
	figuresBad := g.Bad
	g.HasTotal = readOne(&g, r, figureTotal, f.refs.total, &g.Total, 0)
	g.Bad = bad || figuresBad // a total that is no count only cannot help
	return g, true
}

// readOne reads a figure from the first alias that holds a count.
func readOne(f *figures.Figures, r *record, kind figureKind, aliases []ref, into *int64, field usage.TokenFields) bool {
	if (r.own.figures|r.origin.index.figures)&(1<<kind) == 0 {
		return false
	}
	for i := range aliases {
		n, is := r.countAt(&aliases[i])
		if is == value.Usable {
			*into = n
			f.Has |= field
			return true
		}
		f.Bad = f.Bad || is == value.Unusable
	}
	return false
}

// plainShapes are members by which a provider's own shape is known where disjoint buckets are the rule.
var plainShapes = []string{"prompt_tokens", "input_tokens_details", "output_tokens_details"}

// readDisjoint reads buckets of which none contains another; a plain provider's shape in the same
// place is read by the aliases. If the total is smaller than the sum of the buckets, they are not disjoint:
// the emitter has put inclusive figures there.
func (f *Family) readDisjoint(r *record) (g figures.Figures, some bool) {
	v, ok := r.own.get(f.refs.disjoint.id)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return g, false
	}
	for _, name := range plainShapes {
		if _, plain := jsontext.Member(v.Str(), name); plain {
			return f.readNamed(r)
		}
	}
	parts := int64(0)
	jsontext.Members(v.Str(), func(name, text string) {
		if text[0] == '{' || text[0] == '[' {
			return
		}
		n, is := value.Count(jsontext.Plain(text))
		if is != value.Usable {
			g.Bad = g.Bad || is == value.Unusable
			return
		}
		if name == "total" || name == "total_tokens" {
			g.Total, g.HasTotal = n, true
			return
		}
		part, known := addBucket(&g, name, n)
		parts, some = parts+part, some || known
	})
	if g.HasTotal && parts > 0 && g.Total == g.Input+g.Output-parts {
		g.Input -= g.CacheRead + g.CacheWrite
		g.Output -= g.Reasoning
	}
	g.HasTotal = false // it is used up
	g.Bad = g.Bad || g.Input > usage.MaxTokens || g.Output > usage.MaxTokens || g.Input < 0 || g.Output < 0
	if g.Bad && (g.Input < 0 || g.Output < 0 || g.Input > usage.MaxTokens || g.Output > usage.MaxTokens) {
		return figures.Figures{Bad: true}, true
	}
	return g, some || g.Bad
}

// addBucket adds one of the buckets that overlap in nothing to its whole, and to its part where it is one; part is n then.
func addBucket(g *figures.Figures, name string, n int64) (part int64, known bool) {
	cache := strings.Contains(name, "cache")
	switch {
	case strings.HasPrefix(name, "input") || strings.HasPrefix(name, "cache"):
		g.Input = usage.AddSat(g.Input, n)
		g.Has |= usage.HasInput
		if cache && (strings.Contains(name, "creation") || strings.Contains(name, "write")) {
			g.CacheWrite = usage.AddSat(g.CacheWrite, n)
			g.Has |= usage.HasCacheWrite
			if strings.HasSuffix(name, "_1h") {
				g.CacheWrite1h = usage.AddSat(g.CacheWrite1h, n)
				g.Has |= usage.HasCacheWrite1h
			}
			return n, true
		}
		if cache {
			g.CacheRead = usage.AddSat(g.CacheRead, n)
			g.Has |= usage.HasCacheRead
			return n, true
		}
		return 0, true
	case strings.HasPrefix(name, "output"):
		g.Output = usage.AddSat(g.Output, n)
		g.Has |= usage.HasOutput
		if strings.Contains(name, "reasoning") {
			g.Reasoning = usage.AddSat(g.Reasoning, n)
			g.Has |= usage.HasReasoning
			return n, true
		}
		return 0, true
	default:
		return 0, false
	}
}

// semantics is the attribute by which an emitter says itself what its input includes.
const semantics = "gen_ai.token.semantics"

var semanticsRef = refTo(semantics)

// part finds the first row that fits a record.
func (f *Family) part(rows []tables.PartRule, members []ref, r *record, provider string) figures.Rule {
	for i := range rows {
		row := &rows[i]
		if (row.Scope == "" || strings.Contains(r.plan.scope, row.Scope)) && (row.Provider == "" || row.Provider == provider) &&
			(row.Present == "" || r.hasPrefix(row.Present)) && (row.Model == "" || strings.Contains(r.model(f), row.Model)) &&
			(row.Member == "" || r.has(&members[i])) {
			return row.Is
		}
	}
	return figures.Undecided
}

// cacheRule finds whether the input of a record includes its cache: what it says itself, else its family's rows.
func (f *Family) cacheRule(r *record, provider string) figures.Rule {
	if v, ok := r.own.get(semanticsRef.id); ok {
		switch value.TextOf(v) {
		case "inclusive":
			return figures.Included
		case "exclusive":
			return figures.Excluded
		}
	}
	return f.part(f.Cache, f.refs.cacheMembers, r, provider)
}
