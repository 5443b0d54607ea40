package dialect

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Family is how one family of emitters names its figures: a row of knowledge. An alias is an
// attribute's name, or "attribute#path.inside" where the value is JSON, a Python dict or a key-value
// list (the attribute's own name may contain dots; the path is what follows the #; a number in it is a place in a list).
// Of several aliases the first that holds a count is taken: a malformed one never hides a good one.
type Family struct {
	Name string

	// Scopes and Marks limit a family to its emitters: the scope's name starts with one of Scopes, or
	// one of Marks is there ("attribute", "attribute=value", "attribute^=beginning" or "resource:attribute=value"). Without
	// both it holds for any record. Of log records, the event's name must be one of Events, where there are some.
	Scopes []string
	Marks  []string
	Events []string
	// Adds is the family whose names an emitter uses, with rules or names of its own: where this family
	// applies it is read in the place of that one, its own names first.
	Adds *Family
	// CallsOnly limits a family to records that are known to be model calls: its names say little by themselves.
	CallsOnly bool

	Input, Output, Total, CacheRead, CacheWrite, Reasoning []string
	// CacheWrite5m and CacheWrite1h are the parts of CacheWrite by the time that they are kept.
	CacheWrite5m, CacheWrite1h []string
	// ExtraInput are figures that are part of the input but not told in Input.
	ExtraInput []string
	// Disjoint names an attribute with buckets that overlap in nothing: all that start with "input"
	// are input, all that start with "output" are output.
	Disjoint string

	// Cache and Reasons decide whether the whole includes the part; the first row that fits.
	Cache, Reasons []PartRule

	// Provider is what the emitter talks to where it does not say.
	Provider string
	// Facts are aliases that hold for this family only, before the general ones; an empty list says
	// that the general ones mislead.
	Facts map[fact][]string
	// Units are those of durations that are told in another unit here than elsewhere.
	Units map[string]time.Duration
	// Operation is the operation's name where the record does not tell it.
	Operation string
	// ZeroCost says that a reported cost of 0 is a price; elsewhere it means that none is known.
	ZeroCost bool

	// Sums are marks of which one is on a call that may be one of a tool loop where the emitter tells of each call
	// the sum of the loop so far: one of the versions of its scope that start with SumsVersion.
	Sums        []string
	SumsVersion string
	// HidesCache are rows that fit where the emitter leaves the cache out of the input, and may not tell it.
	HidesCache []PartRule
	// Runs says that a record is a run of one call or several.
	Runs bool
	// Guesses says that the figures of a call that failed are the emitter's estimate.
	Guesses bool

	// Answered are marks of which one is on a record of a call that was answered: without one, and without
	// usage or a failure, a record only begins a call that another one tells.
	Answered []string

	// CallEvents are log events that are calls even without usage (failed ones).
	CallEvents []string

	refs refs
	bit  uint64 // see nameInfo.families; 0 of a taught one, which is always asked
}

// refs are the names of a family, taken apart once.
type refs struct {
	marks, answered, sums                                                                []mark
	input, output, total, cacheRead, cacheWrite, write5m, write1h, reasoning, extraInput []ref
	facts                                                                                [factCount][]ref
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
	for what, aliases := range f.Facts {
		f.refs.facts[what] = n.refs(aliases)
	}
	members := func(rows []PartRule) (out []ref) {
		for i := range rows {
			out = append(out, n.ref(rows[i].Member))
		}
		return out
	}
	f.refs.cacheMembers, f.refs.reasonMembers, f.refs.hidesMembers = members(f.Cache), members(f.Reasons), members(f.HidesCache)
	return f
}

// PartRule is a row of a family's inclusion rules. Empty conditions hold always.
type PartRule struct {
	Scope    string // the scope's name contains it
	Provider string // the provider, folded
	Model    string // the model's name contains it
	Present  string // an attribute whose name starts so is there
	Member   string // an alias that is there
	Is       rule
}

