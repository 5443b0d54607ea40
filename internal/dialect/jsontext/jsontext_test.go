package jsontext

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMember(t *testing.T) {
	for name, tc := range map[string]struct{ text, member, want string }{
		"a number":            {`{"a": 1, "b": 2}`, "b", "2"},
		"an object":           {` {"a": {"b": [1, "}"]}, "c": 2}`, "a", `{"b": [1, "}"]}`},
		"an element":          {`[1, {"a": 2}, 3]`, "1", `{"a": 2}`},
		"past the end":        {`[1]`, "1", ""},
		"an escaped quote":    {`{"a": "x\"", "b": 2}`, "b", "2"},
		"cut off behind it":   {`{"a": 1, "b": {`, "a", "1"},
		"cut off within it":   {`{"b": {"a": 1`, "b", ""},
		"neither of the two":  {`"a"`, "a", ""},
		"not a name":          {`{a: 1}`, "a", ""},
		"a name and no colon": {`{"a" 1}`, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Member(tc.text, tc.member)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != "", ok)
		})
	}
}

func TestPython(t *testing.T) {
	require.True(t, IsPython(`{ 'a': 1}`))
	require.False(t, IsPython(`{"a": 1}`))
	require.False(t, IsPython(""))
	v := Python(`{'a': [1, 2.5, None, True], 'b': Usage(n=3, t='it\'s'), "c": (4,)}`)
	for path, want := range map[string]any{"a.0": int64(1), "a.1": 2.5, "a.3": true, "b.n": int64(3), "b.t": "it's", "c.0": int64(4)} {
		got, ok := Dig(v, path)
		require.True(t, ok, path)
		require.Equal(t, want, got, path)
	}
	for _, path := range []string{"a.2", "a.4", "a.x", "d", "a.0.b"} {
		_, ok := Dig(v, path)
		require.False(t, ok, path)
	}
	require.Nil(t, Python(`{'a': `))
}

// FuzzJSON: whatever the text, reading it ends; what is JSON has the members that a whole reading finds.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": {"b": [1, 2]}, "c": "x\"y"}`, `{'a': (1, None)}`, `[{"a": 1e400}]`, `{"a"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = Python(text)
		read := map[string]string{}
		Members(text, func(name, value string) {
			if _, again := read[name]; !again {
				read[name] = value
			}
			_ = Plain(value)
		})
		for name, value := range read {
			got, ok := Member(text, name)
			require.True(t, ok)
			require.Equal(t, value, got)
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &whole) == nil {
			require.GreaterOrEqual(t, len(read), len(whole), "names that are escaped alike are several here")
		}
	})
}
