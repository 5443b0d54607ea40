package llmapi

import (
	"math"
	"slices"
	"strconv"
)

// figures are the token counts of one usage object, as the provider reports them.
type figures struct {
	count    [fTool + 1]int64 // by field, from fInput on
	reported uint32           // a bit for each field
	bad      bool             // a figure that cannot be a count was left out
	parts    modalities       // that are not text

	iteration     [fIterationCacheWrite1h + 1]int64
	isCompaction  bool
	extra         compactionTokens
	hasIterations bool
}

// compactionTokens are tokens that an Anthropic answer consumed for compaction, which its main figures leave out.
type compactionTokens struct{ input, output, cacheRead, cacheWrite, cacheWrite1h int64 }

func (f *figures) has(what Field) bool { return f.reported&(1<<what) != 0 }

func (f *figures) get(what Field) int64 { return f.count[what] }

// set stores a figure. NaN, negative numbers, fractions and numbers above maxTokens are rejected.
func (f *figures) set(what Field, raw []byte) {
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
	f.reported |= 1 << what
}

// count returns a figure, false where it cannot be a count of tokens.
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

// endIteration adds one entry of Anthropic's iterations. Entries of type "message" are in the main figures already; an
// advisor's entries are another model's and are not counted here.
func (f *figures) endIteration() {
	if f.isCompaction {
		f.extra.input = addSat(f.extra.input, f.iteration[fIterationInput])
		f.extra.output = addSat(f.extra.output, f.iteration[fIterationOutput])
		f.extra.cacheRead = addSat(f.extra.cacheRead, f.iteration[fIterationCacheRead])
		f.extra.cacheWrite = addSat(f.extra.cacheWrite, f.iteration[fIterationCacheWrite])
		f.extra.cacheWrite1h = addSat(f.extra.cacheWrite1h, f.iteration[fIterationCacheWrite1h])
	}
	f.iteration, f.isCompaction = [fIterationCacheWrite1h + 1]int64{}, false
}

// inputSide are the figures that a message_delta of Anthropic's repeats in full, or not at all.
var inputSide = []Field{fInput, fCacheRead, fCacheWrite, fCacheWrite5m, fCacheWrite1h}

// merge adds a later usage object of the same answer. The providers that send several report running totals, so that the
// later figure replaces the earlier.
func (f *figures) merge(later *figures) {
	f.bad = f.bad || later.bad
	f.parts.merge(&later.parts)
	skip := uint32(0)
	if !later.hasInputSide() { // compatible servers repeat the input side as zeros at the end
		for _, what := range inputSide {
			if f.get(what) > 0 {
				skip |= 1 << what
			}
		}
	}
	for what := fInput; what <= fTool; what++ {
		if later.has(what) && skip&(1<<what) == 0 {
			f.count[what] = later.count[what]
			f.reported |= 1 << what
		}
	}
	if later.hasIterations {
		f.extra, f.hasIterations = later.extra, true
	}
}

// hasInputSide reports whether a figure of the input side is above zero.
func (f *figures) hasInputSide() bool {
	return slices.ContainsFunc(inputSide, func(what Field) bool { return f.get(what) > 0 })
}
