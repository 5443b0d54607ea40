package history

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Format is a kind of file.
type Format string

// The formats.
const (
	NDJSON     Format = "ndjson"     // calls of our export, one a line
	Tokenboard Format = "tokenboard" // our export as one JSON document
	CLIProxy   Format = "cliproxy"   // CLIProxyAPI's usage export of versions before 6.10
	LiteLLM    Format = "litellm"    // rows of LiteLLM_SpendLogs, in any packing of a table
	NewAPI     Format = "newapi"     // rows of the table logs of new-api and one-api, in any packing
	Langfuse   Format = "langfuse"   // observations of Langfuse, in any packing but a dump
	Helicone   Format = "helicone"   // requests of Helicone, in any packing but a dump
)

// Row is one call of a file.
type Row struct {
	Line    int // in which it ends, counted from 1
	Call    usage.Call
	Key     Key    // of our own export: which key it was
	Bad     string // why the row cannot be taken; "" where it can
	LeftOut string // why it is no call to be taken, though nothing is wrong with it
}

// Key names a key that only its own console knows fully.
type Key struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Display string `json:"display"`
}

// SyntaxError reports a file that cannot be read on from some line.
type SyntaxError struct {
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// maxLine bounds one row.
const maxLine = 1 << 20

// Read visits the rows of a file in the order of the file. An error of visit ends it, and
// so does the end of the context. Its work is linear in the bytes of the file, and it holds one row at a time.
//
// No text of a row holds a secret that is known by its shape.
func Read(ctx context.Context, f Format, r io.Reader, visit func(*Row) error) error {
	r = &cancelled{ctx, r}
	next := visit
	visit = func(row *Row) error {
		dialect.Conceal(&row.Call)
		row.Key.Name, _ = secret.Text(row.Key.Name)
		row.Key.Display, _ = secret.Text(row.Key.Display)
		return next(row)
	}
	switch f {
	case NDJSON:
		return readLines(bufio.NewReaderSize(r, bufferSize), 0, maxLine, callOfExport, visit)
	case Tokenboard:
		d := newDocument(r)
		return d.whole(d.readExport(visit))
	case CLIProxy:
		d := newDocument(r)
		return d.whole(d.readCLIProxy(visit))
	case LiteLLM:
		return liteLLM.read(r, visit)
	case NewAPI:
		return newAPI.read(r, visit)
	case Langfuse:
		return langfuse.read(r, visit)
	case Helicone:
		return helicone.read(r, visit)
	}
	return fmt.Errorf("the format %q is not known", f)
}

// cancelled ends a reader with its context.
type cancelled struct {
	ctx context.Context //nolint:containedctx // of the one reading that it lives for
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// bufferSize is the number of bytes that are read at a time.
const bufferSize = 64 << 10

// skipBlank passes over white space and returns how many lines end in it. Errors of the source show
// again at the next reading.
func skipBlank(in *bufio.Reader) (lines int) {
	for {
		if c, err := in.Peek(1); err != nil || c[0] > ' ' {
			return lines
		}
		text, _ := in.Peek(in.Buffered())
		rest := bytes.TrimLeft(text, " \t\r\n")
		blank := text[:len(text)-len(rest)]
		lines += bytes.Count(blank, []byte{'\n'})
		_, _ = in.Discard(len(blank)) // it is buffered
		if len(rest) > 0 {
			return lines
		}
	}
}

// readLines reads a row from each line. A wrong line is reported, and does not end it.
// lines are those that were read before, and a line is at most so long.
func readLines(in *bufio.Reader, lines, most int, parse func([]byte, *Row), visit func(*Row) error) error {
	var line []byte
	first := true
	for n := 1 + lines; ; n++ {
		line = line[:0]
		n += skipBlank(in)
		long := false
		var err error
		for {
			var part []byte
			part, err = in.ReadSlice('\n')
			if len(line)+len(part) > most {
				long = true
			} else {
				line = append(line, part...)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := bytes.TrimSpace(line)
		if first {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
		}
		if len(text) > 0 || long {
			row := Row{Line: n}
			if long {
				row.Bad = fmt.Sprintf("it is longer than %d bytes", most)
			} else {
				parse(text, &row)
			}
			if err := visit(&row); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		first = false
	}
}

// byteOrderMark is the mark that some editors write at the beginning of a file.
const byteOrderMark = "\xef\xbb\xbf"
