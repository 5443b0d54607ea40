package history

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/strictjson"
)

// record is one row of another program's table: values by the names of their columns, as fieldName spells them.
// A value is nil, a string, a bool, a float64, or what JSON nests. Files without types (CSV, SQL dumps) have strings
// only, so that every method also reads its type from text.
type record map[string]any

// table describes the rows of another program, however they are packed: as a JSON array, in the pages of an API, as
// NDJSON, as CSV with a header, or as a dump of the database.
type table struct {
	name    string   // of the table in a dump, in lower case; "": there is no dump of it
	columns []string // that are read, as fieldName spells them; everything else is passed over without being kept
	marks   []string // of these a header of CSV, or the first object, must have all
	parse   func(record, *Row)
}

// fieldName spells the name of a column without what its spellings differ in: usage_details is usageDetails.
func fieldName(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "", "\ufeff", "").Replace(s))
}

func (t *table) wants(column string) bool { return slices.Contains(t.columns, column) }

// take parses a record and visits its row. bad says why the record itself is malformed; empty where it is not.
func (t *table) take(r record, line int, bad string, visit func(*Row) error) error {
	row := Row{Line: line, Bad: bad}
	if bad == "" {
		t.parse(r, &row)
	}
	return visit(&row)
}

// read reads the rows of a table from whichever packing the first bytes show.
func (t *table) read(r io.Reader, visit func(*Row) error) error {
	in := bufio.NewReaderSize(r, bufferSize)
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // it is buffered
	}
	lines := skipBlank(in)
	head, err := in.Peek(headSize)
	if len(head) == 0 {
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	switch {
	case head[0] == '{' && t.isRow(head):
		return readLines(in, lines, maxTableRow, t.parseRow, visit)
	case head[0] == '[' || head[0] == '{':
		d := newDocument(in)
		d.line += lines
		d.most = maxTableRow
		return d.whole(t.readDocument(d, visit))
	case t.delimiter(head) != 0:
		return t.readCSV(in, lines, t.delimiter(head), visit)
	case t.name != "":
		return t.readSQL(in, lines, visit)
	}
	return &SyntaxError{1 + lines, fmt.Sprintf("it is neither JSON nor CSV whose first line has the columns %s", strings.Join(t.marks, ", "))}
}

// headSize is how much of a file is looked at to find its packing: the header of CSV has to end in it.
const headSize = 16 << 10

// delimiter returns what separates the columns in a header of CSV; 0 where the first line is none.
func (t *table) delimiter(head []byte) rune {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, c := range ",;\t" {
		r := csv.NewReader(bytes.NewReader(line))
		r.Comma = c
		names, err := r.Read()
		if err != nil {
			continue
		}
		for i := range names {
			names[i] = fieldName(names[i])
		}
		if !slices.ContainsFunc(t.marks, func(m string) bool { return !slices.Contains(names, m) }) {
			return c
		}
	}
	return 0
}

// maxTableRow bounds one row of JSON or CSV, which has its prompt and its answer in it where another program exports
// them. The part that is kept is bounded by maxLine.
const maxTableRow = 4 << 20

// isRow reports whether an object, of which this is the beginning, is a row: it has a column of the table before it has
// the rows of an API's answer.
func (t *table) isRow(head []byte) bool {
	d := newDocument(bytes.NewReader(head))
	row := false
	stop := errors.New("it is seen")
	_ = d.object(func(field string) error { // the head ends somewhere
		name := fieldName(field)
		if isPage(name) && !t.wants(name) {
			row = false
			return stop
		}
		row = row || t.wants(name)
		return d.skip()
	})
	return row
}

// isPage reports whether a field of an API's answer has its rows.
func isPage(name string) bool { return name == "data" || name == "items" || name == "logs" }

// readDocument reads an array of rows, or the answer of an API, with the rows in an array in "data" or below it.
func (t *table) readDocument(d *document, visit func(*Row) error) error {
	rows := func() error { return d.array(func() error { return d.row(t.parseRow, visit) }) }
	if c, err := d.peek(); err != nil || c == '[' {
		if err != nil {
			return err
		}
		return rows()
	}
	found := false
	page := func(inner func() error) func(string) error {
		return func(field string) error {
			if !isPage(fieldName(field)) {
				return d.skip()
			}
			c, err := d.peek()
			switch {
			case err != nil:
				return err
			case c == '[':
				found = true
				return rows()
			case c == '{' && inner != nil:
				return inner()
			}
			return d.skip()
		}
	}
	err := d.object(page(func() error { return d.object(page(nil)) }))
	if err == nil && !found {
		return &SyntaxError{d.line, `it is neither an array of rows, nor an object with them in "data", nor a row a line`}
	}
	return err
}

