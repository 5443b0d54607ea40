package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// output is where a report goes.
type output struct{ json, markdown *string }

func outputFlags(f *flag.FlagSet) output {
	return output{
		json:     f.String("json", "", "write the figures to this file, too"),
		markdown: f.String("markdown", "", "put the tables into this document, between its marks for them"),
	}
}

// without returns the command with the flags that were set, except the flags of the output.
func (output) without(f *flag.FlagSet, name string) []string {
	args := []string{name}
	f.Visit(func(g *flag.Flag) {
		switch {
		case g.Name == "json" || g.Name == "markdown" || g.Name == "data":
		case g.Value.String() == "true":
			args = append(args, "--"+g.Name)
		default:
			args = append(args, "--"+g.Name, g.Value.String())
		}
	})
	return args
}

func (o output) write(r *report) error {
	r.text(os.Stdout)
	if *o.markdown != "" {
		if err := r.into(*o.markdown); err != nil {
			return err
		}
	}
	if *o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(struct {
		Machine machine           `json:"machine"`
		Figures map[string]figure `json:"figures"`
	}{r.machine, r.figures}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	if err := os.WriteFile(*o.json, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

// text prints the report for a terminal.
func (r *report) text(w io.Writer) {
	var b bytes.Buffer
	fmt.Fprintln(&b, &r.machine)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s\n", t.title)
		widths := make([]int, len(t.columns))
		for _, row := range append([][]string{t.columns}, t.rows...) {
			for i, cell := range row {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
		for _, row := range append([][]string{t.columns}, t.rows...) {
			line := "  "
			for i, cell := range row {
				pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
				if i == 0 {
					line += cell + pad
				} else {
					line += "  " + pad + cell
				}
			}
			fmt.Fprintln(&b, strings.TrimRight(line, " "))
		}
	}
	_, _ = w.Write(b.Bytes())
}

func (m *machine) String() string {
	return fmt.Sprintf("%s, %d cores, %g GB, load %g at the begin, Linux %s, %s, commit %s, %s",
		m.CPU, m.Cores, m.Memory, m.Load, m.Kernel, m.Go, m.Commit, m.Time.Format(time.RFC3339))
}

// Between these lines a document's tables are replaced.
const (
	tablesBegin = "<!-- bench: the tables begin -->"
	tablesEnd   = "<!-- bench: the tables end -->"
)

// into puts the tables into a document.
func (r *report) into(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	before, rest, begins := strings.Cut(string(b), tablesBegin)
	_, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q", file, tablesBegin, tablesEnd)
	}
	var t strings.Builder
	fmt.Fprintf(&t, "%s\n\nMade by `bench %s`. Measured on: %s.\n", tablesBegin, strings.Join(r.made, " "), &r.machine)
	for _, table := range r.tables {
		fmt.Fprintf(&t, "\n%s:\n\n| %s |\n|%s\n", table.title, strings.Join(table.columns, " | "), "---|"+strings.Repeat("--:|", len(table.columns)-1))
		for _, row := range table.rows {
			fmt.Fprintf(&t, "| %s |\n", strings.Join(row, " | "))
		}
	}
	fmt.Fprintf(&t, "\n%s", tablesEnd)
	if err := os.WriteFile(file, []byte(before+t.String()+after), 0o600); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}
