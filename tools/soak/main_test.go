package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestArguments: the flag of properties goes to the packages that know it, and to no other.
func TestArguments(t *testing.T) {
	o := options{root: "../..", cpu: "1,2", race: true, checks: 7, packages: []testPackage{
		{dir: "../..", path: "github.com/tokenboard/tokenboard/internal/ledger"}, {dir: "../..", path: "github.com/tokenboard/tokenboard/internal/calendar"},
	}}
	var err error
	if o.checked, err = o.listChecked(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		args := o.arguments(o.packages[i].path, 5)
		if got := slices.Contains(args, "-rapid.checks=7"); got != want {
			t.Errorf("%s: %v", o.packages[i], args)
		}
		if line := strings.Join(args, " "); !strings.HasPrefix(line, "test -count=1 -timeout=60m -cpu=1,2 -shuffle=5 -race -gcflags=") {
			t.Error(line)
		}
		if args := o.testArguments(o.packages[i].path, 5); slices.Contains(args, "-rapid.checks=7") != want {
			t.Errorf("%s: %v", o.packages[i], args)
		}
	}
	o.race, o.checked = false, nil // as without -checks
	o.args = []string{"-run=TestA", "-rapid.seed=3", "--short"}
	if line := strings.Join(o.arguments("p", 5), " "); line != "test -count=1 -timeout=60m -cpu=1,2 -shuffle=5 p -run=TestA -rapid.seed=3 --short" {
		t.Error(line)
	}
	if line := strings.Join(o.testArguments("p", 5), " "); line != "-test.count=1 -test.timeout=60m -test.paniconexit0 -test.cpu=1,2 -test.shuffle=5 -test.run=TestA -rapid.seed=3 -test.short" {
		t.Error(line)
	}
}

// TestInARow: a package is built once and run as often as is said; what fails, or is not built, is found, with its output.
func TestInARow(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module soaked\n\ngo 1.24\n")
	write("x_test.go", "package soaked\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n"+
		"func TestX(t *testing.T) {\n\tif _, err := os.Stat(\"fail\"); err == nil {\n\t\tt.Fatal(\"as was asked for\")\n\t}\n}\n")
	o := options{root: dir, cpu: "1", times: 3, logs: t.TempDir(), built: t.TempDir(), modules: []string{"."}}
	var err error
	if o.packages, err = o.list(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	run := func(runs int, said ...string) {
		t.Helper()
		n, failures, err := o.inARow(t.Context(), o.packages[0])
		if err != nil || n != runs || len(failures) != len(said) {
			t.Fatalf("%d runs, %v: %v", n, failures, err)
		}
		for i, f := range failures {
			if text, err := os.ReadFile(f.log); err != nil || !bytes.Contains(text, []byte(said[i])) {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
	run(3)
	write("fail", "")
	run(3, "as was asked for", "as was asked for", "as was asked for")
	write("y_test.go", "package soaked\n\nfunc broken(\n")
	run(1, "y_test.go")
}
