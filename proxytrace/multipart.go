package proxytrace

import (
	"bytes"
	"mime"
	"strings"
)

// form reads the short fields of a multipart body as it comes. Of files, and of all that is longer than maxCapture,
// it keeps nothing: its memory is that of one part's headers and one field.
// https://www.rfc-editor.org/rfc/rfc2046#section-5.1
type form struct {
	sink    *requestReading
	ends    []byte // what stands before and between parts: CR LF, two dashes, the boundary
	state   formState
	matched int // how much of ends the last bytes are

	line   []byte // what follows a boundary, or a part's headers
	field  field
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

// formFields are the fields that are read.
var formFields = map[string]field{"model": fModel, "stream": fStream, "user": fUser, "safety_identifier": fSafetyID}

// newForm gives a reader of bodies of a content type, nil where it is none of forms.
func newForm(contentType string, sink *requestReading) *form {
	if len(contentType) > maxPartHeaders {
		return nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || kind != "multipart/form-data" || boundary == "" || len(boundary) > longestBoundary || strings.ContainsAny(boundary, "\r\n") {
		return nil
	}
	return &form{sink: sink, ends: []byte("\r\n--" + boundary), matched: 2} // the first boundary begins the body
}

func (f *form) write(p []byte) {
	for len(p) > 0 {
		switch f.state {
		case inPart:
			p = f.content(p)
		case atBoundary:
			f.line = append(f.line, p[0])
			p = p[1:]
			switch string(f.line) {
			case "\r\n":
				f.state = inHeaders
			case "--":
				f.state = formOver
			default:
				if n := len(f.line); n > 1 && f.line[n-1] == '\n' { // spaces after a boundary
					f.state = inHeaders
				} else if n > maxCapture || n > 1 && f.line[0] != '\r' && f.line[0] != ' ' && f.line[0] != '\t' {
					f.state = inPart // a longer word that begins as the boundary does
				}
			}
			if f.state == inHeaders {
				f.line = f.line[:0]
			}
		case inHeaders:
			p = f.headers(p)
		default:
			return
		}
	}
}

// content takes what is in a part, up to a boundary. A CR stands at the boundary's beginning and nowhere in it, so
// that what did not match in the end matches nowhere before its last byte.
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
		if p[i] != f.ends[f.matched] {
			f.keep(f.ends[:f.matched])
			f.matched = 0
			continue
		}
		i++
		if f.matched++; f.matched == len(f.ends) {
			f.partEnds()
			f.state, f.line, f.matched = atBoundary, f.line[:0], 0
			return p[i:]
		}
	}
	return nil
}

func (f *form) keep(p []byte) {
	if f.field == none || f.isLong {
		return
	}
	if f.isLong = len(f.value)+len(p) > maxCapture; !f.isLong {
		f.value = append(f.value, p...)
	}
}

func (f *form) partEnds() {
	if f.field != none && !f.isLong {
		if f.field == fStream {
			f.sink.scalar(fStream, bytes.ToLower(f.value), false)
		} else {
			f.sink.text(f.field, cleaned(string(f.value)))
		}
	}
	f.field, f.value, f.isLong = none, f.value[:0], false
}

// headers takes what stands before a part's content.
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
		if len(f.line) == maxPartHeaders { // nobody writes so many: nothing more is read
			f.state = formOver
			return nil
		}
	}
	return nil
}

// fieldOfPart finds what a part is by its headers; a file is nothing that is read.
func fieldOfPart(headers []byte) field {
	for line := range strings.SplitSeq(string(headers), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Disposition") {
			continue
		}
		_, params, err := mime.ParseMediaType(value)
		if _, file := params["filename"]; err != nil || file {
			return none
		}
		return formFields[params["name"]]
	}
	return none
}
