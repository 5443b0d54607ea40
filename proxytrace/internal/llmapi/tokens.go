package llmapi

import "math"

// TokenFields is the set of figures that an answer reported. Absent is not zero.
type TokenFields uint8

// The figures of Tokens.
const (
	HasInput TokenFields = 1 << iota
	HasOutput
	HasCacheRead
	HasCacheWrite
	HasReasoning
	HasCacheWrite1h
)

// maxTokens is the largest figure of one call that is accepted, 2^40: Tokenboard rejects larger ones.
const maxTokens = int64(1) << 40

// Tokens are an answer's figures as the conventions define them: input with its cache, output with its reasoning.
type Tokens struct {
	Input, Output, CacheRead, CacheWrite, Reasoning int64

	CacheWrite1h int64 // the part of CacheWrite that is kept for an hour
	Reported     TokenFields

	Parts        [PartCount]int64 // of input, output and cache reads, that are not text; 0 where not reported
	AudioSeconds float64          // duration of the transcribed audio, where the provider bills by it; 0 where not reported
}

// Has reports whether the answer has a figure.
func (t *Tokens) Has(f TokenFields) bool { return t.Reported&f != 0 }

// Tokens returns the answer's figures.
func (r *Answer) Tokens() (t Tokens) {
	f := r.figures // a rule may complete its parts
	t.put(&t.Input, HasInput, &f, fInput)
	t.put(&t.Output, HasOutput, &f, fOutput)
	if f.has(fCacheRead) {
		t.put(&t.CacheRead, HasCacheRead, &f, fCacheRead)
	} else {
		t.put(&t.CacheRead, HasCacheRead, &f, fCacheReadAlias)
	}
	t.put(&t.CacheWrite, HasCacheWrite, &f, fCacheWrite)
	t.put(&t.Reasoning, HasReasoning, &f, fReasoning)
	r.spec.tokens(&t, &f)
	t.putParts(&f.parts)
	return t
}

func (t *Tokens) put(into *int64, is TokenFields, f *figures, what Field) {
	if f.has(what) {
		*into = f.get(what)
		t.Reported |= is
	}
}

// anthropicTokens: input_tokens excludes what the cache read and wrote.
func anthropicTokens(t *Tokens, f *figures) {
	if !f.has(fCacheWrite) && (f.has(fCacheWrite5m) || f.has(fCacheWrite1h)) {
		t.CacheWrite = f.get(fCacheWrite5m) + f.get(fCacheWrite1h)
		t.Reported |= HasCacheWrite
	}
	t.put(&t.CacheWrite1h, HasCacheWrite1h, f, fCacheWrite1h)
	x := f.extra
	t.CacheRead += x.cacheRead
	t.CacheWrite += x.cacheWrite
	t.CacheWrite1h += x.cacheWrite1h
	t.Output += x.output
	t.Input += x.input
	if x.cacheRead > 0 {
		t.Reported |= HasCacheRead
	}
	if x.cacheWrite > 0 {
		t.Reported |= HasCacheWrite
	}
	if x.cacheWrite1h > 0 {
		t.Reported |= HasCacheWrite1h
	}
	if t.Has(HasInput | HasCacheRead | HasCacheWrite) {
		t.Input += t.CacheRead + t.CacheWrite
		t.Reported |= HasInput
	}
}

// geminiTokens: promptTokenCount includes the cache but not the prompts of tools, candidatesTokenCount has no thoughts,
// unless the total shows that it does.
func geminiTokens(t *Tokens, f *figures) {
	t.Input += f.get(fTool)
	if f.has(fTool) {
		t.Reported |= HasInput
	}
	if t.Reasoning > 0 && (!f.has(fTotal) || f.get(fTotal) != t.Input+t.Output || t.Reasoning > t.Output) {
		t.Output += t.Reasoning
		t.Reported |= HasOutput
	}
	if !f.has(fOutput) && f.has(fInput) && f.has(fTotal) && !t.Has(HasOutput) && f.get(fTotal) == t.Input {
		t.Reported |= HasOutput // nothing was generated: a blocked prompt, an embedding
	}
}

// openAITokens converts OpenAI's figures. They follow the conventions already, except for compatible servers whose
// total shows that reasoning or cache are beside output or input.
func openAITokens(t *Tokens, f *figures) {
	total, cache := f.get(fTotal), t.CacheRead+t.CacheWrite
	if t.Reasoning > 0 && (t.Reasoning > t.Output || (f.has(fTotal) && total == t.Input+t.Output+t.Reasoning)) {
		t.Output += t.Reasoning
	}
	if cache > 0 && (cache > t.Input || (f.has(fTotal) && total == t.Input+t.Output+cache)) {
		t.Input += cache
	}
}

// embeddingTokens: Voyage reports the total only.
func embeddingTokens(t *Tokens, f *figures) {
	if !f.has(fInput) && f.has(fTotal) {
		t.Input = f.get(fTotal)
		t.Reported |= HasInput
	}
	openAITokens(t, f)
}

// addSat returns a + b, or math.MaxInt64 where that overflows. Neither is negative.
func addSat(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
