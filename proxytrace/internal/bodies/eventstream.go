package bodies

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// eventStream reads AWS's binary framing (application/vnd.amazon.eventstream): messages of a total length, the length of
// their headers, a checksum, headers, a payload and a checksum. The checksums are not verified: the body itself is not
// changed by what is read here.
type eventStream struct {
	scan    *jsonscan.Scanner
	answer  *llmapi.Answer
	wrapped bool // a payload is {"bytes":"..."}, the base64 of a JSON document

	message []byte // of the current message, as far as it has come
	skip    int    // bytes of a message that is too long to be read
	broken  bool
}

const (
	preludeSize = 12
	trailerSize = 4
	// maxMessage is the longest message that is read. Those with usage are short; a longer one is text or an image.
	maxMessage = 256 << 10
	// longestMessage is the format's limit.
	longestMessage = 24 << 20
)

// Feed reads the next piece.
func (e *eventStream) Feed(p []byte) {
	for len(p) > 0 && !e.broken {
		if e.skip > 0 {
			n := min(e.skip, len(p))
			e.skip -= n
			p = p[n:]
			continue
		}
		need := preludeSize
		if len(e.message) >= preludeSize {
			need = int(binary.BigEndian.Uint32(e.message))
		}
		n := min(need-len(e.message), len(p))
		e.message = append(e.message, p[:n]...)
		p = p[n:]
		if len(e.message) < need {
			return
		}
		if len(e.message) == preludeSize {
			e.beginMessage()
			continue
		}
		e.endMessage()
	}
}

// beginMessage reads the lengths of a message.
func (e *eventStream) beginMessage() {
	total, headers := binary.BigEndian.Uint32(e.message), binary.BigEndian.Uint32(e.message[4:])
	switch {
	case total < preludeSize+trailerSize || total > longestMessage || headers > total-preludeSize-trailerSize:
		e.broken = true
	case total > maxMessage:
		e.skip, e.message = int(total)-preludeSize, e.message[:0]
	}
}

// endMessage reads a whole message.
func (e *eventStream) endMessage() {
	headers := int(binary.BigEndian.Uint32(e.message[4:]))
	e.headers(e.message[preludeSize : preludeSize+headers])
	payload := e.message[preludeSize+headers : len(e.message)-trailerSize]
	if e.wrapped {
		var chunk struct {
			Bytes string `json:"bytes"`
		}
		payload = payload[:len(payload):len(payload)]
		if json.Unmarshal(payload, &chunk) == nil && chunk.Bytes != "" {
			if raw, err := base64.StdEncoding.DecodeString(chunk.Bytes); err == nil {
				payload = raw
			}
		}
	}
	e.scan.Reset()
	e.scan.Feed(payload)
	e.message = e.message[:0]
}

// headers reads the name of an exception, which ends a stream.
func (e *eventStream) headers(p []byte) {
	const text = 7 // the type of texts, which all of Bedrock's headers are
	for len(p) > 0 {
		n := 1 + int(p[0])
		if len(p) < n+3 || p[n] != text {
			return
		}
		name, size := string(p[1:n]), int(binary.BigEndian.Uint16(p[n+1:]))
		if p = p[n+3:]; len(p) < size {
			return
		}
		if name == ":exception-type" || name == ":error-code" {
			e.answer.MarkException(cleantext.Clean(string(p[:min(size, jsonscan.MaxCapture)])))
		}
		p = p[size:]
	}
}
