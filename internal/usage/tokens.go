package usage

// MaxTokens is the largest token count of one call that is believed, of each figure and in total: 2^40,
// which no model reaches in ten years. Anything above it is not usage. Eight million such calls add up in
// 64 bits.
const MaxTokens = int64(1) << 40

// MaxExact is the largest integer that survives a trip through JSON, 2^53: limits that people set go so far.
const MaxExact = int64(1) << 53

// TokenFields says which of the token figures a record reported. Absent is
// not zero: a call that reported nothing has no fields at all.
type TokenFields uint8

// The token figures that a record can report.
const (
	HasInput TokenFields = 1 << iota
	HasOutput
	HasCacheRead
	HasCacheWrite
	HasReasoning
	HasCacheWrite1h
)

// Tokens holds one call's tokens in disjoint buckets, so that no sum can be taken
// twice; only CacheWrite1h is a part of another bucket. The inclusive figures that people know
// (input with its cache, output with its reasoning) are computed by Input and Output.
type Tokens struct {
	InputUncached int64 // prompt tokens that were neither read from nor written to a cache
	CacheRead     int64 // prompt tokens served from a cache; part of Input
	CacheWrite    int64 // prompt tokens written to a cache; part of Input
	OutputText    int64 // generated tokens other than reasoning
	Reasoning     int64 // generated reasoning tokens; part of Output
	// CacheWrite1h is the part of CacheWrite that is kept for an hour, which costs more than the usual
	// five minutes. It is in CacheWrite already and never added to a sum.
	CacheWrite1h int64
	Fields       TokenFields
}

// plus adds figures; Fields stay.
func (t Tokens) plus(o Tokens) Tokens {
	for i, n := range o.counts() {
		*t.counts()[i] += *n
	}
	return t
}

// minus takes figures away, which may leave negative ones; Fields stay.
func (t Tokens) minus(o Tokens) Tokens {
	for i, n := range o.counts() {
		*t.counts()[i] -= *n
	}
	return t
}

func (t *Tokens) counts() [6]*int64 {
	return [6]*int64{&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.CacheWrite1h, &t.OutputText, &t.Reasoning}
}

// Reported reports whether the record carried any usage at all.
func (t Tokens) Reported() bool { return t.Fields&(HasInput|HasOutput) != 0 }

// Input is all prompt tokens, cache reads and writes included.
func (t Tokens) Input() int64 { return AddSat(AddSat(t.InputUncached, t.CacheRead), t.CacheWrite) }

// Output is all generated tokens, reasoning included.
func (t Tokens) Output() int64 { return AddSat(t.OutputText, t.Reasoning) }

// Total is Input plus Output.
func (t Tokens) Total() int64 { return AddSat(t.Input(), t.Output()) }

// Possible reports whether these can be the tokens of one call: no figure is negative, and none and no sum
// of them is over MaxTokens.
func (t Tokens) Possible() bool {
	return min(t.InputUncached, t.CacheRead, t.CacheWrite, t.CacheWrite1h, t.OutputText, t.Reasoning) >= 0 &&
		t.CacheWrite1h <= MaxTokens && t.Total() <= MaxTokens
}

// Modalities are the tokens of a call that are not text, where it reports them. Each is a part of the
// figure that it is named after (AudioCacheRead of CacheRead, and of AudioInput too) and is never
// added to anything: only prices ask for it.
type Modalities struct {
	AudioInput, AudioCacheRead, AudioOutput int64
	ImageInput, ImageCacheRead, ImageOutput int64
	VideoInput, VideoOutput                 int64
}

// IsZero reports whether a call has nothing but text.
func (m Modalities) IsZero() bool { return m == Modalities{} }

// Fit reports whether the parts can be parts of a call's tokens.
func (m Modalities) Fit(t Tokens) bool {
	cached := AddSat(m.AudioCacheRead, m.ImageCacheRead)
	return AddSat(AddSat(m.AudioInput, m.ImageInput), m.VideoInput) <= t.Input() && AddSat(AddSat(m.AudioOutput, m.ImageOutput), m.VideoOutput) <= t.Output() &&
		m.AudioCacheRead <= m.AudioInput && m.ImageCacheRead <= m.ImageInput && cached <= t.CacheRead
}
