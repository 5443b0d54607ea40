package cliproxyreceiver

import (
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// tokens are the raw figures, whose meaning depends on the upstream.
type tokens struct {
	Input       count `json:"input_tokens"`
	Output      count `json:"output_tokens"`
	Reasoning   count `json:"reasoning_tokens"`
	Cached      count `json:"cached_tokens"`
	CacheRead   count `json:"cache_read_tokens"`
	CacheSure   bool  `json:"cache_read_tokens_present"`
	CacheWrite  count `json:"cache_creation_tokens"`
	CacheWrite5 count `json:"cache_creation_5m_tokens"`
	CacheWrite1 count `json:"cache_creation_1h_tokens"`
	Total       count `json:"total_tokens"`
}

// buckets are the figures by kind, none inside another (since v7.2.97).
type buckets struct {
	Quality string `json:"quality"`
	Total   count  `json:"total_tokens"`
	Input   struct {
		Total    count `json:"total_tokens"`
		Uncached count `json:"uncached_tokens"`
		Read     count `json:"cache_read_tokens"`
		Write    count `json:"cache_write_tokens"`
	} `json:"input"`
	Output struct {
		Total     count `json:"total_tokens"`
		Plain     count `json:"non_reasoning_tokens"`
		Reasoning count `json:"reasoning_tokens"`
	} `json:"output"`
	Unclassified count `json:"unclassified_tokens"`
}

// usage returns the tokens of an attempt: the tokens of the buckets where they are complete and add up, else the raw
// figures by the rules of the upstream. The proxy writes 0 for what the upstream did not report, so that an attempt
// with only zeros has no usage.
func (e *event) usage() (usage.Tokens, usage.Quality) {
	t, q, ok := e.fromBuckets()
	if !ok {
		var raw usage.Quality
		t, raw = e.fromRaw()
		q |= raw
	}
	if r := e.Tokens; r != nil && r.CacheWrite1.here && t.CacheWrite > 0 { // the buckets have only the sum
		if t.CacheWrite1h = r.CacheWrite1.n; t.CacheWrite1h > t.CacheWrite {
			t.CacheWrite1h, q = 0, q|usage.Inconsistent
		} else {
			t.Fields |= usage.HasCacheWrite1h
		}
	}
	if !t.Possible() {
		return usage.Tokens{}, q | usage.Inconsistent | usage.NoUsage
	}
	if t.Total() == 0 {
		return usage.Tokens{}, q | usage.NoUsage
	}
	return t, q
}

// fromBuckets reads the buckets; false where the raw figures are to be used. Calls that the proxy marks as
// inconsistent stay so, whatever the raw figures are.
func (e *event) fromBuckets() (t usage.Tokens, q usage.Quality, ok bool) {
	b := e.Parts
	if b == nil || b.Quality == "" {
		return t, 0, false
	}
	if b.Quality == "inconsistent" {
		return t, usage.Inconsistent, false
	}
	all := []count{b.Total, b.Input.Total, b.Input.Uncached, b.Input.Read, b.Input.Write, b.Output.Total, b.Output.Plain, b.Output.Reasoning, b.Unclassified}
	for _, c := range all {
		if c.bad {
			return t, usage.Inconsistent, false
		}
	}
	if b.Total.n != b.Input.Total.n+b.Output.Total.n+b.Unclassified.n ||
		b.Input.Total.n != b.Input.Uncached.n+b.Input.Read.n+b.Input.Write.n ||
		b.Output.Total.n != b.Output.Plain.n+b.Output.Reasoning.n {
		return t, usage.Inconsistent, false
	}
	if b.Unclassified.n > 0 && b.Input.Total.n+b.Output.Total.n == 0 {
		return t, 0, false // no kind has a figure: the raw figures may have
	}
	if b.Unclassified.n > 0 {
		q = usage.Inconsistent // the kind of the rest is unknown; it is left out, which the flag shows
	}
	return usage.Tokens{
		InputUncached: b.Input.Uncached.n, CacheRead: b.Input.Read.n, CacheWrite: b.Input.Write.n,
		OutputText: b.Output.Plain.n, Reasoning: b.Output.Reasoning.n,
		Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasCacheWrite | usage.HasReasoning,
	}, q, true
}

// fromRaw reads the raw figures.
func (e *event) fromRaw() (t usage.Tokens, q usage.Quality) {
	r := e.Tokens
	if r == nil {
		return t, 0
	}
	for _, c := range []count{r.Input, r.Output, r.Reasoning, r.Cached, r.CacheRead, r.CacheWrite, r.CacheWrite5, r.CacheWrite1, r.Total} {
		if c.bad {
			q |= usage.Inconsistent
		}
	}
	kind := figuresOf(e)
	read, write, unclear := r.cache(kind)
	input, output, reasoning, cache := r.Input.n, r.Output.n, r.Reasoning.n, read+write+unclear
	cacheBeside, reasoningBeside, inconsistent := r.beside(kind, cache)
	if inconsistent {
		q |= usage.Inconsistent
	}
	if cacheBeside {
		input += cache
	}
	if reasoningBeside {
		output += reasoning
	}
	if unclear > 0 {
		q |= usage.Estimated // a part of the input that was either read or written, at very different prices
	}
	t = usage.Tokens{InputUncached: input - read - write, CacheRead: read, CacheWrite: write, OutputText: output - reasoning, Reasoning: reasoning}
	for _, f := range []struct {
		here bool
		bit  usage.TokenFields
	}{
		{r.Input.here || input > 0, usage.HasInput}, {r.Output.here || output > 0, usage.HasOutput}, {r.CacheRead.here || read > 0, usage.HasCacheRead},
		{r.CacheWrite.here || write > 0, usage.HasCacheWrite}, {r.Reasoning.here, usage.HasReasoning},
	} {
		if f.here {
			t.Fields |= f.bit
		}
	}
	return t, q
}

// beside reports whether the cached tokens are beside the input and the reasoning tokens beside the output, instead of
// within them, and whether the figures contradict each other. The total decides where the upstream's kind does not.
func (r *tokens) beside(kind figuresKind, cached int64) (cacheBeside, reasoningBeside, inconsistent bool) {
	reasoning := r.Reasoning.n
	w := figures.Whole{
		Input: r.Input.n, Output: r.Output.n, Cache: cached, Reasoning: reasoning,
		Total: r.Total.n, HasTotal: r.Total.here && r.Total.n > 0 && !r.Total.bad,
	}
	switch kind {
	case undecided:
		cacheBeside, reasoningBeside = w.Decide(figures.Undecided, figures.Undecided)
	case likeClaude: // it reports reasoning beside the output or within it
		cacheBeside, reasoningBeside = w.Decide(figures.Excluded, figures.Undecided)
	case likeGemini:
		reasoningBeside = true
	}
	// v6.10 to v7.2 total a Claude answer with or without its cache
	inconsistent = w.HasTotal && !w.Fits(cacheBeside, reasoningBeside) && (kind != likeClaude || !w.Fits(false, reasoningBeside))
	// A part is never larger than the whole.
	if cached > r.Input.n && !cacheBeside {
		cacheBeside, inconsistent = true, inconsistent || kind != undecided
	}
	if reasoning > r.Output.n && !reasoningBeside {
		reasoningBeside, inconsistent = true, inconsistent || kind != undecided
	}
	return cacheBeside, reasoningBeside, inconsistent
}

// cache returns the tokens that were read from and written to a cache, and those that were one of the two. cached_tokens
// repeats the reads; of a Claude answer without reads it repeats the writes, so that there it decides nothing by itself.
func (r *tokens) cache(kind figuresKind) (read, write, unclear int64) {
	read, write = r.CacheRead.n, r.CacheWrite.n
	if split := r.CacheWrite5.n + r.CacheWrite1.n; write == 0 {
		write = split
	}
	if read > 0 || write > 0 || r.Cached.n == 0 {
		return read, write, 0
	}
	switch {
	case kind != likeClaude:
		return r.Cached.n, 0, 0
	case r.CacheSure || r.CacheRead.here:
		return 0, r.Cached.n, 0
	}
	return 0, 0, r.Cached.n
}
