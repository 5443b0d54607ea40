// Package bodies reads the bodies of requests and answers while they pass, in pieces cut anywhere: JSON documents,
// Server-Sent Events, AWS's event streams, WebSocket frames and forms, compressed or not. It changes and delays nothing.
package bodies

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/decode"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// framing is how the documents of an answer are separated.
type framing uint8

const (
	unknownFraming framing = iota
	jsonFraming
	eventFraming
	foreignFraming // not an answer of a model: a page, a picture
	lineFraming    // JSON documents one after another, the last of which is marked
	binaryFraming  // AWS's event stream
)

// Response reads the body of an answer while it passes.
type Response struct {
	answer  llmapi.Answer
	api     llmapi.API
	scan    *jsonscan.Scanner
	events  events
	binary  eventStream
	framing framing
	head    []byte // the bytes that came while the framing was unknown

	in    decode.Feeder
	close io.Closer
}

// NewResponse returns a reader for an answer of an API with these headers.
func NewResponse(a llmapi.API, h http.Header) *Response {
	o := &Response{answer: llmapi.NewAnswer(a), api: a}
	o.answer.SetHeaders(h)
	tree := llmapi.SpecOf(a).Tree
	o.scan = jsonscan.New(tree, &o.answer)
	o.events = events{scan: o.scan, answer: &o.answer, filter: streamFilter{prefilter: prefilters[tree]}}
	o.binary = eventStream{scan: o.scan, answer: &o.answer, wrapped: a == llmapi.BedrockInvokeStream}
	o.framing = framingOfType(strings.ToLower(strings.TrimSpace(h.Get("Content-Type"))))
	o.in, o.close = decode.New(h.Get("Content-Encoding"), feeder(o.decoded))
	return o
}

// feeder is a function as a decode.Feeder.
type feeder func(p []byte)

func (f feeder) Feed(p []byte) { f(p) }

// Answer returns what was read. It is complete after Finish, and must not be used between Feed and Finish.
func (o *Response) Answer() *llmapi.Answer { return &o.answer }

// Feed reads the next piece of the body.
func (o *Response) Feed(p []byte) {
	if o.in != nil && len(p) > 0 {
		o.in.Feed(p)
	}
}

// Finish waits until all of the body has been read. Further pieces are ignored.
func (o *Response) Finish() {
	if o.close != nil {
		_ = o.close.Close()
		o.close = nil
	}
	o.in = nil
}

// decoded reads the next piece of the decompressed body.
func (o *Response) decoded(p []byte) {
	switch o.framing {
	case jsonFraming, lineFraming:
		o.scan.Feed(p)
	case binaryFraming:
		o.binary.Feed(p)
	case eventFraming:
		o.events.Feed(p)
	case unknownFraming:
		o.head = append(o.head, p...)
		if o.framing = framingOf(o.head); o.framing != unknownFraming {
			head := o.head
			o.head = nil
			o.decoded(head)
		}
	}
}

// eventBeginnings are the possible beginnings of a stream of events.
var eventBeginnings = []string{"data:", "event:", "id:", "retry:", ":"}

// framingOf returns the framing of an answer by its beginning: not every server sends the right content type.
func framingOf(head []byte) framing {
	rest := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(byteOrder)), " \t\r\n")
	if len(rest) == 0 {
		if len(head) > 1024 {
			return foreignFraming
		}
		return unknownFraming
	}
	if rest[0] == '{' || rest[0] == '[' {
		return jsonFraming
	}
	for _, b := range eventBeginnings {
		if bytes.HasPrefix(rest, []byte(b)) {
			return eventFraming
		}
		if len(rest) < len(b) && strings.HasPrefix(b, string(rest)) {
			return unknownFraming
		}
	}
	if len(rest) < len(byteOrder) && strings.HasPrefix(byteOrder, string(rest)) {
		return unknownFraming
	}
	return foreignFraming
}

// Ended reports whether the body has come to the end of the answer. judged is false for bodies that have no such mark.
func (o *Response) Ended() (ended, judged bool) {
	switch o.framing {
	case jsonFraming:
		return o.scan.Complete(), true
	case eventFraming, lineFraming:
		return o.answer.Ended, true
	case binaryFraming:
		return o.answer.Ended || o.api == llmapi.BedrockConverseStream && o.answer.HasUsage(), true
	default:
		return false, false
	}
}

// framingOfType returns the framing that a content type names, unknownFraming where it does not decide.
func framingOfType(contentType string) framing {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.TrimSpace(kind); {
	case strings.HasPrefix(kind, "text/event-stream"):
		return eventFraming
	case kind == "application/x-ndjson":
		return lineFraming
	case kind == "application/vnd.amazon.eventstream":
		return binaryFraming
	case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "image/"), strings.HasPrefix(kind, "video/"):
		return foreignFraming // whatever its first bytes are
	default:
		return unknownFraming
	}
}

// IsStream reports whether the answer is a stream, by its content type. It must be called before Feed.
func (o *Response) IsStream() bool {
	return o.framing == eventFraming || o.framing == lineFraming || o.framing == binaryFraming
}
