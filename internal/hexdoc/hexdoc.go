// Package hexdoc reads bytes that are written as hexadecimal text: the annotated examples in docs/formats, and
// golden files of binary formats. Tests use it to keep documents, golden files and code the same.
package hexdoc

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// File returns the bytes of a golden file: hexadecimal digits with any white space between them.
func File(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the golden file: %w", err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		return nil, fmt.Errorf("read the golden file %s: %w", path, err)
	}
	return b, nil
}

// Text returns bytes as File reads them, 32 a line.
func Text(b []byte) string {
	const each = 32
	var out strings.Builder
	for len(b) > 0 {
		n := min(each, len(b))
		fmt.Fprintf(&out, "%x\n", b[:n])
		b = b[n:]
	}
	return out.String()
}

// Example returns the bytes of an annotated example in a Markdown document. The example is the code block that
// follows the line "<!-- hex: NAME -->". Its lines are an offset of four hexadecimal digits, bytes, and after a
// semicolon an annotation, which may go on in lines that begin with blanks and a semicolon.
func Example(document, name string) ([]byte, error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	_, rest, found := strings.Cut(string(text), "<!-- hex: "+name+" -->\n```text\n")
	body, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		return nil, fmt.Errorf("%s has no example %q", document, name)
	}
	return parse(body)
}

func parse(body string) (out []byte, err error) {
	for i, line := range strings.Split(body, "\n") {
		fields := strings.Fields(line[:max(0, cutAt(line))])
		if len(fields) == 0 {
			continue
		}
		offset, err := strconv.ParseUint(fields[0], 16, 16)
		if err != nil || len(fields[0]) != 4 {
			return nil, fmt.Errorf("line %d of the example: %q is no offset of four hexadecimal digits", i+1, fields[0])
		}
		if int(offset) != len(out) {
			return nil, fmt.Errorf("line %d of the example: the offset is %04x, but %d bytes (%04x) come before it", i+1, offset, len(out), len(out))
		}
		b, err := hex.DecodeString(strings.Join(fields[1:], ""))
		if err != nil {
			return nil, fmt.Errorf("line %d of the example: %w", i+1, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

// cutAt returns where a line's annotation begins.
func cutAt(line string) int {
	if i := strings.IndexByte(line, ';'); i >= 0 {
		return i
	}
	return len(line)
}
