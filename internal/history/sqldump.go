package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// sqlDump reads the rows of one table from a dump as mysqldump, pg_dump and sqlite3's .dump write it: INSERT
// statements, and the COPY of PostgreSQL. It executes nothing; everything else in the file is passed over. It keeps no
// more of the file than the columns of one row that are read.
type sqlDump struct {
	in      *bufio.Reader
	line    int
	table   *table
	visit   func(*Row) error
	columns []string // of the table, in the order of CREATE TABLE
	mysql   bool     // a backslash in a text is an escape
	sqlite  bool     // it is not, though names are in backticks
	long    bool     // a value of the row at hand was longer than it may be
}

func (t *table) readSQL(in *bufio.Reader, lines int, visit func(*Row) error) error {
	s := &sqlDump{in: in, line: 1 + lines, table: t, visit: visit}
	found := false
	for first := true; ; first = false {
		err := s.statement(&found)
		switch {
		case errors.Is(err, errEnd) && found:
			return nil
		case errors.Is(err, errEnd), errors.Is(err, io.EOF) && first && !found:
			return s.wrong("it is neither JSON, nor CSV with a header, nor a database dump with the table %s", t.name)
		case errors.Is(err, io.EOF):
			return s.wrong("the dump ends within a statement")
		case err != nil:
			return err
		}
	}
}

// errEnd reports the end of a file between two statements.
var errEnd = errors.New("the dump is at its end")

func (s *sqlDump) wrong(format string, args ...any) error {
	return &SyntaxError{s.line, fmt.Sprintf(format, args...)}
}

func (s *sqlDump) next() (byte, error) {
	c, err := s.in.ReadByte()
	if c == '\n' && err == nil {
		s.line++
	}
	return c, err
}

func (s *sqlDump) peek() (byte, error) {
	b, err := s.in.Peek(1)
	if len(b) == 0 {
		return 0, err
	}
	return b[0], nil
}

