package usage

import (
	"encoding/hex"
	"time"
)

// TraceID is OpenTelemetry's identifier of a trace; all zero means absent.
type TraceID [16]byte

// SpanID is OpenTelemetry's identifier of a span; all zero means absent.
type SpanID [8]byte

// IsZero reports whether the identifier is absent.
func (t TraceID) IsZero() bool { return t == TraceID{} }

// IsZero reports whether the identifier is absent.
func (s SpanID) IsZero() bool { return s == SpanID{} }

// String returns lower-case hex, or "" where absent.
func (t TraceID) String() string {
	if t.IsZero() {
		return ""
	}
	return hex.EncodeToString(t[:])
}

// String returns lower-case hex, or "" where absent.
func (s SpanID) String() string {
	if s.IsZero() {
		return ""
	}
	return hex.EncodeToString(s[:])
}

// ID is the identity of a record: trace id and span id of a span; of a log record, a
// hash of what makes it unique. Two deliveries with one ID are one record.
type ID [24]byte

// SpanRecordID is the identity of a span.
func SpanRecordID(t TraceID, s SpanID) ID {
	var id ID
	copy(id[:16], t[:])
	copy(id[16:], s[:])
	return id
}

// String returns 48 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String returns.
func ParseID(s string) (ID, bool) {
	var id ID
	if len(s) != 2*len(id) {
		return id, false
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, false
	}
	return id, true
}

// Signal is the kind of OTLP record a call came as.
type Signal uint8

// The kinds of record that carry calls. Metrics never do: they would count a call again.
const (
	SignalSpan Signal = iota // a span; its ID is SpanRecordID of its ids, which are both there
	SignalLog                // a log record, or a broken span without ids: it has no place in a trace
)

// Role is the role of a record in the accounting of its trace.
type Role uint8

const (
	// RoleNone is a span without usage that is no model call: only its place in the
	// trace matters.
	RoleNone Role = iota
	// RoleCall is a model call, with or without usage.
	RoleCall
	// RoleAggregate is an agent, chain or workflow that has usage: it counts only
	// where nothing below it does.
	RoleAggregate
	// RoleTool is a tool execution: a model call inside it is not the model call
	// around it. Like an aggregate where it has usage.
	RoleTool
)

// Quality flags say what keeps a record from being perfect.
type Quality uint16

// The quality flags, with the names that Names returns.
const (
	NoUsage            Quality = 1 << iota // the record reported no token figures
	Inconsistent                           // figures that cannot be (NaN, negative, over MaxTokens or MaxCost, do not add up) were left out
	Estimated                              // the emitter says that it estimated
	Unpriced                               // no price is known for the model at that time
	ReportedCost                           // the cost is the one that the telemetry reported
	RunningSum                             // the emitter reports the sum of a tool loop so far; see Before
	CacheMissing                           // the emitter leaves the cache out of the input and does not report it: the input lacks it
	SeveralCalls                           // the record covers a run of calls that are not reported individually
	TierUnpriced                           // no price is known for the service tier: the cost is that of the standard tier
	ConfiguredProvider                     // the provider is a name from a gateway's configuration: the price is that of the model's name
)

var qualityNames = [...]string{
	"no_usage", "inconsistent", "estimated", "unpriced", "reported_cost", "running_sum", "cache_missing", "several_calls",
	"tier_unpriced", "configured_provider",
}

