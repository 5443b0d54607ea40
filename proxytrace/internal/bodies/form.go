package bodies

import (
	"bytes"
	"mime"
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// form reads the short fields of a multipart body. It keeps nothing of files and of values longer than
// jsonscan.MaxCapture: it takes the memory of one part's headers and one field.
// https://www.rfc-editor.org/rfc/rfc2046#section-5.1
type form struct {
	request   *llmapi.Request
	separator []byte // before and between parts: CR LF, two dashes, the boundary
	state     formState
	matched   int // how many bytes of the separator have come

	line   []byte // the rest of a boundary's line, or a part's headers
	field  llmapi.Field
	value  []byte
	isLong bool // the value is not kept
}

type formState uint8

const (
	inPart     formState = iota // in a part's content, or before the first part
	atBoundary                  // after a boundary
	inHeaders
	formOver
)

const (
	longestBoundary = 70 // RFC 2046
	maxPartHeaders  = 4 << 10
)

// newForm returns a reader of bodies of a content type, nil where it is not a form's.
func newForm(contentType string, request *llmapi.Request) *form {
	if len(contentType) > maxPartHeaders {
		return nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || kind != "multipart/form-data" || boundary == "" || len(boundary) > longestBoundary || strings.ContainsAny(boundary, "\r\n") {
		return nil
	}
	return &form{request: request, separator: []byte("\r\n--" + boundary), matched: 2} // the first boundary begins the body
}

// Feed reads the next piece.
func (f *form) Feed(p []byte) {
	for len(p) > 0 {
		switch f.state {
		case inPart:
			p = f.content(p)
		case atBoundary:
			f.afterBoundary(p[0])
			p = p[1:]
		case inHeaders:
			p = f.headers(p)
		default:
			return
		}
	}
}

// afterBoundary reads a byte of the rest of a boundary's line.
func (f *form) afterBoundary(c byte) {
	f.line = append(f.line, c)
	switch string(f.line) {
	case "\r\n":
		f.state = inHeaders
	case "--":
		f.state = formOver
	default:
		if n := len(f.line); n > 1 && f.line[n-1] == '\n' { // spaces after a boundary
			f.state = inHeaders
		} else if n > jsonscan.MaxCapture || n > 1 && f.line[0] != '\r' && f.line[0] != ' ' && f.line[0] != '\t' {
			f.state = inPart // a longer word that begins as the boundary does
		}
	}
	if f.state == inHeaders {
		f.line = f.line[:0]
	}
}

// content reads the content of a part, up to a boundary. The separator has a CR at its beginning and nowhere else, so that
// bytes that did not match it cannot be the beginning of another match, except the last.
func (f *form) content(p []byte) (rest []byte) {
	for i := 0; i < len(p); {
		if f.matched == 0 {
			n := bytes.IndexByte(p[i:], '\r')
			if n < 0 {
				f.keep(p[i:])
				return nil
			}
			f.keep(p[i : i+n])
			f.matched = 1
			i += n + 1
			continue
		}
		if p[i] != f.separator[f.matched] {
			f.keep(f.separator[:f.matched])
			f.matched = 0
			continue
		}
		i++
		if f.matched++; f.matched == len(f.separator) {
			f.endPart()
			f.state, f.line, f.matched = atBoundary, f.line[:0], 0
			return p[i:]
		}
	}
	return nil
}

func (f *form) keep(p []byte) {
	if f.field == jsonscan.None || f.isLong {
		return
	}
	if f.isLong = len(f.value)+len(p) > jsonscan.MaxCapture; !f.isLong {
		f.value = append(f.value, p...)
	}
}

func (f *form) endPart() {
	if f.field != jsonscan.None && !f.isLong {
		f.request.FormValue(f.field, f.value)
	}
	f.field, f.value, f.isLong = jsonscan.None, f.value[:0], false
}

// headers reads the headers of a part.
func (f *form) headers(p []byte) (rest []byte) {
	for i, c := range p {
		if len(f.line) < maxPartHeaders {
			f.line = append(f.line, c)
		}
		if c != '\n' {
			continue
		}
		if string(f.line) == "\r\n" || bytes.HasSuffix(f.line, []byte("\r\n\r\n")) {
			f.field = fieldOfPart(f.line)
			f.state, f.matched, f.line = inPart, 0, f.line[:0]
			return p[i+1:]
		}
		if len(f.line) == maxPartHeaders { // far more than any client sends: nothing more is read
			f.state = formOver
			return nil
		}
	}
	return nil
}

// fieldOfPart returns the field of a part with these headers, jsonscan.None for one that is not read, as a file.
func fieldOfPart(headers []byte) llmapi.Field {
	for line := range strings.SplitSeq(string(headers), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Disposition") {
			continue
		}
		_, params, err := mime.ParseMediaType(value)
		if _, file := params["filename"]; err != nil || file {
			return jsonscan.None
		}
		return llmapi.FormField(params["name"])
	}
	return jsonscan.None
}
