// Package jsonlines reads the captures that tests replay: one JSON document on each line.
package jsonlines

import (
	"bufio"
	"bytes"
	"os"
	"testing"
)

// maxLine is the longest line, in bytes: one export request with all its texts.
const maxLine = 16 << 20

// Read returns the lines of a file; none where there is no such file.
func Read(t testing.TB, path string) (lines [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatalf("open the capture: %v", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLine)
	for sc.Scan() {
		lines = append(lines, bytes.Clone(sc.Bytes()))
	}
	if err := sc.Err(); err != nil {
		t.Fatalf("read the capture: %v", err)
	}
	return lines
}
