package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRacesAreFound: the race detector, without its calls in SQLite's own code, finds races in our code, in arguments that
// the driver reads, and in functions that SQLite calls; and it reports none where there is none.
func TestRacesAreFound(t *testing.T) {
	if cgo, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output(); err != nil || bytes.HasPrefix(cgo, []byte("0")) {
		t.Skip("the race detector needs cgo")
	} else if _, err := exec.LookPath(string(bytes.TrimSpace(bytes.TrimPrefix(cgo, []byte("1"))))); err != nil {
		t.Skip("the race detector needs a C compiler")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "race")
	build := exec.Command("go", "build", "-race", spared, "-o", program, "tools/soak/testdata/race/main.go")
	build.Dir = filepath.Join("..", "..") // the module that has SQLite
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	for place, function := range map[string]string{"ours": "main.ours", "argument": "main.argument", "callback": "main.main.func", "none": ""} {
		t.Run(place, func(t *testing.T) {
			cmd := exec.Command(program, place, filepath.Join(dir, place+".db"))
			cmd.Env = append(os.Environ(), "GORACE=exitcode=66 atexit_sleep_ms=0")
			out, err := cmd.CombinedOutput()
			if place == "none" {
				if err != nil || bytes.Contains(out, []byte("DATA RACE")) {
					t.Fatalf("%v: %s", err, out)
				}
				return
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 66 {
				t.Fatalf("no race was found: %v: %s", err, out)
			}
			if !bytes.Contains(out, []byte("WARNING: DATA RACE")) || !bytes.Contains(out, []byte(function)) {
				t.Fatalf("another race was found: %s", out)
			}
		})
	}
}

// TestSparedInMakefile: make test spares the same.
func TestSparedInMakefile(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(makefile, []byte("$(if $(RACE),"+spared+")")) {
		t.Fatalf("the Makefile does not have %s", spared)
	}
}
