package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestManual: the manual names each command of the program.
func TestManual(t *testing.T) {
	binary := os.Getenv("TOKENBOARD_BINARY")
	if binary == "" {
		t.Skip("TOKENBOARD_BINARY does not name the built program")
	}
	help, err := exec.Command(binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../../packaging/tokenboard.1")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(help), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	commands := regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(list, -1)
	if len(commands) < 10 {
		t.Fatalf("%d commands in the help", len(commands))
	}
	for _, c := range commands {
		if !strings.Contains(string(manual), "\n.B "+strings.ReplaceAll(c[1], "-", `\-`)+"\n") {
			t.Errorf("the manual has no command %s", c[1])
		}
	}
}
