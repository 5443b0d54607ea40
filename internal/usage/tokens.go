package usage

// MaxTokens is the largest token count that is believed (2^53, the largest
// integer that survives a trip through JSON). Anything above it is not usage.
const MaxTokens = int64(1) << 53

// TokenFields says which of the five token figures a record reported. Absent is
// not zero: a call that reported nothing has no fields at all.
type TokenFields uint8

// The token figures that a record can report.
const (
	HasInput TokenFields = 1 << iota
	HasOutput
	HasCacheRead
	HasCacheWrite
	HasReasoning
)

// Tokens holds one call's tokens in disjoint buckets, so that no sum can be taken
// twice. The inclusive figures that people know (input with its cache, output with
// its reasoning) are computed by Input and Output.
type Tokens struct {
	InputUncached int64 // prompt tokens that were neither read from nor written to a cache
	CacheRead     int64 // prompt tokens served from a cache; part of Input
	CacheWrite    int64 // prompt tokens written to a cache; part of Input
	OutputText    int64 // generated tokens other than reasoning
	Reasoning     int64 // generated reasoning tokens; part of Output
	Fields        TokenFields
}

// Reported tells whether the record carried any usage at all.
func (t Tokens) Reported() bool { return t.Fields&(HasInput|HasOutput) != 0 }

// Input is all prompt tokens, cache reads and writes included.
func (t Tokens) Input() int64 { return t.InputUncached + t.CacheRead + t.CacheWrite }

// Output is all generated tokens, reasoning included.
func (t Tokens) Output() int64 { return t.OutputText + t.Reasoning }

// Total is Input plus Output.
func (t Tokens) Total() int64 { return t.Input() + t.Output() }
