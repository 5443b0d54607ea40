package bodies

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// readForm reads a form in pieces of a size and returns what was read.
func readForm(kind string, body []byte, size int) (*form, llmapi.Request) {
	var r llmapi.Request
	f := newForm(kind, &r)
	for ; f != nil && len(body) > 0; body = body[min(size, len(body)):] {
		f.Feed(body[:min(size, len(body))])
	}
	return f, r
}

// TestForm: forms as Go writes them, and as nobody should.
func TestForm(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("model", "model.mp3") // a file, though it has the field's name
	require.NoError(t, err)
	_, err = file.Write([]byte("\r\n--" + w.Boundary()[:10] + "\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nno\r\n\r\r\n\r\n-"))
	require.NoError(t, err)
	for _, field := range []string{"model=whisper-1", "stream=True", "user=u\"1", "prompt=" + strings.Repeat("x", 9000), "safety_identifier=" + strings.Repeat("y", 9000)} {
		name, value, _ := strings.Cut(field, "=")
		require.NoError(t, w.WriteField(name, value))
	}
	require.NoError(t, w.Close())
	b.WriteString("\r\n--" + w.Boundary() + "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nafter the end\r\n--" + w.Boundary())
	for size := 1; size < b.Len(); size += 1 + size/8 {
		_, r := readForm(w.FormDataContentType(), b.Bytes(), size)
		require.Equal(t, llmapi.Request{Model: "whisper-1", Stream: true, User: `u"1`}, r, "in pieces of %d", size)
	}
	form := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, c := range map[string]struct{ body, model string }{
		"text before the first part":         {form("hello\n--B\nContent-Disposition: form-data; name=model\n\nm\n--B--"), "m"},
		"a boundary without its line":        {form("x--B\nContent-Disposition: form-data; name=model\n\nm\n--B--"), ""},
		"spaces after a boundary":            {form("--B  \nContent-Disposition: form-data; name=model\n\nm\n--B--"), "m"},
		"a longer word than the boundary":    {form("--Bee\nContent-Disposition: form-data; name=model\n\nm\n--B--"), ""},
		"headers in other letters":           {form("--B\nX-Y: z\ncontent-disposition: FORM-DATA; NAME=\"model\"\nA: b\n\nm\n--B--"), "m"},
		"no headers":                         {form("--B\n\nm\n--B\nContent-Disposition: form-data; name=model\n\nn\n--B--"), "n"},
		"a value with line ends":             {form("--B\nContent-Disposition: form-data; name=model\n\n\nm\n\n--B--"), "m"},
		"headers that never end":             {form("--B\n" + strings.Repeat("a: b\n", 5000) + "Content-Disposition: form-data; name=model\n\nm\n--B--"), ""},
		"a part that never ends":             {form("--B\nContent-Disposition: form-data; name=model\n\nm"), ""},
		"carriage returns before a boundary": {"--B\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\r\r\n--B--", "m"},
	} {
		for _, size := range []int{1, 2, 3, 7, 1 << 20} {
			_, r := readForm("multipart/form-data; boundary=B", []byte(c.body), size)
			require.Equal(t, c.model, r.Model, "%s, in pieces of %d", name, size)
		}
	}
	for _, kind := range []string{"application/json", "multipart/form-data", "multipart/form-data; boundary=" + strings.Repeat("b", 71), "multipart/mixed; boundary=b", "multipart/form-data; boundary=\"", ";"} {
		require.Nil(t, newForm(kind, &llmapi.Request{}), kind)
	}
}

// TestFormMemory: a file of 64 MB costs no memory, whatever is in it.
func TestFormMemory(t *testing.T) {
	for name, piece := range map[string]string{"zeros": "\x00", "line ends": "\r\n", "dashes": "\r\n--", "nearly boundaries": "\r\n--boundar"} {
		f := newForm("multipart/form-data; boundary=boundary", &llmapi.Request{})
		f.Feed([]byte("--boundary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"))
		chunk := bytes.Repeat([]byte(piece), (1<<20)/len(piece))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 64 {
			f.Feed(chunk)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), name)
	}
}

// FuzzForm: what is read of a form does not depend on how it is cut, and its memory is bounded.
func FuzzForm(f *testing.F) {
	f.Add("multipart/form-data; boundary=B", []byte("--B\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--B--"), uint64(1))
	f.Fuzz(func(t *testing.T, kind string, body []byte, seed uint64) {
		whole, want := readForm(kind, body, len(body)+1)
		cut, got := readForm(kind, body, 1+rand.New(rand.NewPCG(seed, 1)).IntN(64))
		require.Equal(t, want, got)
		for _, f := range []*form{whole, cut} {
			if f != nil {
				require.LessOrEqual(t, cap(f.line), 2*maxPartHeaders)
				require.LessOrEqual(t, cap(f.value), 2*jsonscan.MaxCapture)
			}
		}
	})
}

// FuzzBinary: AWS's event stream and WebSocket frames may be anything; what is read of them does not depend on how
// they are cut, and their memory is bounded.
func FuzzBinary(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10\x00\x00\x00\x00....1234"), uint64(1), true)
	f.Add([]byte("\x81\x7e\x00\x05{\"a\":"), uint64(1), false)
	f.Fuzz(func(t *testing.T, body []byte, seed uint64, wrapped bool) {
		look := func(size int) string {
			r, second := llmapi.NewAnswer(llmapi.BedrockInvokeStream), llmapi.NewAnswer(llmapi.OpenAIRealtime)
			scan := jsonscan.New(llmapi.SpecOf(llmapi.BedrockInvokeStream).Tree, &r)
			e := eventStream{scan: scan, answer: &r, wrapped: wrapped}
			messages := 0
			w := NewFrames(jsonscan.New(llmapi.SpecOf(llmapi.OpenAIRealtime).Tree, &second), func() { messages++ })
			for rest := body; len(rest) > 0; rest = rest[min(size, len(rest)):] {
				e.Feed(rest[:min(size, len(rest))])
				w.Feed(rest[:min(size, len(rest))])
			}
			require.LessOrEqual(t, cap(e.message), 2*maxMessage)
			require.LessOrEqual(t, cap(w.head), 2*longestFrameHead)
			return fmt.Sprintf("%+v %+v %d", r, second, messages)
		}
		require.Equal(t, look(len(body)+1), look(1+rand.New(rand.NewPCG(seed, 1)).IntN(64)))
	})
}
