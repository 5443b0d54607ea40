package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	NDJSON     Format = "ndjson"     // calls of our export, one a line
	Tokenboard Format = "tokenboard" // our export as one JSON document
	CLIProxy   Format = "cliproxy"   // CLIProxyAPI's usage export of versions before 6.10
	LiteLLM    Format = "litellm"    // rows of LiteLLM_SpendLogs: a JSON array, {"data": [...]}, or NDJSON
)

// Row is what a file says of one call.
type Row struct {
	Line    int // in which it ends, counted from 1
	Call    usage.Call
	Key     Key    // of our own export: which key it was
	Bad     string // why the row cannot be taken; "" where it can
	LeftOut string // why it is no call to be taken, though nothing is wrong with it
}

// Key names a key that only its own console knows by more than this.
type Key struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Display string `json:"display"`
}

// SyntaxError reports a file that cannot be read on from some line.
type SyntaxError struct {
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// maxLine bounds one row.
const maxLine = 1 << 20

// Read visits the rows of a file in the order in which they stand there. What visit returns ends it.
//
// No text of a row holds a secret that is known by its shape.
func Read(f Format, r io.Reader, visit func(*Row) error) error {
	next := visit
	visit = func(row *Row) error {
		dialect.Conceal(&row.Call)
		row.Key.Name, _ = secret.Text(row.Key.Name)
		row.Key.Display, _ = secret.Text(row.Key.Display)
		return next(row)
	}
	switch f {
	case NDJSON:
		return readLines(r, callOfExport, visit)
	case Tokenboard:
		d := newDocument(r)
		return d.whole(d.readExport(visit))
	case CLIProxy:
		d := newDocument(r)
		return d.whole(d.readCLIProxy(visit))
	case LiteLLM:
		return readLiteLLM(r, visit)
	}
	return fmt.Errorf("the format %q is not known", f)
}

// readLines reads a row from each line. A line that is wrong is told of, and does not end it.
func readLines(r io.Reader, parse func([]byte, *Row), visit func(*Row) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		long := false
		var err error
		for {
			var part []byte
			part, err = in.ReadSlice('\n')
			if len(line)+len(part) > maxLine {
				long = true
			} else {
				line = append(line, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := bytes.TrimSpace(line)
		if n == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // the mark that some editors put
		}
		if len(text) > 0 || long {
			row := Row{Line: n}
			if long {
				row.Bad = fmt.Sprintf("it is longer than %d bytes", maxLine)
			} else {
				parse(text, &row)
			}
			if err := visit(&row); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// document reads one JSON document piece by piece.
type document struct {
	dec   *json.Decoder
	lines *lineCounter
}

func newDocument(r io.Reader) *document {
	lines := &lineCounter{r: r, line: 1}
	return &document{dec: json.NewDecoder(lines), lines: lines}
}

// lineCounter knows in which line each byte stood that was read through it.
type lineCounter struct {
	r    io.Reader
	read int64
	ends []int64 // offsets of line ends behind the last one that was asked for
	line int     // of that
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

func (l *lineCounter) at(offset int64) int {
	i := 0
	for i < len(l.ends) && l.ends[i] < offset {
		i++
	}
	l.ends = append(l.ends[:0], l.ends[i:]...)
	l.line += i
	return l.line
}

func (d *document) line() int { return d.lines.at(d.dec.InputOffset()) }

// wrong makes an error of the decoder one that names the line; errors of the source stay.
func (d *document) wrong(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &SyntaxError{d.lines.at(d.lines.read), "the document ends in the middle"}
	case errors.As(err, &syntax):
		return &SyntaxError{d.lines.at(syntax.Offset), "it is not JSON: " + syntax.Error()}
	}
	return err
}

func (d *document) token() (json.Token, error) {
	t, err := d.dec.Token()
	if err != nil {
		return nil, d.wrong(err)
	}
	return t, nil
}

// whole checks that nothing follows a document that was read without an error.
func (d *document) whole(err error) error {
	if err != nil {
		return err
	}
	switch _, err := d.dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return &SyntaxError{d.line(), "something follows the end of the document"}
	default:
		return d.wrong(err)
	}
}

// maxFields bounds how many fields of one object are told apart.
const maxFields = 100_000

// object visits the fields of an object, each of which must stand there once; visit has to read each
// field's value. Where there is another value, it is passed over.
func (d *document) object(visit func(field string) error) error {
	seen := map[string]bool{}
	return d.inside('{', func() error {
		t, err := d.token()
		if err != nil {
			return err
		}
		field, _ := t.(string)
		switch {
		case seen[field]:
			return &SyntaxError{d.line(), "a field of an object is there twice"}
		case len(seen) == maxFields:
			return &SyntaxError{d.line(), fmt.Sprintf("an object has more than %d fields", maxFields)}
		}
		seen[field] = true
		return visit(field)
	})
}

// array visits the elements of an array; visit has to read each.
func (d *document) array(visit func() error) error { return d.inside('[', visit) }

func (d *document) inside(opening json.Delim, visit func() error) error {
	t, err := d.token()
	if err != nil {
		return err
	}
	if t != opening {
		return d.rest(t)
	}
	for d.dec.More() {
		if err := visit(); err != nil {
			return err
		}
	}
	_, err = d.token()
	return err
}

// skip passes over one value.
func (d *document) skip() error {
	t, err := d.token()
	if err != nil {
		return err
	}
	return d.rest(t)
}

// rest passes over what is left of a value whose first token was read.
func (d *document) rest(t json.Token) error {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > strictjson.MaxDepth {
				return &SyntaxError{d.line(), fmt.Sprintf("it is nested deeper than %d levels", strictjson.MaxDepth)}
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = d.token(); err != nil {
			return err
		}
	}
}

// row reads one element as a row.
func (d *document) row(parse func([]byte, *Row), visit func(*Row) error) error {
	var raw json.RawMessage
	if err := d.dec.Decode(&raw); err != nil {
		return d.wrong(err)
	}
	row := Row{Line: d.line()}
	if len(raw) > maxLine {
		row.Bad = fmt.Sprintf("it is longer than %d bytes", maxLine)
	} else {
		parse(raw, &row)
	}
	return visit(&row)
}
