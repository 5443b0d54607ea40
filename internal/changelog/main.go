// Command changelog moves the entries in .changes into the section "Unreleased" of CHANGELOG.md. Entries are files
// of their own so that branches do not conflict; see .changes/README.md.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// areas are the parts of a section, in their order.
var areas = []string{"Breaking changes", "Counting", "Money", "Sources", "Console", "Monitoring", "The binary"}

// unreleased begins the heading of the section that entries go to.
const unreleased = "## Unreleased"

// entry is one change.
type entry struct {
	path, area, text string
}

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "changelog:", err)
		os.Exit(1)
	}
}

// run moves the entries of a repository. The changelog is written before entries are removed: if that fails, nothing
// is lost, and an entry that is left can be seen in both places.
func run(root string) error {
	entries, err := read(filepath.Join(root, ".changes"))
	if err != nil {
		return err
	}
	path := filepath.Join(root, "CHANGELOG.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the changelog: %w", err)
	}
	next, err := assemble(string(text), entries)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(next), 0o644); err != nil { //nolint:gosec // of the repository
		return fmt.Errorf("write the changelog: %w", err)
	}
	for _, e := range entries {
		if err := os.Remove(e.path); err != nil {
			return fmt.Errorf("remove an entry that is in the changelog now: %w", err)
		}
	}
	return nil
}

// read returns the entries in a directory, ordered by file name.
func read(dir string) (entries []entry, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, fmt.Errorf("list the entries: %w", err)
	}
	var errs []error
	for _, path := range paths {
		if filepath.Base(path) == "README.md" {
			continue
		}
		text, err := os.ReadFile(path)
		if err == nil {
			var e entry
			e, err = parse(string(text))
			e.path = path
			entries = append(entries, e)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	return entries, errors.Join(errs...)
}

func parse(text string) (entry, error) {
	area, body, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), "\n")
	e := entry{area: strings.TrimSpace(area), text: strings.TrimSpace(body)}
	switch {
	case !slices.Contains(areas, e.area):
		return e, fmt.Errorf("the first line is %q; it must be one of: %s", e.area, strings.Join(areas, ", "))
	case e.text == "":
		return e, errors.New("there is no entry below the area")
	case strings.HasPrefix(e.text, "-"), strings.Contains(e.text, "\n\n"):
		return e, errors.New("write one paragraph without a list; make a file for each change")
	}
	return e, nil
}

// assemble returns the changelog with the entries in its section "Unreleased".
func assemble(changelog string, entries []entry) (string, error) {
	if len(entries) == 0 {
		return changelog, nil
	}
	lines := strings.Split(changelog, "\n")
	begin := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, unreleased) })
	if begin < 0 {
		return "", fmt.Errorf("CHANGELOG.md has no section %q; add it above the last release", unreleased)
	}
	end := begin + 1
	for end < len(lines) && !strings.HasPrefix(lines[end], "## ") {
		end++
	}
	section := slices.Clone(lines[begin:end])
	for _, area := range areas {
		var bullets []string
		for _, e := range entries {
			if e.area == area {
				bullets = append(bullets, "- "+strings.ReplaceAll(e.text, "\n", "\n  "))
			}
		}
		section = insert(section, area, bullets)
	}
	return strings.Join(slices.Concat(lines[:begin], section, lines[end:]), "\n"), nil
}

// insert adds bullets at the end of an area of a section; the area is added where it is missing.
func insert(section []string, area string, bullets []string) []string {
	if len(bullets) == 0 {
		return section
	}
	at := slices.Index(section, area)
	if at < 0 {
		for len(section) > 0 && section[len(section)-1] == "" {
			section = section[:len(section)-1]
		}
		return slices.Concat(section, []string{"", area}, bullets, []string{""})
	}
	for at < len(section) && section[at] != "" {
		at++
	}
	return slices.Insert(section, at, bullets...)
}
