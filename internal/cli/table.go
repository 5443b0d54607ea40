package cli

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/client"
)

// table is lines of cells, written with the columns aligned. A column whose head begins with a blank is
// aligned to the right.
type table struct {
	heads []string
	lines [][]string
}

func newTable(heads ...string) *table { return &table{heads: heads} }

func (t *table) add(cells ...string) { t.lines = append(t.lines, cells) }

func (t *table) write(w io.Writer) error {
	widths := make([]int, len(t.heads))
	right := make([]bool, len(t.heads))
	heads := make([]string, len(t.heads))
	for i, h := range t.heads {
		heads[i], right[i] = strings.TrimPrefix(h, " "), strings.HasPrefix(h, " ")
	}
	lines := append([][]string{heads}, t.lines...)
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	if strings.Join(heads, "") == "" {
		lines = lines[1:]
	}
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			blank := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				text.WriteString("  ")
			}
			if right[i] {
				text.WriteString(blank + cell)
			} else {
				text.WriteString(cell + blank)
			}
		}
		out.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// printable keeps texts of telemetry from doing anything to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// or returns a text, or a dash where there is none.
func or(s string) string {
	if s == "" {
		return "-"
	}
	return printable(s)
}

// count writes a number with commas: 1,234,567.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func maybe(n *int64) string {
	if n == nil {
		return "-"
	}
	return count(*n)
}

func dollars(u client.USD) string {
	if u == "" {
		return "-"
	}
	return "$" + string(u)
}

// sumCost writes the cost of several calls; a plus says that some have no price, and are not in it.
func sumCost(cost client.USD, unpriced int64) string {
	switch {
	case unpriced == 0:
		return dollars(cost)
	case cost == "" || cost == "0":
		return "-"
	}
	return dollars(cost) + "+"
}

func milliseconds(ms *float64) string {
	if ms == nil {
		return "-"
	}
	return strconv.FormatFloat(*ms, 'f', 0, 64)
}

func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
