package tables

import (
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// Family is how one family of emitters names its figures: a row of knowledge. An alias is an attribute's name, or
// "attribute#path.inside" where the value is JSON, a Python dict or a key-value list (the attribute's own name may
// contain dots; the path is what follows the #; a number in it is a place in a list). If there are several aliases, the
// first that holds a count is taken: a malformed one never hides a good one.
type Family struct {
	Name string

	// Scopes and Marks limit a family to its emitters: the scope's name starts with one of Scopes, or one of Marks is
	// there ("attribute", "attribute=value", "attribute^=beginning" or "resource:attribute=value"). Without both it
	// holds for any record. A log record's event name must be one of Events, where there are some.
	Scopes []string
	Marks  []string
	Events []string
	// Adds is the family whose names an emitter uses, with rules or names of its own: where this family
	// applies it is read in the place of that one, its own names first.
	Adds *Family
	// CallsOnly limits a family to records that are known to be model calls: its names say little by themselves.
	CallsOnly bool

	Input, Output, Total, CacheRead, CacheWrite, Reasoning []string
	// CacheWrite5m and CacheWrite1h are the parts of CacheWrite by the time that they are kept.
	CacheWrite5m, CacheWrite1h []string
	// ExtraInput are figures that are part of the input but not in Input.
	ExtraInput []string
	// Disjoint names an attribute with buckets that overlap in nothing: all that start with "input"
	// are input, all that start with "output" are output.
	Disjoint string

	// Cache and Reasons decide whether the whole includes the part; the first row that fits.
	Cache, Reasons []PartRule

	// Provider is the provider of the emitter's calls where its telemetry names none.
	Provider string
	// Attributes are aliases that hold for this family only, before the general ones; an empty list says
	// that the general ones mislead.
	Attributes map[Attribute][]string
	// Units are the units of durations that this family reports in another unit than most.
	Units map[string]time.Duration
	// Operation is the operation's name where the record does not have it.
	Operation string
	// ZeroCost says that a reported cost of 0 is a price; elsewhere it means that none is known.
	ZeroCost bool

	// Sums are marks of which one is on a call that may be one of a tool loop where the emitter reports for each call
	// the sum of the loop so far: one of the versions of its scope that start with SumsVersion.
	Sums        []string
	SumsVersion string
	// HidesCache are rows that fit where the emitter leaves the cache out of the input, and may not report it.
	HidesCache []PartRule
	// Runs says that a record is a run of one call or several.
	Runs bool
	// Guesses says that the figures of a call that failed are the emitter's estimate.
	Guesses bool

	// Answered are marks of which one is on a record of a call that was answered: without one, and without
	// usage or a failure, a record only begins a call that another one reports.
	Answered []string

	// CallEvents are log events that are calls even without usage (failed ones).
	CallEvents []string
}

// PartRule is a row of a family's inclusion rules. Empty conditions hold always.
type PartRule struct {
	Scope    string // the scope's name contains it
	Provider string // the provider, mapped
	Model    string // the model's name contains it
	Present  string // an attribute whose name starts so is there
	Member   string // an alias that is there
	Is       figures.Rule
}

// Families are tried in this order; the fullest reading wins, or the first of equally full ones. If several families
// add to one other, only the first that applies is read.
var Families = withAdded(
	&claudeCode, &geminiCLI, &codex,
	&anthropicSDK, &litellm, &awsSDK, &contrib, &openLIT, &openLLMetry, &langSmith, &pydanticAI, &logfire, &springAI, &quarkus, &semanticKernel,
	&agentFramework, &strands, &adk, &mastra, &copilot, &openCode, &qwenCode, &openRouter, &bifrost, &cloudflare, &kong, &higress,
	&dify, &vllm, &rig, &genAI,
	&openInferenceBedrock, &openInferenceAgentSDK, &openInferenceLangChain, &openInference, &answers,
	&voltAgent, &vercelAI, &langfuse, &mlflow, &mlflowAnswers, &googleADK, &genkit, &haystack, &braintrust, &langWatch, &langtrace,
)

// withAdded puts the names that a family adds to behind its own, once for all.
func withAdded(list ...*Family) []*Family {
	for _, f := range list {
		if f.Adds == nil {
			continue
		}
		for _, names := range []struct{ own, added *[]string }{
			{&f.Input, &f.Adds.Input}, {&f.Output, &f.Adds.Output}, {&f.Total, &f.Adds.Total}, {&f.CacheRead, &f.Adds.CacheRead},
			{&f.CacheWrite, &f.Adds.CacheWrite}, {&f.CacheWrite5m, &f.Adds.CacheWrite5m}, {&f.CacheWrite1h, &f.Adds.CacheWrite1h},
			{&f.Reasoning, &f.Adds.Reasoning},
		} {
			*names.own = slices.Concat(*names.own, *names.added)
		}
	}
	return list
}
