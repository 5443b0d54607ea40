package proxytrace

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// reading is what the answer of one call has told so far. It is the sink of its scanner.
type reading struct {
	api      API
	figures  figures // of the usage objects that were read to their end
	pending  figures
	model    string
	id       string
	tier     string
	rawTier  []byte // the tier as it stood in its quotes
	finishes []string

	errorType, errorCode, errorStatus, status string

	object     string // what kind of object the answer is
	background bool   // the response runs in the background
	ended      bool   // a mark says that the provider has told all
}

const maxFinishes = 16

func (r *reading) begin(f field, array bool) {
	switch {
	case isUsageObject(f) && !array:
		r.pending = figures{}
	case f == fIterations && array:
		r.pending.beside, r.pending.hasIterations = figuresBeside{}, true
	}
}

func (r *reading) end(f field, array bool) {
	switch {
	case isUsageObject(f) && !array:
		r.ended = r.ended || f == fMetrics
		bad := r.figures.bad || r.pending.bad
		switch {
		case r.merges():
			r.figures.merge(&r.pending)
		case r.pending.has != 0 || r.pending.parts.seconds > 0:
			r.figures = r.pending
		}
		r.figures.bad, r.pending = bad, figures{}
	case f == fIterations && !array:
		r.pending.endIteration()
	}
}

// merges tells whether an API tells one answer's usage in several objects that complete each other.
func (r *reading) merges() bool {
	f := r.api.family()
	return r.api.answers() == anthropicTree || r.api.answers() == geminiTree || f != nil && f.merges
}

func isUsageObject(f field) bool { return f == fUsage || f == fMetrics }

func (r *reading) scalar(f field, raw []byte, quoted bool) {
	if f >= fInput && f <= fTool || f >= fIterationInput && f <= fIterationCacheWrite1h || isModality(f) {
		r.pending.set(f, raw)
		return
	}
	if !quoted && string(raw) == "null" {
		return
	}
	if f == fModel && r.model != "" || f == fID && r.id != "" {
		return // every event of a stream repeats them
	}
	if f == fType {
		r.event(raw)
		return
	}
	s := plain(raw, quoted)
	switch f {
	case fModel:
		r.model = s
	case fID:
		r.id = s
	case fTier:
		if r.tier, r.rawTier = s, r.rawTier[:0]; quoted {
			r.rawTier = append(r.rawTier, raw...)
		}
	case fFinish:
		if s != "" {
			if len(r.finishes) < maxFinishes {
				r.finishes = append(r.finishes, s)
			}
			r.ended = r.ended || r.api.endsByFinish()
		}
	case fObject:
		r.object = s
	case fStored:
		r.background = !quoted && s == "true"
	case fStatus:
		r.status = s
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

// endsByFinish tells whether a reason to finish is the last that a stream of an API has to tell. In
// Anthropic's and OpenAI's Responses an event of its own follows.
func (a API) endsByFinish() bool {
	return a.ends() || a.answers() == openAITree || a.answers() == geminiTree
}

// event takes the type of an event.
func (r *reading) event(raw []byte) {
	r.ended = r.ended || slices.Contains(endingTypes, string(raw))
}

// endingTypes are the types of the events that end a stream.
var endingTypes = []string{
	"message_stop", "response.completed", "response.incomplete", "response.failed", "error",
	"image_generation.completed", "image_edit.completed", "transcript.text.done", "speech.audio.done", "response.done",
}

// done takes OpenAI's mark of the end of a stream.
func (r *reading) done() { r.ended = true }

// failure gives what the provider calls the error that it told, "" where it told none.
func (r *reading) failure() string {
	for _, s := range []string{r.errorStatus, r.errorType, r.errorCode} {
		if token(s) && !strings.ContainsFunc(s[:1], unicode.IsDigit) {
			return s
		}
	}
	if r.status == "failed" || r.errorType != "" || r.errorCode != "" || r.errorStatus != "" {
		return "_OTHER"
	}
	return ""
}

// token tells whether a text is a name by which errors can be grouped.
func token(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '_' && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}

// requestReading is what the request of one call has told.
type requestReading struct {
	model, user, safetyID, anthropicUser, tier string
	stream                                     bool
}

func (r *requestReading) begin(field, bool) {}
func (r *requestReading) end(field, bool)   {}

func (r *requestReading) scalar(f field, raw []byte, quoted bool) {
	if f == fStream {
		r.stream = !quoted && string(raw) == "true"
		return
	}
	if !quoted {
		return
	}
	r.text(f, plain(raw, quoted))
}

// text takes a text of the request.
func (r *requestReading) text(f field, s string) {
	switch f {
	case fModel:
		r.model = s
	case fUser:
		r.user = s
	case fSafetyID:
		r.safetyID = s
	case fTier:
		r.tier = s
	case fAnthropicUser:
		r.anthropicUser = s
	}
}

// plain gives a text without its escapes, and without what no text of a span may hold.
func plain(raw []byte, quoted bool) string {
	s := string(raw)
	if quoted && strings.IndexByte(s, '\\') >= 0 {
		if err := json.Unmarshal([]byte(`"`+s+`"`), &s); err != nil {
			return ""
		}
	}
	return cleaned(s)
}

// cleaned makes valid UTF-8 without control characters of a text from outside.
func cleaned(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
	}
	return strings.TrimSpace(s)
}
