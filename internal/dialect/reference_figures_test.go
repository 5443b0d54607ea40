package dialect

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"
	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

func (r *plainRecord) role(byNameOnly bool) verdict {
	for i := range tables.RoleRules {
		row := &tables.RoleRules[i]
		if !strings.HasPrefix(r.scope, row.Scope) || !strings.HasPrefix(r.name, row.Name) || !strings.Contains(r.name, row.Part) ||
			(byNameOnly && row.Attribute+row.Name+row.Part != "") {
			continue
		}
		name := r.name
		if row.Attribute != "" {
			if name = r.textAt(row.Attribute); name == "" || !strings.HasPrefix(name, row.Value) {
				continue
			}
		}
		if v, ok := row.Is[name]; ok {
			return v
		}
		if byNameOnly {
			continue
		}
		if v, ok := row.Is[strings.ToLower(name)]; ok {
			return v
		}
		if row.Else != unsaid && name != "" {
			return row.Else
		}
	}
	return unsaid
}

func (r *plainRecord) applies(f *Family, v verdict) bool {
	if f.limited() && !hasPrefix(r.scope, f.Scopes) && !slices.ContainsFunc(f.Marks, r.is) {
		return false
	}
	if f.CallsOnly && v != call {
		return false
	}
	return !r.log || len(f.Events) == 0 || slices.Contains(f.Events, r.event)
}

func (r *plainRecord) is(mark string) bool {
	name, wanted, valued := strings.Cut(mark, "=")
	v, _, ok := r.find(strings.TrimSuffix(name, "^"))
	if ok && strings.HasSuffix(name, "^") {
		return strings.HasPrefix(plainText(value.Raw(v)), wanted)
	}
	return ok && (!valued || plainText(value.Raw(v)) == wanted)
}

func (r *plainRecord) read(f *Family) (g figures.Figures, some bool) {
	if f.Disjoint != "" {
		v, _, ok := r.find(f.Disjoint)
		if !ok || v.Type() != pcommon.ValueTypeStr {
			return g, false
		}
		if !slices.ContainsFunc(plainShapes, func(name string) bool { _, is := jsontext.Member(v.Str(), name); return is }) {
			return f.readDisjoint(r.nested)
		}
	}
	one := func(aliases []string, into *int64, field usage.TokenFields) bool {
		for _, alias := range aliases {
			n, is := r.count(alias)
			if is == value.Usable {
				*into, some = n, true
				g.Has |= field
				return true
			}
			if is == value.Unusable {
				g.Bad, some = true, true
			}
		}
		return false
	}
	one(f.Input, &g.Input, usage.HasInput)
	one(f.Output, &g.Output, usage.HasOutput)
	if !some {
		return g, false
	}
	one(f.CacheRead, &g.CacheRead, usage.HasCacheRead)
	one(f.CacheWrite, &g.CacheWrite, usage.HasCacheWrite)
	one(f.CacheWrite5m, &g.CacheWrite5m, 0)
	one(f.CacheWrite1h, &g.CacheWrite1h, usage.HasCacheWrite1h)
	one(f.Reasoning, &g.Reasoning, usage.HasReasoning)
	one(f.ExtraInput, &g.ExtraInput, 0)
	bad := g.Bad
	g.HasTotal = one(f.Total, &g.Total, 0)
	g.Bad = bad
	return g, true
}

func (r *plainRecord) part(f *Family, rows []tables.PartRule, provider string) figures.Rule {
	for i := range rows {
		row := &rows[i]
		present := row.Present == ""
		for k := range r.attrs.All() {
			present = present || strings.HasPrefix(k, row.Present)
		}
		model := ""
		for _, what := range []tables.Attribute{tables.ResponseModel, tables.Model, tables.RequestModel} {
			if model == "" {
				model = r.text(f, what)
			}
		}
		_, member := r.get(row.Member)
		if strings.Contains(r.scope, row.Scope) && (row.Provider == "" || row.Provider == provider) && present &&
			strings.Contains(model, row.Model) && (row.Member == "" || member) {
			return row.Is
		}
	}
	return figures.Undecided
}

// implied is what the names in a record imply of the provider.
func (r *plainRecord) implied(f *Family) (provider, model string) {
	for _, what := range []tables.Attribute{tables.ResponseModel, tables.Model, tables.RequestModel} {
		if model == "" {
			model = r.text(f, what)
		}
	}
	if provider = providers.OfModel(r.textAt("litellm.provider.model")); provider == "" {
		provider = providers.Of(model, r.text(f, tables.ResponseID))
	}
	return provider, model
}

func (r *plainRecord) figures(c *usage.Call, v verdict) (best *Family) {
	bad := false
	var bestFull int64 = -1
	var added *Family
	for _, f := range builtIn {
		if (added != nil && (f == added || f.adds == added)) || !r.applies(f, v) {
			continue
		}
		if f.adds != nil {
			added = f.adds
		}
		if best == nil && (f.limited() || r.log && len(f.Events) > 0) {
			best, r.owner = f, f
		}
		g, some := r.read(f)
		if !some {
			continue
		}
		provider := c.Provider
		if provider == "" {
			provider = f.Provider
		}
		implied, model := r.implied(f)
		provider = providers.Rules(provider, implied, model)
		g.SeparateThoughts = providers.SeparatesThoughts(provider)
		cache := r.part(f, f.Cache, provider)
		switch r.textAt(semantics) {
		case "inclusive":
			cache = figures.Included
		case "exclusive":
			cache = figures.Excluded
		}
		t, ok := g.Tokens(cache, r.part(f, f.Reasons, provider))
		if !t.Reported() {
			bad = bad || !ok
			continue
		}
		if full := fullness(t, ok); full > bestFull {
			bestFull, best, c.Tokens = full, f, t
			bad = !ok
		}
	}
	if bad {
		c.Quality |= usage.Inconsistent
	}
	return best
}

func (r *plainRecord) modalities(c *usage.Call) {
	var m usage.Modalities
	for i := range tables.Modalities {
		for _, alias := range tables.Modalities[i].Aliases {
			if n, is := r.count(alias); is == value.Usable {
				*tables.Modalities[i].At(&m) = n
				break
			}
		}
	}
	switch {
	case m.IsZero() || !c.Tokens.Reported():
	case !m.Fit(c.Tokens):
		c.Quality |= usage.Inconsistent
	default:
		c.Modalities = m
	}
}

func (r *plainRecord) provider() string {
	for _, alias := range tables.Attributes[tables.Provider] {
		name := r.textAt(alias)
		if name == "" || strings.EqualFold(name, "unknown") {
			continue
		}
		service := ""
		if v, ok := lastOf(r.res, "service.name"); ok {
			service = plainText(value.Raw(v))
		}
		if mapped := providers.Map(name); mapped != "" && (providers.IsKnown(mapped) || !strings.EqualFold(name, service)) {
			return plainClean(mapped)
		}
	}
	return ""
}
