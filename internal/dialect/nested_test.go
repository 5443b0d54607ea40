package dialect

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/dialect/jsontext"

	"github.com/tokenboard/tokenboard/internal/dialect/value"
)

func TestLookInText(t *testing.T) {
	for name, tc := range map[string]struct {
		text, path string
		want       any
	}{
		"a number":                            {`{"a": 1}`, "a", int64(1)},
		"a fraction":                          {`{"a": 1.5}`, "a", 1.5},
		"a text":                              {`{"a": "x"}`, "a", "x"},
		"an escaped text":                     {`{"a": "x\"\u00e9"}`, "a", `x"é`},
		"null is nothing":                     {`{"a": null}`, "a", nil},
		"deeper":                              {`{"b": [1, {"a": 2}], "a": {"b": {"c": 7}}}`, "a.b.c", int64(7)},
		"in a list":                           {`{"r": [{"m": 1}, {"m": 2}]}`, "r.1.m", int64(2)},
		"past its end":                        {`{"r": [{"m": 1}]}`, "r.1.m", nil},
		"no place":                            {`{"r": [1]}`, "r.x", nil},
		"a list at the top":                   {`[{"a": 3}]`, "0.a", int64(3)},
		"JSON in a string of JSON":            {`{"a": "{\"b\": 4}"}`, "a.b", int64(4)},
		"the name in a text is not the name":  {`{"t": "\"a\": 9", "a": 1}`, "a", int64(1)},
		"a backslash before the quote":        {`{"t": "\\", "a": 1}`, "a", int64(1)},
		"two backslashes and a quote":         {`{"t": "\\\"", "a": 1}`, "a", int64(1)},
		"the first of two":                    {`{"a": 1, "a": 2}`, "a", int64(1)},
		"white space":                         {" \n{ \"a\"\t:\r\n 1 } ", "a", int64(1)},
		"never ended, but after what is read": {`{"a": 1, "b": {`, "a", int64(1)},
		"never ended":                         {`{"b": {"c": 1, "a": 2`, "a", nil},
		"no JSON":                             {`hello`, "a", nil},
		"empty":                               {``, "a", nil},
		"an object is no figure":              {`{"a": {"b": 1}}`, "a.b.c", nil},
		"a Python dict":                       {`{'a': 1, 'b': None, 'c': True, 'd': (1, 2), 'e': 'it\'s'}`, "a", int64(1)},
		"a Python dict in one":                {`{'u': {'d': {'n': 192}}}`, "u.d.n", int64(192)},
		"a Python list":                       {`{'r': [{'m': 1}, {'m': 2}]}`, "r.1.m", int64(2)},
		"None":                                {`{'a': None}`, "a", nil},
		"a Python object": {
			`{'a': 1, 'details': PromptTokensDetails(cached_tokens=5, x='y', z=None), 'b': 2}`, "details.cached_tokens", int64(5),
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &record{}
			for range 2 { // what was looked at is remembered
				got, ok := r.lookInText("x", tc.text, tc.path)
				require.Equal(t, tc.want, got)
				require.Equal(t, tc.want != nil, ok)
			}
		})
	}
}

// reference is what a whole reading of JSON returns.
func reference(text, path string) (any, bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	for _, name := range strings.Split(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[name]
		case []any:
			n, err := strconv.ParseUint(name, 10, 8)
			if err != nil || int(n) >= len(c) {
				return nil, false
			}
			v = c[n]
		default:
			return nil, false
		}
	}
	switch c := v.(type) {
	case json.Number:
		return jsontext.Plain(string(c)), true
	case string, bool:
		return c, true
	}
	return nil, false
}

// FuzzNested: whatever the text, a look into it ends; where it is JSON, it finds what a whole reading
// of it finds.
func FuzzNested(f *testing.F) {
	for _, s := range []string{
		`{"usage":{"prompt_tokens":1200,"prompt_tokens_details":{"cached_tokens":1000}}}`, `[{"a":{"b":[1,2,{"c":"x\"y"}]}}]`, `{"a":"\\","usage":{"a":1}}`,
		`{'completion_tokens': 48, 'usage': {'a': (1, 2), 'b': None, 'c': 'it\'s'}}`, `{"a":"{\"b\":1}"}`, `{"a": 1e400, "b": -0.0, "c": NaN}`, `{"usage":`,
	} {
		f.Add(s, "usage.a")
		f.Add(s, "0.a.b.2.c")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		r := &record{}
		got, ok := r.lookInText("x", text, path)
		again, okAgain := r.lookInText("x", text, path)
		require.Equal(t, ok, okAgain)
		if n, isNumber := got.(float64); isNumber && math.IsNaN(n) {
			return
		}
		require.Equal(t, got, again)
		value.Count(got)
		jsontext.Members(text, func(_, text string) { _ = jsontext.Plain(text) })
		// escaped names, ones given twice, and what is no UTF-8 (a text of it is cleaned where it is used) are not compared
		if !json.Valid([]byte(text)) || strings.ContainsAny(text, `\`) || !utf8.ValidString(text) || !ok {
			return
		}
		if want, there := reference(text, path); there && strings.Count(text, `"`+path+`"`) < 2 && !strings.Contains(path, ".") {
			require.Equal(t, want, got)
		}
	})
}
