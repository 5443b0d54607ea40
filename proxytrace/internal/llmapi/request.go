package llmapi

import (
	"bytes"

	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// Request holds the values read from the request of one call. It is the sink of a scanner with RequestTree.
type Request struct {
	Model         string
	User          string // OpenAI's "user"
	SafetyID      string // OpenAI's "safety_identifier"
	AnthropicUser string // "metadata.user_id"
	Tier          string // the requested service tier
	Stream        bool
}

// RequestTree returns what is looked for in requests, of whatever API.
func RequestTree() *jsonscan.Node { return requestTree }

var requestTree = jsonscan.NewTree(here, jsonscan.Table{
	"model": fModel, "stream": fStream, "user": fUser, "safety_identifier": fSafetyID, "metadata.user_id": fAnthropicUser,
	"service_tier": fTier, "serviceTier": fTier,
})

// formFields are the fields of forms that are read.
var formFields = map[string]Field{"model": fModel, "stream": fStream, "user": fUser, "safety_identifier": fSafetyID}

// FormField returns the field of a form's field, jsonscan.None for one that is not read.
func FormField(name string) Field { return formFields[name] }

// Begin is called by the scanner.
func (r *Request) Begin(Field, bool) {}

// End is called by the scanner.
func (r *Request) End(Field, bool) {}

// Scalar is called by the scanner.
func (r *Request) Scalar(f Field, raw []byte, quoted bool) {
	if f == fStream {
		r.Stream = !quoted && string(raw) == "true"
		return
	}
	if quoted {
		r.text(f, cleantext.OfJSON(raw, quoted))
	}
}

// FormValue stores the value of a form's field.
func (r *Request) FormValue(f Field, value []byte) {
	if f == fStream {
		r.Stream = string(bytes.ToLower(value)) == "true"
		return
	}
	r.text(f, cleantext.Clean(string(value)))
}

func (r *Request) text(f Field, s string) {
	switch f {
	case fModel:
		r.Model = s
	case fUser:
		r.User = s
	case fSafetyID:
		r.SafetyID = s
	case fTier:
		r.Tier = s
	case fAnthropicUser:
		r.AnthropicUser = s
	}
}
