package history

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// maxCalls bounds how deep functions are nested: sqlite3's .dump writes two around a text with line breaks.
const maxCalls = 8

// value reads one value and the separator after it.
func (s *sqlDump) value(keep bool, depth int) (v any, end string, err error) {
	w, quoted, err := s.word()
	if err != nil {
		return nil, "", err
	}
	switch {
	case quoted: // "text" of MySQL in ANSI mode
		v = w
	case w == "'":
		v, err = s.quoted('\'', keep)
	default:
		v, err = s.unquoted(w, keep, depth)
	}
	if err != nil {
		return nil, "", err
	}
	end, _, err = s.word()
	for err == nil && end == ":" { // '...'::text
		if end, _, err = s.word(); err == nil && end == ":" {
			if _, _, err = s.word(); err == nil {
				end, _, err = s.word()
			}
		}
	}
	return v, end, err
}

// unquoted reads a value that begins with a word.
func (s *sqlDump) unquoted(w string, keep bool, depth int) (any, error) {
	c, err := s.peek()
	if err != nil {
		return nil, err
	}
	upper := strings.ToUpper(w)
	switch {
	case c == '\'':
		_, _ = s.in.Discard(1) // it is buffered
		escapes := s.mysql
		s.mysql = escapes || upper == "E"
		text, err := s.quoted('\'', keep)
		s.mysql = escapes
		if err == nil && upper == "X" && keep {
			b, bad := hex.DecodeString(text)
			if bad != nil {
				return nil, s.wrong("X'...' has no hexadecimal digits")
			}
			text = string(b)
		}
		return text, err
	case c == '(':
		_, _ = s.in.Discard(1) // it is buffered
		return s.call(upper, keep, depth)
	case strings.HasPrefix(w, "_"): // _binary '...'
		if err := s.blank(); err != nil {
			return nil, err
		}
		if c, _ := s.peek(); c == '\'' {
			_, _ = s.in.Discard(1) // it is buffered
			return s.quoted('\'', keep)
		}
	case upper == "NULL":
		return nil, nil
	}
	return w, nil
}

// call reads the functions that sqlite3's .dump writes texts with; its opening bracket is read already.
func (s *sqlDump) call(name string, keep bool, depth int) (any, error) {
	if depth == maxCalls {
		return nil, s.wrong("functions are nested deeper than %d levels", maxCalls)
	}
	var args [3]string
	n := 0
	for end := ","; end == ","; n++ {
		var v any
		var err error
		if v, end, err = s.value(keep, depth+1); err != nil {
			return nil, err
		}
		if end != "," && end != ")" {
			return nil, s.wrong("there is %q where an argument of %s or its end is due", end, name)
		}
		if n < len(args) {
			args[n], _ = v.(string)
		}
	}
	switch {
	case !keep:
		return nil, nil
	case name == "REPLACE" && n == len(args):
		return strings.ReplaceAll(args[0], args[1], args[2]), nil
	case name == "CHAR" && n == 1:
		code, err := strconv.ParseUint(args[0], 10, 21)
		if err != nil {
			return nil, s.wrong("CHAR has no number of a character")
		}
		return string(rune(code)), nil
	case name == "UNISTR" && n == 1:
		return unistr(args[0]), nil
	}
	return nil, s.wrong("a value is the function %.40s, which is not executed", name)
}

// unistr replaces \XXXX, \uXXXX, \UXXXXXXXX and \+XXXXXX by the characters with these numbers.
func unistr(s string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '\\')
		if at < 0 || at+1 == len(s) {
			return b.String() + s
		}
		b.WriteString(s[:at])
		s = s[at+1:]
		skip, digits := 0, 4
		switch s[0] {
		case 'u':
			skip = 1
		case 'U':
			skip, digits = 1, 8
		case '+':
			skip, digits = 1, 6
		case '\\':
			b.WriteByte('\\')
			s = s[1:]
			continue
		}
		if len(s) < skip+digits {
			b.WriteByte('\\')
			continue
		}
		code, err := strconv.ParseUint(s[skip:skip+digits], 16, 32)
		if err != nil {
			b.WriteByte('\\')
			continue
		}
		b.WriteRune(rune(code & 0x7fffffff)) // of 31 bits; an invalid character becomes U+FFFD
		s = s[skip+digits:]
	}
}

// copy reads the rows of PostgreSQL's COPY ... FROM stdin, a line each, with tabs between the columns.
func (s *sqlDump) copy(found *bool) error {
	name, err := s.name()
	if err != nil {
		return err
	}
	columns := s.columns
	w, _, err := s.word()
	if err == nil && w == "(" {
		columns, err = s.list()
	}
	if err == nil {
		err = s.restOfStatement("")
	}
	if err == nil {
		err = s.restOfLine()
	}
	if err != nil {
		return err
	}
	mine := s.is(name)
	*found = *found || mine
	if mine && columns == nil {
		return s.wrong("the dump does not name the columns of the table %s: it has neither its CREATE TABLE nor names in COPY", s.table.name)
	}
	for {
		if b, _ := s.in.Peek(2); string(b) == `\.` {
			return s.restOfLine()
		}
		if !mine {
			if _, err := s.peek(); err != nil {
				return err
			}
			if err := s.restOfLine(); err != nil {
				return err
			}
			continue
		}
		if err := s.copied(columns); err != nil {
			return err
		}
	}
}

// copied reads one line of COPY.
func (s *sqlDump) copied(columns []string) error {
	r := record{}
	s.long = false
	for n := 0; ; n++ {
		keep := n < len(columns) && s.table.wants(columns[n])
		v, end, err := s.copiedValue(keep)
		if err != nil {
			return err
		}
		if keep {
			r[columns[n]] = v
		}
		if end {
			return s.table.take(r, s.line-1, s.badRow(n+1, len(columns)), s.visit)
		}
		if n > maxColumns {
			return s.wrong("a row has more than %d columns", maxColumns)
		}
	}
}

// copiedValue reads a value of COPY. end reports that it was the last of its line.
func (s *sqlDump) copiedValue(keep bool) (v any, end bool, err error) {
	var b []byte
	null := false
	for {
		c, err := s.next()
		if err != nil {
			return nil, false, err
		}
		switch c {
		case '\t', '\n':
			if null {
				return nil, c == '\n', nil
			}
			return string(b), c == '\n', nil
		case '\\':
			if c, err = s.next(); err != nil {
				return nil, false, err
			}
			if null = c == 'N' && len(b) == 0; null {
				continue
			}
			if e := strings.IndexByte("bfnrtv", c); e >= 0 {
				c = "\b\f\n\r\t\v"[e]
			}
		}
		switch {
		case !keep:
		case len(b) > maxLine:
			s.long = true
		default:
			b = append(b, c)
		}
	}
}
