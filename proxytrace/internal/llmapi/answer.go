package llmapi

import (
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// Answer holds the values read from the answer to one call. It is the sink of a scanner with the API's tree.
type Answer struct {
	spec    *Spec
	figures figures // of the usage objects that were read completely
	pending figures // of the one that is being read

	Model      string
	ID         string
	Tier       string   // service tier
	RawTier    []byte   // the tier as it is between its quotes; empty where it is no text
	Finishes   []string // finish reasons, at most maxFinishes
	Status     string   // of a response or batch
	Background bool     // the response runs in the background
	Ended      bool     // the provider has reported the end of a stream

	object                            string // the kind of the object that the answer is
	errorType, errorCode, errorStatus string
}

const maxFinishes = 16

// NewAnswer returns an answer of an API of which nothing has been read.
func NewAnswer(a API) Answer { return Answer{spec: SpecOf(a)} }

// Begin is called by the scanner.
func (r *Answer) Begin(f Field, array bool) {
	switch {
	case isUsageObject(f) && !array:
		r.pending = figures{}
	case f == fIterations && array:
		r.pending.extra, r.pending.hasIterations = compactionTokens{}, true
	}
}

// End is called by the scanner.
func (r *Answer) End(f Field, array bool) {
	switch {
	case isUsageObject(f) && !array:
		r.Ended = r.Ended || f == fMetrics
		bad := r.figures.bad || r.pending.bad
		switch {
		case r.spec.merges:
			r.figures.merge(&r.pending)
		case r.pending.reported != 0 || r.pending.parts.seconds > 0:
			r.figures = r.pending
		}
		r.figures.bad, r.pending = bad, figures{}
	case f == fIterations && !array:
		r.pending.endIteration()
	}
}

func isUsageObject(f Field) bool { return f == fUsage || f == fMetrics }

// Scalar is called by the scanner.
func (r *Answer) Scalar(f Field, raw []byte, quoted bool) {
	if f >= fInput && f <= fTool || f >= fIterationInput && f <= fIterationCacheWrite1h || isModality(f) {
		r.pending.set(f, raw)
		return
	}
	if !quoted && string(raw) == "null" {
		return
	}
	if f == fModel && r.Model != "" || f == fID && r.ID != "" {
		return // every event of a stream repeats them
	}
	if f == fType {
		r.Ended = r.Ended || slices.Contains(endingTypes, string(raw))
		return
	}
	r.text(f, cleantext.OfJSON(raw, quoted), raw, quoted)
}

// text stores a value that is not a figure.
func (r *Answer) text(f Field, s string, raw []byte, quoted bool) {
	switch f {
	case fModel:
		r.Model = s
	case fID:
		r.ID = s
	case fTier:
		if r.Tier, r.RawTier = s, r.RawTier[:0]; quoted {
			r.RawTier = append(r.RawTier, raw...)
		}
	case fFinish:
		if s != "" {
			if len(r.Finishes) < maxFinishes {
				r.Finishes = append(r.Finishes, s)
			}
			r.Ended = r.Ended || r.spec.endsByFinish
		}
	case fObject:
		r.object = s
	case fStored:
		r.Background = !quoted && s == "true"
	case fStatus:
		r.Status = s
	case fErrorType:
		r.errorType = s
	case fErrorCode:
		r.errorCode = s
	case fErrorStatus:
		r.errorStatus = s
	case fIterationType:
		r.pending.isCompaction = s == "compaction"
	}
}

// endingTypes are the types of the events that end a stream.
var endingTypes = []string{
	"message_stop", "response.completed", "response.incomplete", "response.failed", "error",
	"image_generation.completed", "image_edit.completed", "transcript.text.done", "speech.audio.done", "response.done",
}

// MarkEnd records that the provider has reported the end of the stream outside of a document.
func (r *Answer) MarkEnd() { r.Ended = true }

// MarkException records an error that ends the stream, by the provider's name of it.
func (r *Answer) MarkException(name string) { r.errorType, r.Ended = name, true }

// Failure returns the provider's name of the error that the answer reports, "_OTHER" where its name is unusable, "" where
// no error is reported.
func (r *Answer) Failure() string {
	for _, s := range []string{r.errorStatus, r.errorType, r.errorCode} {
		if cleantext.IsIdentifier(s) && !strings.ContainsFunc(s[:1], unicode.IsDigit) {
			return s
		}
	}
	if r.Status == "failed" || r.errorType != "" || r.errorCode != "" || r.errorStatus != "" {
		return "_OTHER"
	}
	return ""
}

// HasUsage reports whether the answer has token counts.
func (r *Answer) HasUsage() bool { return r.figures.reported != 0 }

// HasBadFigures reports whether the answer has figures that cannot be counts; they were left out.
func (r *Answer) HasBadFigures() bool { return r.figures.bad }

// DropFigures removes all figures, of a call that has consumed nothing.
func (r *Answer) DropFigures() { r.figures = figures{} }

// SetHeaders reads the figures that some APIs send in headers. Usage in the body replaces them.
func (r *Answer) SetHeaders(h http.Header) {
	if !r.spec.inHeaders {
		return
	}
	for _, b := range bedrockHeaders {
		if v := h.Get(b.name); v != "" && len(v) <= jsonscan.MaxCapture {
			r.figures.set(b.field, []byte(v))
		}
	}
}

// MayChange reports whether a value at a field can change the answer. value begins after the colon of the field's key and
// ends with the document. It may be true of values that change nothing, never false of one that does.
func (r *Answer) MayChange(f Field, value []byte) bool {
	for len(value) > 0 && jsonscan.IsSpace(value[0]) {
		value = value[1:]
	}
	switch f {
	case fModel:
		if r.Model != "" || begins(value, `""`) {
			return false
		}
	case fID:
		if r.ID != "" || begins(value, `""`) {
			return false
		}
	case fFinish:
		if begins(value, `""`) {
			return false
		}
	case fTier:
		if n := len(r.RawTier); n > 0 && len(value) > n+1 && value[0] == '"' && value[n+1] == '"' && string(value[1:n+1]) == string(r.RawTier) {
			return false
		}
	case fType:
		if r.Ended {
			return false
		}
		if len(value) > 0 && value[0] == '"' {
			return slices.ContainsFunc(endingTypes, func(t string) bool {
				return len(value) > len(t)+1 && value[len(t)+1] == '"' && begins(value[1:], t)
			})
		}
	}
	return !begins(value, "null") || len(value) > 4 && !jsonscan.EndsValue(value[4])
}

func begins(p []byte, with string) bool { return len(p) >= len(with) && string(p[:len(with)]) == with }

// IsContainer reports whether a field is an object such that nothing below it can matter unless its own key is there.
func IsContainer(f Field) bool { return f == fUsage || f == fError }

// MaxKnownValue returns the longest value of a field, in bytes with quotes and one delimiter, that MayChange compares with.
// Tiers are compared with RawTier, whatever its length.
func MaxKnownValue(f Field) int {
	longest := len("null") + 1
	if f == fType {
		for _, t := range endingTypes {
			longest = max(longest, len(t)+3)
		}
	}
	return longest
}
