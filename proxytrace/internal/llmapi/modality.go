package llmapi

import (
	"math"
	"strconv"
)

// The parts of tokens that are not text, and the seconds of audio that some models are billed by. Their numbers are
// apart from the numbers of the other fields.
const (
	fAudioInput Field = iota + 64
	fAudioRead
	fAudioOutput
	fImageInput
	fImageRead
	fImageOutput
	fTextOutput  // beside images: says that the output is not all an image's
	fSeconds     // of audio, which need not be whole
	lastModality = fSeconds

	fMetrics Field = 80 // an object of figures that ends a stream
	fStored  Field = 81 // whether a response runs in the background
	fObject  Field = 82 // the kind of object that an answer is
)

// PartCount is the number of parts: of the input, of the cache reads and of the output those that are audio, then those
// that are images.
const PartCount = 6

// modalities are the parts of one usage object that are not text.
type modalities struct {
	count   [PartCount]int64
	seconds float64
	text    bool // the output's text tokens were reported
}

// maxSeconds is the longest audio of one call that is accepted: a year.
const maxSeconds = 366 * 24 * 3600

func isModality(f Field) bool { return f >= fAudioInput && f <= lastModality }

// set stores a part. It returns false where it cannot be a count or a duration.
func (m *modalities) set(what Field, raw []byte) bool {
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

// merge adds the parts of a later usage object of the same answer.
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

// putParts stores the parts, without those that are more than their whole.
func (t *Tokens) putParts(m *modalities) {
	for i, n := range m.count {
		whole := t.Input
		switch fAudioInput + Field(i) {
		case fAudioOutput, fImageOutput:
			whole = t.Output
		case fAudioRead, fImageRead:
			whole = t.CacheRead
		}
		if n <= whole {
			t.Parts[i] = n
		}
	}
	t.AudioSeconds = m.seconds
}