// parseRow parses one row of JSON.
func (t *table) parseRow(raw []byte, row *Row) {
	d := newDocument(bytes.NewReader(raw))
	if c, err := d.peek(); err != nil || c != '{' {
		row.Bad = "it is not a JSON object"
		return
	}
	r := record{}
	err := d.object(func(field string) error {
		name := fieldName(field)
		if !t.wants(name) {
			return d.skip()
		}
		long, err := d.value(true)
		if err != nil {
			return err
		}
		var v any
		if long {
			return fmt.Errorf("its field %q is longer than %d bytes", name, maxLine)
		}
		if err := strictjson.Unmarshal(d.raw, &v, cutTexts); err != nil {
			return fmt.Errorf("its field %q cannot be read: %w", name, err)
		}
		if _, twice := r[name]; !twice {
			r[name] = v
		}
		return nil
	})
	if err = d.whole(err); err == nil {
		t.parse(r, row)
		return
	}
	var syntax *SyntaxError
	if errors.As(err, &syntax) {
		row.Bad = syntax.Reason
	} else {
		row.Bad = err.Error()
	}
}

func (t *table) readCSV(in *bufio.Reader, lines int, comma rune, visit func(*Row) error) error {
	limited := &rowLimit{r: in, left: maxTableRow}
	c := csv.NewReader(limited)
	c.Comma, c.ReuseRecord, c.FieldsPerRecord = comma, true, -1
	header, err := c.Read()
	if err != nil {
		return csvError(err, lines)
	}
	names := make([]string, len(header))
	for i := range header {
		names[i] = fieldName(header[i])
	}
	for {
		limited.left = maxTableRow
		values, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err, lines)
		}
		line, _ := c.FieldPos(len(values) - 1)
		bad := ""
		if len(values) != len(names) {
			bad = fmt.Sprintf("it has %d columns where the header has %d", len(values), len(names))
		}
		r := record{}
		for i := range min(len(values), len(names)) {
			if _, twice := r[names[i]]; t.wants(names[i]) && !twice {
				r[names[i]] = strings.Clone(values[i]) // the reader uses its memory again
			}
		}
		if err := t.take(r, lines+line, bad, visit); err != nil {
			return err
		}
	}
}

// csvError returns the error for CSV that cannot be read on.
func csvError(err error, lines int) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &SyntaxError{lines + parse.Line, "it is not CSV: " + parse.Err.Error()}
	}
	return err
}

// rowLimit bounds the bytes that are read for one row; bytes that a reader buffers ahead count for the row before.
type rowLimit struct {
	r    io.Reader
	left int
}

var errLongRow = fmt.Errorf("a row of CSV is longer than %d MiB; is a quotation mark missing?", maxTableRow>>20)

func (l *rowLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRow
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

// text returns a value as text; "" where it is neither text nor a number.
func (r record) text(names ...string) string {
	for _, n := range names {
		switch v := r[n].(type) {
		case string:
			if v != "" {
				return v
			}
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return ""
}

// number returns a value that is a number, or the text of one; ok is false where there is none of these names.
func (r record) number(names ...string) (n float64, ok bool) {
	for _, name := range names {
		switch v := r[name].(type) {
		case float64:
			return v, true
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
				return f, true
			}
		}
	}
	return 0, false
}

// count returns a number of tokens: 0 where there is none, and -1 where the value cannot be one.
func (r record) count(names ...string) int64 {
	n, ok := r.number(names...)
	switch {
	case !ok:
		return 0
	case n < 0 || n > 1<<53 || n != math.Trunc(n):
		return -1
	}
	return int64(n)
}

// isTrue reports whether a value is true, in one of the ways in which databases write it.
func (r record) isTrue(name string) bool {
	switch v := r[name].(type) {
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		switch strings.ToLower(v) {
		case "t", "true", "1", "yes":
			return true
		}
	}
	return false
}

// within returns the fields of an object that a value is, or that its text spells, by their names in lower case.
func (r record) within(name string) record {
	v := r[name]
	if s, ok := v.(string); ok && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") {
		var o map[string]any
		if strictjson.Unmarshal([]byte(s), &o, cutTexts) != nil {
			return record{}
		}
		v = o
	}
	out := record{}
	o, _ := v.(map[string]any)
	for k, v := range o {
		out[strings.ToLower(k)] = v
	}
	return out
}

// moment returns a time that a value has as text (without a zone: UTC) or as seconds or milliseconds since 1970.
func (r record) moment(names ...string) (time.Time, bool) {
	for _, name := range names {
		if s, ok := r[name].(string); ok {
			if at, ok := spendTime(s); ok {
				return at, true
			}
		}
		n, ok := r.number(name)
		switch {
		case !ok || n <= 0:
		case n < 1e11:
			return time.Unix(0, int64(math.Round(n*1e3))*int64(time.Millisecond)).UTC(), true
		case n < 1e14:
			return time.UnixMilli(int64(n)).UTC(), true
		}
	}
	return time.Time{}, false
}

// json returns a record as JSON. The values that are to be numbers are written as numbers.
func (r record) json(spelled map[string]string, numbers ...string) []byte {
	out := map[string]any{}
	for name, v := range r {
		if s, ok := v.(string); ok && slices.Contains(numbers, name) {
			if s == "" {
				continue
			}
			if n, ok := r.number(name); ok {
				v = n
			}
		}
		if v != nil {
			out[spelled[name]] = v
		}
	}
	b, _ := json.Marshal(out) // of texts, numbers and what JSON nested
	return b
}