// families are tried in this order; the fullest reading wins, of equal ones the first. Of the families
// that add to one other, the first that applies is read.
var families = withAdded(
	&claudeCode, &geminiCLI, &codex,
	&anthropicSDK, &litellm, &awsSDK, &contrib, &openLIT, &openLLMetry, &langSmith, &pydanticAI, &logfire, &springAI, &quarkus, &semanticKernel,
	&agentFramework, &strands, &adk, &mastra, &copilot, &openCode, &qwenCode, &openRouter, &bifrost, &cloudflare, &kong, &higress,
	&dify, &vllm, &rig, &genAI,
	&openInferenceBedrock, &openInferenceAgentSDK, &openInferenceLangChain, &openInference, &answers,
	&voltAgent, &vercelAI, &langfuse, &mlflow, &mlflowAnswers, &googleADK, &genkit, &haystack, &braintrust, &langWatch, &langtrace,
)

// withAdded puts the names that a family adds to behind its own, once for all.
func withAdded(list ...*Family) []*Family {
	for _, f := range list {
		if f.Adds == nil {
			f.compile(known)
			continue
		}
		for _, names := range []struct{ own, added *[]string }{
			{&f.Input, &f.Adds.Input}, {&f.Output, &f.Adds.Output}, {&f.Total, &f.Adds.Total}, {&f.CacheRead, &f.Adds.CacheRead},
			{&f.CacheWrite, &f.Adds.CacheWrite}, {&f.CacheWrite5m, &f.Adds.CacheWrite5m}, {&f.CacheWrite1h, &f.Adds.CacheWrite1h},
			{&f.Reasoning, &f.Adds.Reasoning},
		} {
			*names.own = slices.Concat(*names.own, *names.added)
		}
		f.compile(known)
	}
	return list
}

// applies tells whether a family's names mean anything on a record of an emitter.
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

// begins tells whether a record only begins a call, see Family.Answered.
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

