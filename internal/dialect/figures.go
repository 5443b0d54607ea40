package dialect

import (
	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// rule says how parts stand to their whole, see tables.Rule.
type rule = tables.Rule

const (
	undecided = tables.Undecided
	included  = tables.Included
	excluded  = tables.Excluded
	byTotal   = tables.ByTotal
)

// figures are the token counts of one record as one family of attribute names tells them.
type figures struct {
	input, output, total, cacheRead, cacheWrite, reasoning, extraInput int64
	cacheWrite5m, cacheWrite1h                                         int64 // parts of cacheWrite
	has                                                                usage.TokenFields
	hasTotal                                                           bool
	bad                                                                bool // an attribute held something that is no count
	thinks                                                             bool // its provider is one of separate
}

// empty tells whether there is no figure but 0.
func (f *figures) empty() bool {
	return f.input|f.output|f.cacheRead|f.cacheWrite|f.reasoning|f.extraInput|f.cacheWrite5m|f.cacheWrite1h == 0
}

// tokens makes disjoint buckets of figures. The order of the rules is that of ACCOUNTING.md,
// section 2. What does not add up is left out, and ok is false.
//
// Figures that are all 0 are none: no model answers to nothing. Emitters write them of calls that failed
// (LiteLLM) and of streams that told no usage (Spring AI 1).
func (f figures) tokens(cache, reasoning rule) (t usage.Tokens, ok bool) {
	ok = !f.bad
	if f.empty() {
		return usage.Tokens{}, ok
	}
	if ttl := f.cacheWrite5m + f.cacheWrite1h; ttl > f.cacheWrite { // LangChain tells the parts, and 0 for the whole
		f.cacheWrite = ttl
		f.has |= usage.HasCacheWrite
	}
	cached := f.cacheRead + f.cacheWrite
	cacheAdds, reasoningAdds := cache == excluded, reasoning == excluded
	both := f.has&usage.HasInput != 0 && f.has&usage.HasOutput != 0
	capped := false
	if cache == byTotal {
		cache = undecided
		capped = f.hasTotal && both && f.total == f.input+f.output
	}
	if f.hasTotal && both {
		base := f.input + f.output + f.extraInput
		sum := func(c, r bool) bool {
			s := base
			if c {
				s += cached
			}
			if r {
				s += f.reasoning
			}
			return s == f.total
		}
		if reasoning == undecided && f.reasoning > 0 {
			// Does the total contain the reasoning beside the output, with or without the cache?
			reasoningAdds = !sum(cacheAdds, false) && (sum(cacheAdds, true) || (cache == undecided && sum(true, true)))
		} else if reasoning == excluded && sum(cacheAdds, false) {
			reasoningAdds = f.reasoning > 0 && sum(cacheAdds, true)
		}
		if cache == undecided && cached > 0 {
			cacheAdds = sum(true, reasoningAdds) && !sum(false, reasoningAdds)
		}
	}
	// A part is never larger than the whole.
	if cache == undecided && cached > f.input && !capped {
		cacheAdds = true
	}
	if reasoning == undecided && f.reasoning > f.output {
		reasoningAdds = true
	}

	if f.thinks && f.reasoning == 0 && f.hasTotal && both {
		whole := f.input + f.output + f.extraInput
		if cacheAdds {
			whole += cached
		}
		if rest := f.total - whole; rest > 0 && f.total <= usage.MaxTokens {
			f.output, f.reasoning = f.output+rest, rest
			f.has |= usage.HasReasoning
		}
	}

	t.Fields = f.has
	input, output := f.input+f.extraInput, f.output
	if f.has&usage.HasInput != 0 || cacheAdds {
		if cacheAdds {
			input += cached
			if cached > 0 {
				t.Fields |= usage.HasInput
			}
		}
	}
	if reasoningAdds {
		output += f.reasoning
		if f.reasoning > 0 {
			t.Fields |= usage.HasOutput
		}
	}
	t.InputUncached, t.CacheRead, t.CacheWrite = input-cached, f.cacheRead, f.cacheWrite
	t.CacheWrite1h = f.cacheWrite1h
	t.OutputText, t.Reasoning = output-f.reasoning, f.reasoning
	if t.InputUncached < 0 && capped {
		t.CacheRead = min(f.cacheRead, input)
		t.InputUncached, t.CacheWrite = 0, input-t.CacheRead
		ok = false
	}
	if t.InputUncached < 0 {
		t.InputUncached, t.CacheRead, t.CacheWrite, t.CacheWrite1h = input, 0, 0, 0
		t.Fields &^= usage.HasCacheRead | usage.HasCacheWrite | usage.HasCacheWrite1h
		ok = false
	}
	if t.OutputText < 0 {
		t.OutputText, t.Reasoning = output, 0
		t.Fields &^= usage.HasReasoning
		ok = false
	}
	if !t.Possible() {
		return usage.Tokens{}, false
	}
	return t, ok
}
