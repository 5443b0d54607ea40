package download

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// byteOrderMark makes spreadsheets take a CSV file's text for UTF-8.
const byteOrderMark = "\uFEFF"

// CSV writes rows in which no cell is a formula. Everything that is written as CSV goes through it.
type CSV struct {
	w     *csv.Writer
	out   io.Writer
	begun bool
}

// NewCSV returns a writer of CSV.
func NewCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w), out: w} }

// NewPlainCSV returns a writer of CSV without a byte order mark, for programs that take it for a part of the first name.
func NewPlainCSV(w io.Writer) *CSV { return &CSV{w: csv.NewWriter(w), out: w, begun: true} }

// Write writes one row.
func (c *CSV) Write(row []string) error {
	if !c.begun {
		c.begun = true
		if _, err := io.WriteString(c.out, byteOrderMark); err != nil {
			return err //nolint:wrapcheck // names what it is
		}
	}
	for i, s := range row {
		row[i] = cell(s)
	}
	return c.w.Write(row) //nolint:wrapcheck // names what it is
}

// Flush ends the rows.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error() //nolint:wrapcheck // names what it is
}

// cell keeps a spreadsheet from running a text as a formula, see https://owasp.org/www-community/attacks/CSV_Injection.
// Spreadsheets ignore invisible characters, take wide forms for the plain ones, and in some countries separate cells by
// semicolons.
func cell(s string) string {
	if plainNumber(s) {
		return s
	}
	var b strings.Builder
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		b.WriteByte('\'')
	}
	for s != "" {
		end := strings.IndexAny(s, ";\t\r\n") + 1
		if end == 0 {
			end = len(s)
		}
		first := strings.IndexFunc(s[:end], func(r rune) bool { return !invisible(r) })
		if first >= 0 && startsFormula(s[first:end]) {
			b.WriteByte('\'')
		}
		b.WriteString(s[:end])
		s = s[end:]
	}
	return b.String()
}

func startsFormula(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	plain := norm.NFKC.String(string(r)) // of full-width and small forms
	return r == '\u2212' || plain != "" && strings.IndexByte("=+-@|", plain[0]) >= 0
}

// invisible reports whether a letter before a formula is invisible.
func invisible(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.IsMark(r) || r == '"' || r == unicode.ReplacementChar ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r)
}

// plainNumber reports whether a text is a number, which no spreadsheet runs.
func plainNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return strings.ContainsAny(digits, "0123456789") && strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") <= 1
}
