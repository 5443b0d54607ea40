package proxytrace

import (
	"math"
	"strconv"
)

// figures are the token counts of one usage object, as the provider tells them.
type figures struct {
	count [fTool + 1]int64 // by field, from fInput on
	has   uint32           // a bit for each field that was told
	bad   bool             // a figure that cannot be was left out
	parts modalities       // that are not text

	iteration     [fIterationCacheWrite1h + 1]int64
	isCompaction  bool
	beside        figuresBeside
	hasIterations bool
}

// figuresBeside are tokens that an Anthropic answer spent on compaction, which its main figures leave out.
type figuresBeside struct{ input, output, cacheRead, cacheWrite, cacheWrite1h int64 }

func (f *figures) told(what field) bool { return f.has&(1<<what) != 0 }

func (f *figures) get(what field) int64 { return f.count[what] }

// set takes a figure. NaN, negatives, fractions and what is over maxTokens are no figures.
func (f *figures) set(what field, raw []byte) {
	if string(raw) == "null" {
		return
	}
	if isModality(what) {
		f.bad = !f.parts.set(what, raw) || f.bad
		return
	}
	n, ok := count(raw)
	if !ok {
		f.bad = true
		return
	}
	if what >= fIterationInput && what <= fIterationCacheWrite1h {
		f.iteration[what] = n
		return
	}
	f.count[what] = n
	f.has |= 1 << what
}

func count(raw []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || x != math.Trunc(x) || math.Abs(x) > float64(maxTokens) {
			return 0, false
		}
		n = int64(x)
	}
	return n, n >= 0 && n <= maxTokens
}

// endIteration takes one entry of Anthropic's iterations. Those of type "message" are in the main
// figures already; those of an advisor are another model's and are not counted here.
func (f *figures) endIteration() {
	if f.isCompaction {
		f.beside.input = addSat(f.beside.input, f.iteration[fIterationInput])
		f.beside.output = addSat(f.beside.output, f.iteration[fIterationOutput])
		f.beside.cacheRead = addSat(f.beside.cacheRead, f.iteration[fIterationCacheRead])
		f.beside.cacheWrite = addSat(f.beside.cacheWrite, f.iteration[fIterationCacheWrite])
		f.beside.cacheWrite1h = addSat(f.beside.cacheWrite1h, f.iteration[fIterationCacheWrite1h])
	}
	f.iteration, f.isCompaction = [fIterationCacheWrite1h + 1]int64{}, false
}

// inputSide are the figures that a message_delta of Anthropic's repeats in full, or not at all.
var inputSide = []field{fInput, fCacheRead, fCacheWrite, fCacheWrite5m, fCacheWrite1h}

// merge takes a later usage object of the same answer. Both providers that send several tell sums
// so far, so that the later figure replaces the earlier.
func (f *figures) merge(later *figures) {
	f.bad = f.bad || later.bad
	f.parts.merge(&later.parts)
	skip := uint32(0)
	if empty := func() bool {
		for _, what := range inputSide {
			if later.get(what) > 0 {
				return false
			}
		}
		return true
	}(); empty { // compatible servers repeat the input side as zeros at the end
		for _, what := range inputSide {
			if f.get(what) > 0 {
				skip |= 1 << what
			}
		}
	}
	for what := fInput; what <= fTool; what++ {
		if later.told(what) && skip&(1<<what) == 0 {
			f.count[what] = later.count[what]
			f.has |= 1 << what
		}
	}
	if later.hasIterations {
		f.beside, f.hasIterations = later.beside, true
	}
}

// tokens are an answer's figures by the conventions' rule: input with its cache, output with its reasoning.
type tokens struct {
	input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning int64

	has tokenFields // cacheWrite1h, the part of cacheWrite that is kept for an hour, among them
}

// tokens applies the rule of a provider's API.
func (f *figures) tokens(a API) (t tokens) {
	t.put(&t.input, hasInput, f, fInput)
	t.put(&t.output, hasOutput, f, fOutput)
	if f.told(fCacheRead) {
		t.put(&t.cacheRead, hasCacheRead, f, fCacheRead)
	} else {
		t.put(&t.cacheRead, hasCacheRead, f, fCacheReadAlias)
	}
	t.put(&t.cacheWrite, hasCacheWrite, f, fCacheWrite)
	t.put(&t.reasoning, hasReasoning, f, fReasoning)
	if family := a.family(); family != nil {
		family.rule(&t, f)
		return t
	}
	switch a {
	case AnthropicMessages, anthropicStreamOnVertex:
		t.anthropic(f)
	case GeminiGenerate, GeminiStreamGenerate, GeminiEmbed:
		t.gemini(f)
	default:
		t.openAI(f, a)
	}
	return t
}

func (t *tokens) put(into *int64, is tokenFields, f *figures, what field) {
	if f.told(what) {
		*into = f.get(what)
		t.has |= is
	}
}

// anthropic: input_tokens leaves out what the cache read and wrote.
func (t *tokens) anthropic(f *figures) {
	if !f.told(fCacheWrite) && (f.told(fCacheWrite5m) || f.told(fCacheWrite1h)) {
		t.cacheWrite = f.get(fCacheWrite5m) + f.get(fCacheWrite1h)
		t.has |= hasCacheWrite
	}
	t.put(&t.cacheWrite1h, hasCacheWrite1h, f, fCacheWrite1h)
	b := f.beside
	t.cacheRead += b.cacheRead
	t.cacheWrite += b.cacheWrite
	t.cacheWrite1h += b.cacheWrite1h
	t.output += b.output
	t.input += b.input
	if b.cacheRead > 0 {
		t.has |= hasCacheRead
	}
	if b.cacheWrite > 0 {
		t.has |= hasCacheWrite
	}
	if b.cacheWrite1h > 0 {
		t.has |= hasCacheWrite1h
	}
	if t.has&(hasInput|hasCacheRead|hasCacheWrite) != 0 {
		t.input += t.cacheRead + t.cacheWrite
		t.has |= hasInput
	}
}

// gemini: promptTokenCount has the cache but not the prompts of tools, candidatesTokenCount has no
// thoughts, unless the total says otherwise.
func (t *tokens) gemini(f *figures) {
	t.input += f.get(fTool)
	if f.told(fTool) {
		t.has |= hasInput
	}
	if t.reasoning > 0 && (!f.told(fTotal) || f.get(fTotal) != t.input+t.output || t.reasoning > t.output) {
		t.output += t.reasoning
		t.has |= hasOutput
	}
	if !f.told(fOutput) && f.told(fInput) && f.told(fTotal) && t.has&hasOutput == 0 && f.get(fTotal) == t.input {
		t.has |= hasOutput // nothing was generated: a blocked prompt, an embedding
	}
}

// openAI: the figures are by the conventions' rule already, except with compatible servers whose
// total says otherwise.
func (t *tokens) openAI(f *figures, a API) {
	total, cache := f.get(fTotal), t.cacheRead+t.cacheWrite
	if a == OpenAIEmbeddings && !f.told(fInput) && f.told(fTotal) {
		t.input = total // Voyage tells nothing else
		t.has |= hasInput
	}
	if t.reasoning > 0 && (t.reasoning > t.output || (f.told(fTotal) && total == t.input+t.output+t.reasoning)) {
		t.output += t.reasoning
	}
	if cache > 0 && (cache > t.input || (f.told(fTotal) && total == t.input+t.output+cache)) {
		t.input += cache
	}
}
