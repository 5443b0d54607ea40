// Command audit looks for known vulnerabilities: in the Go modules with govulncheck, which reports what is called,
// and in npm packages that are shipped, with npm audit. It fails where one is found, and where the
// check itself is broken; where a database cannot be reached, or the time is over, it says so and does not fail.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// checks say what is looked at, and with what.
type checks struct {
	root        string
	govulncheck string
	database    string // of Go's vulnerabilities; empty: the public one
	modules     []string
	npm         []string
	out         io.Writer
}

// outcome is the result of the check of one folder.
type outcome int

const (
	clean       outcome = iota
	vulnerable          // a vulnerability that is called, or of a package that is shipped
	unreachable         // the database cannot be reached, or not in time
	broken              // the check itself fails
)

func main() {
	var c checks
	var modules, npm string
	var limit time.Duration
	flag.StringVar(&c.root, "root", ".", "the folder of the repository")
	flag.StringVar(&c.govulncheck, "govulncheck", "govulncheck", "the program")
	flag.StringVar(&c.database, "db", "", "the address of the database of Go's vulnerabilities; empty: the public one")
	flag.StringVar(&modules, "modules", ".", "folders of Go modules, separated by spaces; the smallest first finds out soonest that nothing can be reached")
	flag.StringVar(&npm, "npm", "", "folders of npm packages, separated by spaces")
	flag.DurationVar(&limit, "limit", 10*time.Minute, "the time for all")
	flag.Parse()
	c.modules, c.npm, c.out = strings.Fields(modules), strings.Fields(npm), os.Stdout
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		cancel()
		os.Exit(1) //nolint:gocritic // cancelled above
	}
}

// run checks every folder, and reports in one line what could not be checked.
func (c *checks) run(ctx context.Context) error {
	var failed []string
	for _, kind := range []struct {
		name    string
		folders []string
		check   func(context.Context, string) (outcome, string)
	}{{"govulncheck", c.modules, c.goModule}, {"npm audit", c.npm, c.npmPackage}} {
		for i, folder := range kind.folders {
			result, text := kind.check(ctx, filepath.Join(c.root, folder))
			switch result {
			case vulnerable, broken:
				failed = append(failed, kind.name+" "+folder)
				_, _ = fmt.Fprintf(c.out, "%s %s:\n%s\n", kind.name, folder, text)
			case unreachable:
				_, _ = fmt.Fprintf(c.out, "%s: NOT CHECKED: %s (%s)\n", kind.name, strings.Join(kind.folders[i:], " "), text)
			default:
				_, _ = fmt.Fprintf(c.out, "%s %s: no known vulnerability\n", kind.name, folder)
			}
			if result == unreachable {
				break // nor can it be for the next
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// goModule runs govulncheck, which ends with 3 where a vulnerable function is called.
func (c *checks) goModule(ctx context.Context, dir string) (outcome, string) {
	args := []string{"-C", dir}
	if c.database != "" {
		args = append(args, "-db", c.database)
	}
	stdout, stderr, err := run(ctx, "", c.govulncheck, append(args, "./...")...)
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return clean, ""
	case ctx.Err() != nil:
		return unreachable, "the time was over"
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		return vulnerable, stdout
	case strings.Contains(stderr, "fetching vulnerabilities"):
		return unreachable, firstLine(stderr)
	}
	return broken, fmt.Sprint(err, "\n", stdout, stderr)
}

// npmPackage runs npm audit for what is shipped; npm has no notion of what is called. It ends with 1 where it
// found something, and where it could not ask.
func (c *checks) npmPackage(ctx context.Context, dir string) (outcome, string) {
	stdout, stderr, err := run(ctx, dir, "npm", "audit", "--json", "--omit=dev", "--fetch-retries=0", "--fetch-timeout=30000")
	if ctx.Err() != nil {
		return unreachable, "the time was over"
	}
	return npmOutcome(stdout, stderr, err)
}

func npmOutcome(stdout, stderr string, err error) (outcome, string) {
	var report struct {
		Message  string
		Error    *struct{ Code, Summary, Detail string }
		Metadata *struct {
			Vulnerabilities struct{ Total int }
		}
		Vulnerabilities map[string]struct{ Severity, Range string }
	}
	if json.Unmarshal([]byte(stdout), &report) != nil {
		return broken, fmt.Sprint(err, "\n", stdout, stderr)
	}
	switch {
	case report.Metadata != nil && report.Metadata.Vulnerabilities.Total > 0:
		var text strings.Builder
		for name, v := range report.Vulnerabilities {
			fmt.Fprintf(&text, "  %s %s: %s\n", name, v.Range, v.Severity)
		}
		return vulnerable, text.String() + "npm audit --omit=dev in that folder says more"
	case report.Metadata != nil && err == nil:
		return clean, ""
	case report.Error != nil && report.Error.Code == "ENOLOCK":
		return broken, report.Error.Summary
	case report.Message != "" || report.Error != nil: // no answer, or one of a registry that does not audit
		return unreachable, strings.SplitN(report.Message, " - ", 2)[0]
	}
	return broken, fmt.Sprint(err, "\n", stdout, stderr)
}

func run(ctx context.Context, dir, name string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the caller's program
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
