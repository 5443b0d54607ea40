package dialect

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Family is how one family of emitters names its figures: a row of knowledge. An alias is an
// attribute's name, or "attribute#path.inside" where the value is JSON, a Python dict or a key-value
// list (the attribute's own name may contain dots; the path is what follows the #). Of several
// aliases the first that holds a count is taken: a malformed one never hides a good one.
type Family struct {
	Name string

	// Scope and Event limit a family whose names are too plain to be unique: the scope name starts
	// with Scope; of log records, the event's name is one of Events.
	Scope  string
	Events []string

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
	// Facts are aliases that hold for this family only, before the general ones.
	Facts map[fact][]string
	// Operation is the operation's name where the record does not tell it.
	Operation string

	// CallEvents are log events that are calls even without usage (failed ones).
	CallEvents []string
}

// PartRule is a row of a family's inclusion rules. Empty conditions hold always.
type PartRule struct {
	Scope    string // the scope's name contains it
	Provider string // the provider, folded
	Present  string // an attribute whose name starts so is there
	Resource string // "name=value" of a resource attribute
	Is       rule
}

// families are tried in this order; the fullest reading wins, of equal ones the first.
var families = []*Family{
	&claudeCode, &geminiCLI, &codex, &genAI, &openInference, &vercelAI, &langfuse, &mlflow, &googleADK, &genkit,
}

// applies tells whether a family's names mean anything on a record.
func (f *Family) applies(r *record) bool {
	if f.Scope != "" && !strings.HasPrefix(r.scope, f.Scope) {
		return false
	}
	if len(f.Events) > 0 && r.log {
		for _, e := range f.Events {
			if r.event == e {
				return true
			}
		}
		return false
	}
	return true
}

// read reads a family's figures; some is false where there is none.
func (f *Family) read(r *record) (g figures, some bool) {
	if f.Disjoint != "" {
		return f.readDisjoint(r)
	}
	one := func(aliases []string, into *int64, field usage.TokenFields) bool {
		for _, alias := range aliases {
			n, is := r.count(alias)
			if is == usable {
				*into, some = n, true
				g.has |= field
				return true
			}
			if is == unusable {
				g.bad, some = true, true
			}
		}
		return false
	}
	one(f.Input, &g.input, usage.HasInput)
	one(f.Output, &g.output, usage.HasOutput)
	if !some {
		return g, false
	}
	bad := g.bad
	one(f.CacheRead, &g.cacheRead, usage.HasCacheRead)
	one(f.CacheWrite, &g.cacheWrite, usage.HasCacheWrite)
	one(f.CacheWrite5m, &g.cacheWrite5m, 0)
	one(f.CacheWrite1h, &g.cacheWrite1h, usage.HasCacheWrite1h)
	one(f.Reasoning, &g.reasoning, usage.HasReasoning)
	one(f.ExtraInput, &g.extraInput, 0)
	figuresBad := g.bad
	g.hasTotal = one(f.Total, &g.total, 0)
	g.bad = bad || figuresBad // a total that is no count only cannot help
	return g, true
}

// readDisjoint reads buckets of which none contains another; a plain provider's shape in the same
// place is read by the aliases.
func (f *Family) readDisjoint(r *record) (g figures, some bool) {
	v, ok := r.get(f.Disjoint)
	if !ok {
		return g, false
	}
	s, isText := v.(string)
	if !isText {
		return g, false
	}
	inner, ok := lookInText(s, nil)
	buckets, isMap := inner.(map[string]any)
	if !ok || !isMap {
		return g, false
	}
	if _, plain := buckets["prompt_tokens"]; plain {
		plainShape := *f
		plainShape.Disjoint = ""
		return plainShape.read(r)
	}
	for name, b := range buckets {
		n, is := count(b)
		if is != usable {
			g.bad = g.bad || is == unusable
			continue
		}
		some = true
		switch {
		case strings.HasPrefix(name, "input"):
			g.input += n
			g.has |= usage.HasInput
			if strings.Contains(name, "cache_creation") || strings.Contains(name, "cache_write") {
				g.cacheWrite += n
				g.has |= usage.HasCacheWrite
				if strings.HasSuffix(name, "_1h") {
					g.cacheWrite1h += n
					g.has |= usage.HasCacheWrite1h
				}
			} else if strings.Contains(name, "cache") {
				g.cacheRead += n
				g.has |= usage.HasCacheRead
			}
		case strings.HasPrefix(name, "output"):
			g.output += n
			g.has |= usage.HasOutput
			if strings.Contains(name, "reasoning") {
				g.reasoning += n
				g.has |= usage.HasReasoning
			}
		}
	}
	g.bad = g.bad || g.input > usage.MaxTokens || g.output > usage.MaxTokens
	return g, some
}

// part finds the first row that fits a record.
func part(rows []PartRule, r *record, provider string) rule {
	for _, row := range rows {
		if row.Scope != "" && !strings.Contains(r.scope, row.Scope) ||
			row.Provider != "" && row.Provider != provider ||
			row.Present != "" && !r.hasPrefix(row.Present) {
			continue
		}
		if name, value, ok := strings.Cut(row.Resource, "="); ok && text(r.resource(name)) != value {
			continue
		}
		return row.Is
	}
	return undecided
}
