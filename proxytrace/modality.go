package proxytrace

import (
	"math"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
)

// The parts of tokens that are not text, and the seconds of audio that some models are billed by. Their
// numbers are apart from those of the other fields.
const (
	fAudioInput field = iota + 64
	fAudioRead
	fAudioOutput
	fImageInput
	fImageRead
	fImageOutput
	fTextOutput  // beside images: says that the output is not all an image's
	fSeconds     // of audio, which need not be whole
	lastModality = fSeconds

	fMetrics field = 80 // a container of figures that ends a stream
	fStored  field = 81 // whether a response runs in the background
	fObject  field = 82 // what kind of object an answer is
)

// attrAudioSeconds is the duration of the audio that was transcribed, where the provider bills by it: double, seconds.
const attrAudioSeconds = "tokenboard.usage.audio.input_seconds"

// modalityNames are the attributes of the parts, in the order of their fields.
var modalityNames = [...]string{
	"gen_ai.usage.audio.input_tokens", "gen_ai.usage.audio.cache_read.input_tokens", "gen_ai.usage.audio.output_tokens",
	"gen_ai.usage.image.input_tokens", "gen_ai.usage.image.cache_read.input_tokens", "gen_ai.usage.image.output_tokens",
}

// modalities are the parts of one usage object that are not text.
type modalities struct {
	count   [len(modalityNames)]int64
	seconds float64
	text    bool // the tokens of the output that are text were told
}

// maxSeconds is the longest audio of one call that is believed: a year.
const maxSeconds = 366 * 24 * 3600

func isModality(f field) bool { return f >= fAudioInput && f <= lastModality }

// set takes a part. false where it cannot be one.
func (m *modalities) set(what field, raw []byte) bool {
	if string(raw) == "null" {
		return true
	}
	if what == fSeconds {
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || math.IsNaN(x) || x < 0 || x > maxSeconds {
			return false
		}
		m.seconds = x
		return true
	}
	n, ok := count(raw)
	if ok && what == fTextOutput {
		m.text = true
	} else if ok {
		m.count[what-fAudioInput] = n
	}
	return ok
}

// merge takes the parts of a later usage object of the same answer.
func (m *modalities) merge(later *modalities) {
	for i, n := range later.count {
		if n > 0 {
			m.count[i] = n
		}
	}
	m.text = m.text || later.text
	if later.seconds > 0 {
		m.seconds = later.seconds
	}
}

// attributes are the parts that an answer has, apart from those that are more than their whole.
func (m *modalities) attributes(attrs []attribute.KeyValue, t *tokens) []attribute.KeyValue {
	for i, n := range m.count {
		whole := t.input
		switch fAudioInput + field(i) {
		case fAudioOutput, fImageOutput:
			whole = t.output
		case fAudioRead, fImageRead:
			whole = t.cacheRead
		}
		if n > 0 && n <= whole {
			attrs = append(attrs, attribute.Int64(modalityNames[i], n))
		}
	}
	if m.seconds > 0 {
		attrs = append(attrs, attribute.Float64(attrAudioSeconds, m.seconds))
	}
	return attrs
}