// Names lists the flags that are set, in a fixed order; never nil.
func (q Quality) Names() []string {
	names := []string{}
	for i, n := range qualityNames {
		if q&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// ParseQuality is the reverse of Names; unknown names are left out.
func ParseQuality(names []string) Quality {
	var q Quality
	for _, n := range names {
		for i, known := range qualityNames {
			if n == known {
				q |= 1 << i
			}
		}
	}
	return q
}

// Tristate is a boolean that may be unknown.
type Tristate uint8

// The values of a Tristate.
const (
	Unknown Tristate = iota
	No
	Yes
)

// MaxErrorMessage bounds the message of a failed call, in bytes.
const MaxErrorMessage = 512

// Call is one record of a model call, as one emitter reported it on one signal. Which
// records of one call count is for the ledger to say.
type Call struct {
	ID     ID
	Trace  TraceID
	Span   SpanID // of a log record: the span it was written in
	Parent SpanID // of a span; zero for roots and log records
	Signal Signal
	Role   Role // RoleCall, RoleAggregate or RoleTool

	// SignalGroup names the emitter's session within which a more complete kind of record may report
	// the same calls; Echo says that this record is of the less full kind, which
	// counts only while its group has no record of the more complete one. Empty: no such rule.
	SignalGroup     string
	SecondarySignal bool

	Start    time.Time     // UTC
	Duration time.Duration // 0 where unknown
	TTFT     time.Duration // time to first token, 0 where unknown
	Stream   Tristate

	Operation    string // gen_ai.operation.name: chat, embeddings, ...
	Provider     string // gen_ai.provider.name, mapped to the conventions' values
	RequestModel string
	Model        string // the responding model, else the requested one
	Tier         Tier   // the service tier of the answer, else the requested one

	KeyFingerprint string // see Fingerprint; "" where no key was seen
	KeyDisplay     string
	User           string
	Service        string
	Environment    string
	Project        string
	Session        string
	Account        string // the upstream account that served the call, see AccountDisplay

	Method    string // HTTP method
	Path      string // HTTP route or path, without query
	Status    int    // HTTP status code, 0 where unknown
	ErrorType string // error.type; "" for success
	Failed    bool
	// ErrorMessage is what the emitter said of the failure, without secrets, addresses and what was asked: at most
	// MaxErrorMessage bytes. "" for success, and where it said nothing.
	ErrorMessage string

	ResponseID string // the provider's id of the answer: identity across traces and signals
	RequestID  string // the provider's or emitter's id of the request: likewise
	Scope      string // instrumentation scope
	Process    uint64 // hash of the resource attributes that distinguish one process from another

	Tokens     Tokens
	Modalities Modalities
	// Before has the tokens of the earlier calls of the tool loop, if the record reports the sum so far
	// (RunningSum); Tokens is then the difference. The ledger sets it.
	Before       Tokens
	ReportedCost NanoUSD // what the telemetry says the call cost, valid if HasReportedCost
	Cost         NanoUSD // what it is shown to cost, valid unless Unpriced is set
	PriceVersion string  // the price book that gave Cost; "" where the telemetry did, or where it is not known

	HasReportedCost bool
	Quality         Quality
	// Inherited says which facts the record has from another record of its call. The ledger sets it.
	Inherited Inherited
}

// RejectImpossible leaves out what no call can have spent, see Tokens.Possible and NanoUSD.Possible, and notes that in
// Quality. Decoders have done so already; the ledger makes sure.
func (c *Call) RejectImpossible() {
	if !c.Tokens.Possible() {
		c.Tokens, c.Modalities = Tokens{}, Modalities{}
		c.Quality |= Inconsistent
	}
	if !c.ReportedCost.Possible() {
		c.ReportedCost, c.HasReportedCost = 0, false
		c.Quality |= Inconsistent
	}
}

// Deduct makes Tokens what the record reports less what calls before it spent, and reports whether that is possible:
// where a figure would be negative nothing is deducted.
func (c *Call) Deduct(before Tokens) bool {
	before.Fields = 0
	reported := c.Tokens.plus(c.Before)
	rest := reported.minus(before)
	if !rest.Possible() {
		c.Tokens, c.Before = reported, Tokens{}
		return false
	}
	c.Tokens, c.Before = rest, before
	return true
}

// SpanParent is the place of a span in its trace. Spans that are no calls send only this, so
// that a call finds its ancestors across foreign spans.
type SpanParent struct {
	Trace  TraceID
	Span   SpanID
	Parent SpanID
	Tool   bool // a tool execution, see RoleTool
}

// Batch is the content of one export request: it is committed as a whole or not at all.
type Batch struct {
	Calls   []Call
	Parents []SpanParent
}

// CostKnown reports whether what a call cost is known: not where its model has no price or it has no usage.
func (c *Call) CostKnown() bool {
	return c.HasReportedCost || (c.Tokens.Reported() && c.Quality&Unpriced == 0)
}