// lacks gives the quality flags for what a family is known to tell otherwise than it is: of a record that bears usage.
func (f *Family) lacks(r *record, c *usage.Call) (q usage.Quality) {
	if f.Runs {
		q |= usage.SeveralCalls
	}
	if f.Guesses && c.Failed {
		q |= usage.Estimated
	}
	const cache = usage.HasCacheRead | usage.HasCacheWrite
	if len(f.HidesCache) > 0 && c.Tokens.Fields&cache == 0 && f.part(f.HidesCache, f.refs.hidesMembers, r, r.rules(f, c.Provider)) != undecided {
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

// limited tells whether a family holds only for some scopes or where a mark is.
func (f *Family) limited() bool { return len(f.Scopes)+len(f.Marks) > 0 }

// own tells whether a family is of one emitter, so that a record of it is of that emitter even without figures.
func (f *Family) own() bool { return f.limited() || len(f.Events) > 0 }

// read reads a family's figures; some is false where there is none.
func (f *Family) read(r *record) (g figures, some bool) {
	if f.Disjoint != "" {
		return f.readDisjoint(r)
	}
	some = g.one(r, figureInput, f.refs.input, &g.input, usage.HasInput)
	some = g.one(r, figureOutput, f.refs.output, &g.output, usage.HasOutput) || some
	if !some && !g.bad {
		return g, false
	}
	bad := g.bad
	g.one(r, figureCacheRead, f.refs.cacheRead, &g.cacheRead, usage.HasCacheRead)
	g.one(r, figureCacheWrite, f.refs.cacheWrite, &g.cacheWrite, usage.HasCacheWrite)
	g.one(r, figureWrite5m, f.refs.write5m, &g.cacheWrite5m, 0)
	g.one(r, figureWrite1h, f.refs.write1h, &g.cacheWrite1h, usage.HasCacheWrite1h)
	g.one(r, figureReasoning, f.refs.reasoning, &g.reasoning, usage.HasReasoning)
	g.one(r, figureExtraInput, f.refs.extraInput, &g.extraInput, 0)
	figuresBad := g.bad
	g.hasTotal = g.one(r, figureTotal, f.refs.total, &g.total, 0)
	g.bad = bad || figuresBad // a total that is no count only cannot help
	return g, true
}

// one reads a figure from the first alias that holds a count.
func (f *figures) one(r *record, kind figureKind, aliases []ref, into *int64, field usage.TokenFields) bool {
	if (r.own.figures|r.origin.index.figures)&(1<<kind) == 0 {
		return false
	}
	for i := range aliases {
		n, is := r.countAt(&aliases[i])
		if is == usable {
			*into = n
			f.has |= field
			return true
		}
		f.bad = f.bad || is == unusable
	}
	return false
}

// plainShapes are members by which a provider's own shape is known where disjoint buckets are the rule.
var plainShapes = []string{"prompt_tokens", "input_tokens_details", "output_tokens_details"}

// readDisjoint reads buckets of which none contains another; a plain provider's shape in the same
// place is read by the aliases. Buckets whose total leaves no room for the parts are no such buckets:
// somebody has put inclusive figures there.
func (f *Family) readDisjoint(r *record) (g figures, some bool) {
	v, ok := r.own.get(f.refs.disjoint.id)
	if !ok || v.Type() != pcommon.ValueTypeStr {
		return g, false
	}
	for _, name := range plainShapes {
		if _, plain := jsontext.Member(v.Str(), name); plain {
			plainShape := *f
			plainShape.Disjoint = ""
			return plainShape.read(r)
		}
	}
	parts := int64(0)
	jsontext.Members(v.Str(), func(name, text string) {
		if text[0] == '{' || text[0] == '[' {
			return
		}
		n, is := count(jsontext.Plain(text))
		if is != usable {
			g.bad = g.bad || is == unusable
			return
		}
		cache := strings.Contains(name, "cache")
		switch {
		case name == "total" || name == "total_tokens":
			g.total, g.hasTotal = n, true
			return
		case strings.HasPrefix(name, "input") || strings.HasPrefix(name, "cache"):
			g.input = usage.AddSat(g.input, n)
			g.has |= usage.HasInput
			if cache && (strings.Contains(name, "creation") || strings.Contains(name, "write")) {
				g.cacheWrite = usage.AddSat(g.cacheWrite, n)
				g.has |= usage.HasCacheWrite
				parts += n
				if strings.HasSuffix(name, "_1h") {
					g.cacheWrite1h = usage.AddSat(g.cacheWrite1h, n)
					g.has |= usage.HasCacheWrite1h
				}
			} else if cache {
				g.cacheRead = usage.AddSat(g.cacheRead, n)
				g.has |= usage.HasCacheRead
				parts += n
			}
		case strings.HasPrefix(name, "output"):
			g.output = usage.AddSat(g.output, n)
			g.has |= usage.HasOutput
			if strings.Contains(name, "reasoning") {
				g.reasoning = usage.AddSat(g.reasoning, n)
				g.has |= usage.HasReasoning
				parts += n
			}
		default:
			return
		}
		some = true
	})
	if g.hasTotal && parts > 0 && g.total == g.input+g.output-parts {
		g.input -= g.cacheRead + g.cacheWrite
		g.output -= g.reasoning
	}
	g.hasTotal = false // it has told what it can
	g.bad = g.bad || g.input > usage.MaxTokens || g.output > usage.MaxTokens || g.input < 0 || g.output < 0
	if g.bad && (g.input < 0 || g.output < 0 || g.input > usage.MaxTokens || g.output > usage.MaxTokens) {
		return figures{bad: true}, true
	}
	return g, some || g.bad
}

// semantics is the attribute by which an emitter says itself what its input includes.
const semantics = "gen_ai.token.semantics"

var semanticsRef = refTo(semantics)

// part finds the first row that fits a record.
func (f *Family) part(rows []PartRule, members []ref, r *record, provider string) rule {
	for i := range rows {
		row := &rows[i]
		if (row.Scope == "" || strings.Contains(r.plan.scope, row.Scope)) && (row.Provider == "" || row.Provider == provider) &&
			(row.Present == "" || r.hasPrefix(row.Present)) && (row.Model == "" || strings.Contains(r.model(f), row.Model)) &&
			(row.Member == "" || r.has(&members[i])) {
			return row.Is
		}
	}
	return undecided
}

// cacheRule finds whether the input of a record includes its cache: what it says itself, else its family's rows.
func (f *Family) cacheRule(r *record, provider string) rule {
	if v, ok := r.own.get(semanticsRef.id); ok {
		switch textOf(v) {
		case "inclusive":
			return included
		case "exclusive":
			return excluded
		}
	}
	return f.part(f.Cache, f.refs.cacheMembers, r, provider)
}
