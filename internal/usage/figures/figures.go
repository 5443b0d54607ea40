// Package figures makes disjoint buckets of the token counts that APIs, and the telemetry of their clients, report. Some
// report the cache within the input and reasoning within the output, others beside them: here is the one rule that finds
// out which.
package figures

import "github.com/tokenboard/tokenboard/internal/usage"

// Figures are the token counts of one call as its emitter reports them.
type Figures struct {
	Input, Output, Total, CacheRead, CacheWrite, Reasoning int64
	ExtraInput                                             int64 // of the input, and not in Input
	CacheWrite5m, CacheWrite1h                             int64 // parts of CacheWrite

	Has      usage.TokenFields // which are reported
	HasTotal bool
	Bad      bool // an attribute has something that is no count
	// SeparateThoughts says that what the total has beyond input and output was reasoning that the emitter left out.
	SeparateThoughts bool
}

// empty reports whether there is no figure but 0.
func (f *Figures) empty() bool {
	return f.Input|f.Output|f.CacheRead|f.CacheWrite|f.Reasoning|f.ExtraInput|f.CacheWrite5m|f.CacheWrite1h == 0
}

// Tokens makes disjoint buckets. Figures that contradict each other are left out, and ok is false.
//
// Figures that are all 0 count as absent: no call uses 0 tokens. Emitters report them for failed calls (LiteLLM) and
// streams without usage (Spring AI 1).
func (f Figures) Tokens(cache, reasoning Rule) (t usage.Tokens, ok bool) {
	if f.empty() {
		return usage.Tokens{}, !f.Bad
	}
	if ttl := f.CacheWrite5m + f.CacheWrite1h; ttl > f.CacheWrite { // LangChain reports the parts, and 0 for the whole
		f.CacheWrite = ttl
		f.Has |= usage.HasCacheWrite
	}
	cached := f.CacheRead + f.CacheWrite
	const both = usage.HasInput | usage.HasOutput
	w := Whole{
		Input: f.Input, Output: f.Output, Cache: cached, Reasoning: f.Reasoning, ExtraInput: f.ExtraInput, Total: f.Total,
		HasTotal: f.HasTotal && f.Has&both == both,
	}
	cacheBeside, reasoningBeside := w.Decide(cache, reasoning)
	// A part is never larger than the whole.
	capped := cache == ByTotal && w.HasTotal && f.Total == f.Input+f.Output
	if (cache == Undecided || cache == ByTotal) && cached > f.Input && !capped {
		cacheBeside = true
	}
	if reasoning == Undecided && f.Reasoning > f.Output {
		reasoningBeside = true
	}
	if f.SeparateThoughts && f.Reasoning == 0 && w.HasTotal {
		f.addThoughts(cacheBeside, cached)
	}
	return f.divide(cacheBeside, reasoningBeside, capped)
}

// addThoughts takes what the total has beyond the other figures for reasoning.
func (f *Figures) addThoughts(cacheBeside bool, cached int64) {
	whole := f.Input + f.Output + f.ExtraInput
	if cacheBeside {
		whole += cached
	}
	if rest := f.Total - whole; rest > 0 && f.Total <= usage.MaxTokens {
		f.Output, f.Reasoning = f.Output+rest, rest
		f.Has |= usage.HasReasoning
	}
}

// divide makes buckets once it is known which figures include the parts. A capped cache is no larger than the input.
func (f *Figures) divide(cacheBeside, reasoningBeside, capped bool) (t usage.Tokens, ok bool) {
	ok = !f.Bad
	t.Fields = f.Has
	input, output, cached := f.Input+f.ExtraInput, f.Output, f.CacheRead+f.CacheWrite
	if cacheBeside {
		input += cached
		if cached > 0 {
			t.Fields |= usage.HasInput
		}
	}
	if reasoningBeside {
		output += f.Reasoning
		if f.Reasoning > 0 {
			t.Fields |= usage.HasOutput
		}
	}
	t.InputUncached, t.CacheRead, t.CacheWrite = input-cached, f.CacheRead, f.CacheWrite
	t.CacheWrite1h = f.CacheWrite1h
	t.OutputText, t.Reasoning = output-f.Reasoning, f.Reasoning
	if t.InputUncached < 0 && capped {
		t.CacheRead = min(f.CacheRead, input)
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
