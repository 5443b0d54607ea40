package history

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/racetest"
)

// repeated is a text many times over, between a beginning and an end.
func repeated(begin, text string, times int, end string) io.Reader {
	const together = 1 << 10
	a := &again{text: strings.Repeat(text, together), times: times / together}
	return io.MultiReader(strings.NewReader(begin), a, strings.NewReader(end))
}

type again struct {
	text  string
	times int
	rest  string
}

func (a *again) Read(p []byte) (int, error) {
	if a.rest == "" {
		if a.times == 0 {
			return 0, io.EOF
		}
		a.rest, a.times = a.text, a.times-1
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// TestMemoryIsBounded reads what hostile files are made of: however long it is, no more of it is held
// than a row.
func TestMemoryIsBounded(t *testing.T) {
	racetest.Single(t)
	const many = 16 << 20
	for _, tc := range []struct {
		name   string
		format Format
		file   func() io.Reader
		bad    string // what the file is refused for; "" where it is read
	}{
		{"blank lines", NDJSON, func() io.Reader { return repeated("", "\n", many, "") }, ""},
		{"blank lines in a document", Tokenboard, func() io.Reader { return repeated(`{"logs":[`, "\n", many, "]}") }, ""},
		{"blank lines in a row", Tokenboard, func() io.Reader { return repeated(`{"logs":[{"id":`, "\r\n \t", many/4, "1}]}") }, ""},
		{"a text that is passed over", Tokenboard, func() io.Reader { return repeated(`{"stats":"`, "x", many, `","logs":[]}`) }, ""},
		{"a text in a row", Tokenboard, func() io.Reader { return repeated(`{"logs":[{"id":"`, `\u0041`, many/6, `"}]}`) }, ""},
		{"a row of many values", LiteLLM, func() io.Reader { return repeated(`[{"request_id":[1`, ",1", many/2, `]}]`) }, ""},
		{"the name of a field", CLIProxy, func() io.Reader { return repeated(`{"`, "x", many, `":1}`) }, "name"},
		{"a long number", CLIProxy, func() io.Reader { return repeated(`{"a":`, "1", many, `}`) }, "number"},
		{"brackets", Tokenboard, func() io.Reader { return repeated(`{"stats":`, "[", many, "") }, "nested"},
		{"brackets in a row", LiteLLM, func() io.Reader { return repeated(`[{"metadata":`, `{"a":`, many/5, "") }, "nested"},
		{"brackets beside each other", Tokenboard, func() io.Reader { return repeated(`{"stats":[[]`, ",[]", many/3, `],"logs":[]}`) }, ""},
		{"a line of a row", NDJSON, func() io.Reader { return repeated("", "[", many, "\n{}") }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := Read(t.Context(), tc.format, tc.file(), func(r *Row) error {
				require.NotEmpty(t, r.Bad)
				return nil
			})
			runtime.ReadMemStats(&after)
			if tc.bad == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.bad)
			}
			most := uint64(12 * maxLine) // a row, its copies while a buffer grows, and those of who parses it
			if tc.format == LiteLLM {
				most = 12 * maxTableRow
			}
			require.Less(t, after.TotalAlloc-before.TotalAlloc, most, "the reading allocated more than some rows")
		})
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	for _, file := range []io.Reader{
		repeated(`{"logs":[`, "\n", 1<<40, "]}"), repeated(`{"stats":"`, "x", 1<<40, ""), repeated(`{"logs":[{}`, ",{}", 1<<40, ""),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		read := &counting{r: file, then: cancel}
		err := Read(ctx, Tokenboard, read, func(*Row) error { return nil })
		require.ErrorIs(t, err, context.Canceled)
	}
}

// counting calls a function when it was read from some times.
type counting struct {
	r    io.Reader
	n    int
	then func()
}

func (c *counting) Read(p []byte) (int, error) {
	if c.n++; c.n == 10 {
		c.then()
	}
	return c.r.Read(p)
}

func TestFormOfADocument(t *testing.T) {
	for text, says := range map[string]string{
		`{"logs":[{} {}]}`:             "due",
		`{"logs":[{},]}`:               "closed",
		`{"logs":[{}}`:                 "due",
		`{"stats":{"a":[1}],"logs":1}`: "closed",
		`{"stats":tru,"logs":1}`:       "neither",
		`{"stats":'a',"logs":1}`:       "neither",
		`{"stats"1,"logs":1}`:          "due",
		`{stats:1}`:                    "field",
		`{"a":1,}`:                     "field",
		`{"stats":"a`:                  "ends in the middle",
		`{"stats":12`:                  "ends in the middle",
	} {
		err := Read(t.Context(), Tokenboard, strings.NewReader(text), func(*Row) error { return nil })
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, text)
		require.Contains(t, syntax.Reason, says, text)
	}
	var lines []int
	file := byteOrderMark + "{\"a\" : [ 1 , 2 , {\"b\":\"\\\"\"} ],\n\n\"logs\" : [\n{\"x\":1.5e3,\"y\":[true,null]}\n,{\n}\n,\"\\\\\",7 ,8]}"
	require.NoError(t, Read(t.Context(), Tokenboard, strings.NewReader(file), func(r *Row) error {
		require.NotEmpty(t, r.Bad, "it is a row, though not a call")
		lines = append(lines, r.Line)
		return nil
	}))
	require.Equal(t, []int{4, 6, 7, 7, 7}, lines)
	require.NoError(t, Read(t.Context(), Tokenboard, strings.NewReader(`{"logs":[{"input_tokens":1 2}]}`), func(r *Row) error {
		require.NotContains(t, r.Bad, "no id", "two numbers do not become one")
		require.NotEmpty(t, r.Bad)
		return nil
	}))
}
