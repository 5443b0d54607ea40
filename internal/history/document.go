package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tokenboard/tokenboard/internal/strictjson"
)

const (
	maxNesting = strictjson.MaxDepth // of values that are passed over
	maxNumber  = 4 << 10             // bytes of a number or a word such as true
	maxFields  = 100_000             // of one object
)

// document reads one JSON document piece by piece. It holds at most one row in memory. In the parts that it skips it
// checks only the form: texts, brackets and the separators between them.
type document struct {
	in   *bufio.Reader
	most int // bytes that are kept of a value
	line int // of the byte that was read last
	raw  []byte
	open []byte // the brackets that are open in the value at hand
	word []byte // a number, true, false or null
}

func newDocument(r io.Reader) *document {
	d := &document{in: bufio.NewReaderSize(r, bufferSize), most: maxLine, line: 1}
	if mark, _ := d.in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = d.in.Discard(len(byteOrderMark)) // it is buffered
	}
	return d
}

func (d *document) wrong(format string, args ...any) error {
	return &SyntaxError{d.line, fmt.Sprintf(format, args...)}
}

// next reads one byte.
func (d *document) next() (byte, error) {
	c, err := d.in.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, d.wrong("the document ends in the middle")
	}
	if c == '\n' {
		d.line++
	}
	return c, err
}

// peek returns the next byte that is no white space.
func (d *document) peek() (byte, error) {
	d.line += skipBlank(d.in)
	c, err := d.in.Peek(1)
	if errors.Is(err, io.EOF) {
		return 0, d.wrong("the document ends in the middle")
	}
	if err != nil {
		return 0, err
	}
	return c[0], nil
}

// expect reads the next byte that is no white space, which must be one of some.
func (d *document) expect(some string) (byte, error) {
	c, err := d.peek()
	if err != nil {
		return 0, err
	}
	if strings.IndexByte(some, c) < 0 {
		return 0, d.wrong("it is not JSON: there is %q where one of %q is due", c, some)
	}
	return d.next()
}

// whole checks that nothing follows a document that was read without an error.
func (d *document) whole(err error) error {
	if err != nil {
		return err
	}
	d.line += skipBlank(d.in)
	switch _, err := d.in.Peek(1); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return d.wrong("something follows the end of the document")
	}
}

// object visits the fields of an object, each of which must occur once; visit has to read each
// field's value. Where there is another value, it is passed over.
func (d *document) object(visit func(field string) error) error {
	seen := map[string]bool{}
	return d.inside('{', func() error {
		field, err := d.field()
		switch {
		case err != nil:
			return err
		case seen[field]:
			return d.wrong("a field of an object is there twice")
		case len(seen) == maxFields:
			return d.wrong("an object has more than %d fields", maxFields)
		}
		seen[field] = true
		return visit(field)
	})
}

// field reads the name of a field.
func (d *document) field() (string, error) {
	if c, err := d.peek(); err != nil || c != '"' {
		if err == nil {
			err = d.wrong("it is not JSON: there is %q where a field is due", c)
		}
		return "", err
	}
	long, err := d.value(true)
	if err != nil {
		return "", err
	}
	var name string
	if long || json.Unmarshal(d.raw, &name) != nil {
		return "", d.wrong("it has a field whose name cannot be read")
	}
	_, err = d.expect(":")
	return name, err
}

// array visits the elements of an array; visit has to read each.
func (d *document) array(visit func() error) error { return d.inside('[', visit) }

func (d *document) inside(opening byte, visit func() error) error {
	closing := closingOf(opening)
	c, err := d.peek()
	if err != nil {
		return err
	}
	if c != opening {
		return d.skip()
	}
	_, _ = d.next() // it is buffered
	if c, err = d.peek(); err != nil {
		return err
	}
	if c == closing {
		_, err = d.next()
		return err
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		if c, err = d.expect("," + string(closing)); err != nil || c == closing {
			return err
		}
	}
}

func closingOf(opening byte) byte {
	if opening == '{' {
		return '}'
	}
	return ']'
}

// skip passes over one value.
func (d *document) skip() error {
	_, err := d.value(false)
	return err
}

// row reads one element as a row.
func (d *document) row(parse func([]byte, *Row), visit func(*Row) error) error {
	long, err := d.value(true)
	if err != nil {
		return err
	}
	row := Row{Line: d.line}
	if long {
		row.Bad = fmt.Sprintf("it is longer than %d bytes", d.most)
	} else {
		parse(d.raw, &row)
	}
	return visit(&row)
}

// value reads one value, into raw where it is to be kept. White space in it is left out. It reports whether
// the value is longer than a row may be; raw then has its beginning.
func (d *document) value(keep bool) (long bool, err error) {
	d.raw, d.open = d.raw[:0], d.open[:0]
	deepest := maxNesting
	if keep {
		deepest = maxLine // the row is refused, not the file
	}
	put := func(c byte) {
		if keep && len(d.raw) <= d.most {
			d.raw = append(d.raw, c)
		}
	}
	for {
		c, err := d.peek()
		if err != nil {
			return false, err
		}
		switch {
		case c == '{' || c == '[':
			if len(d.open) == deepest {
				return false, d.wrong("it is nested deeper than %d levels", deepest)
			}
			d.open = append(d.open, c)
			_, _ = d.next() // it is buffered
		case c == '}' || c == ']':
			if len(d.open) == 0 || closingOf(d.open[len(d.open)-1]) != c {
				return false, d.wrong("it is not JSON: there is %q where nothing is to be closed with it", c)
			}
			d.open = d.open[:len(d.open)-1]
			_, _ = d.next() // it is buffered
		case (c == ',' || c == ':') && len(d.open) > 0:
			_, _ = d.next() // it is buffered
		case c == '"':
			if err := d.readText(put); err != nil {
				return false, err
			}
			c = 0
		default:
			if err := d.readWord(put); err != nil {
				return false, err
			}
			c = 0
		}
		if c != 0 {
			put(c)
		}
		if len(d.open) == 0 {
			return len(d.raw) > d.most, nil
		}
	}
}

// readText reads a text with its quotation marks.
func (d *document) readText(put func(byte)) error {
	_, _ = d.next() // the mark, which is buffered
	put('"')
	for {
		c, err := d.next()
		if err != nil {
			return err
		}
		put(c)
		switch c {
		case '"':
			return nil
		case '\\':
			if c, err = d.next(); err != nil {
				return err
			}
			put(c)
		}
	}
}

// readWord reads a number, true, false or null.
func (d *document) readWord(put func(byte)) error {
	d.word = d.word[:0]
	for {
		c, err := d.in.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil {
			break
		}
		if strings.IndexByte(" \t\r\n,:]}[{\"", c) >= 0 {
			_ = d.in.UnreadByte() // it was the last that was read
			break
		}
		if d.word = append(d.word, c); len(d.word) > maxNumber {
			return d.wrong("it is not JSON: a value is longer than any number")
		}
	}
	if !isWord(d.word) {
		return d.wrong("it is not JSON: a value is neither a text, a number, true, false nor null")
	}
	for _, c := range d.word {
		put(c)
	}
	put(' ') // so that two of them are not one
	return nil
}

// isWord reports whether a text is a number, true, false or null.
func isWord(word []byte) bool {
	if len(word) > 0 && word[0] >= '1' && word[0] <= '9' && len(bytes.TrimLeft(word, "0123456789")) == 0 {
		return true // most of them
	}
	return json.Valid(word)
}
