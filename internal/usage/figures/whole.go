package figures

// Rule says how a part relates to its whole: the cache to the input, reasoning to the output.
type Rule uint8

const (
	// Undecided says that the arithmetic of the record decides, else the conventions (a part is included).
	Undecided Rule = iota
	// Included says that the whole includes the part, whatever the arithmetic says.
	Included
	// Excluded says that the part is to be added to the whole.
	Excluded
	// ByTotal is undecided, but where the total is input and output alone the whole includes the part even if the part is
	// larger. LangChain.js counts the cache of a stream twice (langchainjs#10249).
	ByTotal
)

// Whole has the figures of a call of which two may be parts: the input includes the cache or excludes it, and the
// output includes the reasoning or excludes it.
type Whole struct {
	Input, Output, Cache, Reasoning int64
	ExtraInput                      int64 // of the input, and not in Input
	Total                           int64
	HasTotal                        bool // the total is reported, and input and output, too
}

// Fits reports whether the figures add up to the total with the cache and the reasoning within their wholes or beside
// them.
func (w *Whole) Fits(cacheBeside, reasoningBeside bool) bool {
	sum := w.Input + w.Output + w.ExtraInput
	if cacheBeside {
		sum += w.Cache
	}
	if reasoningBeside {
		sum += w.Reasoning
	}
	return sum == w.Total
}

// Decide reports whether the input excludes the cache, and the output the reasoning: by the rules where they
// decide, else by the total. If neither decides, they are included. ByTotal is Undecided here.
func (w *Whole) Decide(cache, reasoning Rule) (cacheBeside, reasoningBeside bool) {
	cacheBeside, reasoningBeside = cache == Excluded, reasoning == Excluded
	if !w.HasTotal {
		return cacheBeside, reasoningBeside
	}
	openCache := cache == Undecided || cache == ByTotal
	switch {
	case w.Reasoning == 0 && reasoning == Undecided:
	case reasoning == Undecided:
		// Does the total contain the reasoning beside the output, with or without the cache?
		reasoningBeside = !w.Fits(cacheBeside, false) && (w.Fits(cacheBeside, true) || (openCache && w.Fits(true, true)))
	case reasoning == Excluded && w.Fits(cacheBeside, false):
		reasoningBeside = w.Reasoning > 0 && w.Fits(cacheBeside, true)
	}
	if openCache && w.Cache > 0 {
		cacheBeside = w.Fits(true, reasoningBeside) && !w.Fits(false, reasoningBeside)
	}
	return cacheBeside, reasoningBeside
}
