package main

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// TestArguments: the flag of properties goes to the packages that know it, and to no other.
func TestArguments(t *testing.T) {
	o := options{root: "../..", cpu: "1,2", race: true, checks: 7, packages: []testPackage{
		{"../..", "github.com/tokenboard/tokenboard/internal/ledger"}, {"../..", "github.com/tokenboard/tokenboard/internal/calendar"},
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
	}
	o.race, o.checked = false, nil // as without -checks
	if line := strings.Join(o.arguments("p", 5), " "); line != "test -count=1 -timeout=60m -cpu=1,2 -shuffle=5 p" {
		t.Error(line)
	}
}