// blank passes over white space and comments.
func (s *sqlDump) blank() error {
	for {
		s.line += skipBlank(s.in)
		b, _ := s.in.Peek(2)
		switch {
		case len(b) == 0:
			_, err := s.in.Peek(1)
			return err
		case string(b) == "--" || b[0] == '#':
			line, err := s.in.ReadSlice('\n')
			if strings.Contains(string(line), "MySQL dump") || strings.Contains(string(line), "MariaDB dump") {
				s.mysql = true
			}
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = s.in.ReadSlice('\n')
			}
			if err != nil {
				return err
			}
			s.line++
		case string(b) == "/*":
			if err := s.comment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// comment passes over /* ... */.
func (s *sqlDump) comment() error {
	_, _ = s.in.Discard(2) // it is buffered
	for star := false; ; {
		c, err := s.next()
		if err != nil {
			return err
		}
		if star && c == '/' {
			return nil
		}
		star = c == '*'
	}
}

// maxWord bounds a name, a number or a keyword.
const maxWord = 256

// word returns the next token: a bare word or number, a quoted name without its quotation marks, or one other
// character. quoted reports a name in quotation marks.
func (s *sqlDump) word() (text string, quoted bool, err error) {
	if err := s.blank(); err != nil {
		return "", false, err
	}
	c, err := s.next()
	if err != nil {
		return "", false, err
	}
	if c == '"' || c == '`' {
		s.mysql = s.mysql || (c == '`' && !s.sqlite)
		text, err = s.quoted(c, true)
		return text, true, err
	}
	if !isWordByte(c) {
		return string([]byte{c}), false, nil
	}
	b := []byte{c}
	for {
		c, err := s.peek()
		if err != nil && !errors.Is(err, io.EOF) {
			return "", false, err
		}
		if err != nil || !isWordByte(c) {
			return string(b), false, nil
		}
		if b = append(b, c); len(b) > maxWord {
			return "", false, s.wrong("a word is longer than %d bytes", maxWord)
		}
		_, _ = s.in.Discard(1) // it is buffered
	}
}

func isWordByte(c byte) bool {
	return c == '_' || c == '.' || c == '+' || c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}

// quoted reads a text up to its closing quotation mark; the opening one is read already. Two marks stand for one. It
// returns the text only if keep is set.
func (s *sqlDump) quoted(mark byte, keep bool) (string, error) {
	var b []byte
	put := func(c ...byte) {
		switch {
		case !keep:
		case len(b) > maxLine:
			s.long = true
		default:
			b = append(b, c...)
		}
	}
	for {
		c, err := s.next()
		switch {
		case err != nil:
			return "", err
		case c == mark:
			if next, err := s.peek(); err != nil || next != mark {
				return string(b), nil
			}
			_, _ = s.in.Discard(1) // it is buffered
			put(mark)
		case c == '\\' && s.mysql && mark != '`':
			if c, err = s.next(); err != nil {
				return "", err
			}
			if e := strings.IndexByte("0bnrtZ", c); e >= 0 {
				c = "\x00\b\n\r\t\x1a"[e]
			}
			put(c)
		default:
			put(c)
		}
	}
}

// statement reads one statement, and visits the rows in it.
func (s *sqlDump) statement(found *bool) error {
	if err := s.blank(); err != nil {
		if errors.Is(err, io.EOF) {
			return errEnd
		}
		return err
	}
	if c, _ := s.peek(); c == '\\' { // a command of psql
		return s.restOfLine()
	}
	first, _, err := s.word()
	if err != nil {
		return err
	}
	switch strings.ToUpper(first) {
	case ";":
		return nil
	case "PRAGMA":
		s.sqlite = true
	case "CREATE":
		return s.create()
	case "INSERT", "REPLACE":
		return s.insert(found)
	case "COPY":
		return s.copy(found)
	}
	return s.restOfStatement(first)
}

func (s *sqlDump) restOfLine() error {
	for {
		_, err := s.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		s.line++
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// restOfStatement skips everything up to the semicolon that ends the statement. last is the token that was read last.
func (s *sqlDump) restOfStatement(last string) error {
	for last != ";" {
		var err error
		switch last {
		case "'":
			_, err = s.quoted('\'', false)
		case "$":
			err = s.dollars()
		}
		if err != nil {
			return err
		}
		if last, _, err = s.word(); err != nil {
			return err
		}
	}
	return nil
}

// dollars passes over a text of PostgreSQL between $tag$ and $tag$, whose first character is read already.
func (s *sqlDump) dollars() error {
	tag := []byte{'$'}
	for {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c != '$' && (!isWordByte(c) || len(tag) > maxWord) {
			return nil // $1
		}
		_, _ = s.in.Discard(1) // it is buffered
		if tag = append(tag, c); c == '$' {
			break
		}
	}
	for n := 0; n < len(tag); {
		c, err := s.next()
		if err != nil {
			return err
		}
		switch c {
		case tag[n]:
			n++
		case '$':
			n = 1
		default:
			n = 0
		}
	}
	return nil
}

// is reports whether a name, with or without a schema's name in front, is the name of the table.
func (s *sqlDump) is(name string) bool {
	name = strings.ToLower(name)
	return name[strings.LastIndexByte(name, '.')+1:] == s.table.name
}

// name reads the name of a table, and returns it without the schema's name.
func (s *sqlDump) name() (string, error) {
	name, _, err := s.word()
	for err == nil {
		var b []byte
		if b, _ = s.in.Peek(1); len(b) == 0 || (b[0] != '.' && !strings.HasSuffix(name, ".")) {
			break
		}
		if b[0] == '.' {
			_, _ = s.in.Discard(1) // it is buffered
		}
		name, _, err = s.word()
	}
	return name, err
}

// create reads the columns of the table.
func (s *sqlDump) create() error {
	for {
		w, _, err := s.word()
		if err != nil {
			return err
		}
		if w == ";" {
			return nil
		}
		if strings.EqualFold(w, "TABLE") {
			break
		}
		if !strings.EqualFold(w, "TEMPORARY") && !strings.EqualFold(w, "UNLOGGED") {
			return s.restOfStatement(w)
		}
	}
	name, err := s.name()
	for err == nil && (strings.EqualFold(name, "IF") || strings.EqualFold(name, "NOT") || strings.EqualFold(name, "EXISTS")) {
		name, err = s.name()
	}
	if err != nil {
		return err
	}
	if !s.is(name) {
		return s.restOfStatement(name)
	}
	open, _, err := s.word()
	if err != nil || open != "(" {
		if err == nil {
			err = s.restOfStatement(open)
		}
		return err
	}
	return s.define()
}

// maxColumns bounds the columns of the table.
const maxColumns = 1000

// define reads the definitions of columns up to the end of CREATE TABLE.
func (s *sqlDump) define() error {
	s.columns = nil
	for first, depth := true, 1; ; {
		w, quoted, err := s.word()
		if err != nil {
			return err
		}
		switch {
		case quoted && first:
			s.columns = append(s.columns, fieldName(w))
		case quoted:
		case w == ";":
			return nil
		case w == "'":
			if _, err := s.quoted('\'', false); err != nil {
				return err
			}
		case w == "(":
			depth++
		case w == ")":
			depth--
		case first:
			switch strings.ToUpper(w) {
			case "PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "CHECK", "FOREIGN", "FULLTEXT", "SPATIAL", "EXCLUDE":
			default:
				s.columns = append(s.columns, fieldName(w))
			}
		}
		if first = w == "," && !quoted && depth == 1; len(s.columns) > maxColumns {
			return s.wrong("the table has more than %d columns", maxColumns)
		}
	}
}

// list reads names between brackets, the first of which is read already.
func (s *sqlDump) list() (names []string, err error) {
	for {
		w, quoted, err := s.word()
		switch {
		case err != nil:
			return nil, err
		case !quoted && w == ")":
			return names, nil
		case !quoted && w == ",":
		case len(names) == maxColumns:
			return nil, s.wrong("the table has more than %d columns", maxColumns)
		default:
			names = append(names, fieldName(w))
		}
	}
}

// insert reads the rows of an INSERT.
func (s *sqlDump) insert(found *bool) error {
	w, _, err := s.word()
	for err == nil && !strings.EqualFold(w, "INTO") && w != ";" {
		w, _, err = s.word()
	}
	if err != nil || w == ";" {
		return err
	}
	name, err := s.name()
	if err != nil {
		return err
	}
	if !s.is(name) {
		return s.restOfStatement("")
	}
	*found = true
	columns := s.columns
	w, _, err = s.word()
	if err == nil && w == "(" {
		if columns, err = s.list(); err == nil {
			w, _, err = s.word()
		}
	}
	for err == nil && w != ";" && w != "(" { // VALUES, OVERRIDING SYSTEM VALUE, the comma between two rows
		w, _, err = s.word()
	}
	if columns == nil && err == nil {
		return s.wrong("the dump does not name the columns of the table %s: it has neither its CREATE TABLE nor names in INSERT", s.table.name)
	}
	for err == nil && w != ";" {
		if w != "(" {
			return s.wrong("there is %q where a row of an INSERT or its end is due", w)
		}
		if err = s.row(columns); err != nil {
			return err
		}
		if w, _, err = s.word(); err == nil && w == "," {
			w, _, err = s.word()
		}
		if strings.EqualFold(w, "ON") { // ON CONFLICT DO NOTHING, ON DUPLICATE KEY UPDATE
			return s.restOfStatement(w)
		}
	}
	return err
}

// row reads the values of one row, the bracket before which is read already.
func (s *sqlDump) row(columns []string) error {
	r := record{}
	s.long = false
	n := 0
	for {
		keep := n < len(columns) && s.table.wants(columns[n])
		v, end, err := s.value(keep, 0)
		if err != nil {
			return err
		}
		if keep {
			r[columns[n]] = v
		}
		n++
		if end == ")" {
			break
		}
		if end != "," || n > maxColumns {
			return s.wrong("there is %q where the next value of a row is due", end)
		}
	}
	return s.table.take(r, s.line, s.badRow(n, len(columns)), s.visit)
}

func (s *sqlDump) badRow(values, columns int) string {
	switch {
	case s.long:
		return fmt.Sprintf("it has a value that is longer than %d bytes", maxLine)
	case values != columns:
		return fmt.Sprintf("it has %d values where the table has %d columns", values, columns)
	}
	return ""
}
