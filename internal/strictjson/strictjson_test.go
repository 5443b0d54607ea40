package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	json2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

type body struct {
	Name   string `json:"name"`
	Count  int64  `json:"count"`
	Nested *struct {
		Flags []bool `json:"flags"`
	} `json:"nested"`
}

func TestUnmarshal(t *testing.T) {
	for text, says := range map[string]string{
		`{"name":"a","count":1,"nested":{"flags":[true]}}`: "",
		` {"name":null} `:                         "",
		`{"Name":"a"}`:                            "",
		`{"other":1}`:                             "",
		`{"name":"a","name":"b"}`:                 `the field "name" is there twice`,
		`{"name":"a","\u006eame":"b"}`:            `the field "name" is there twice`,
		`{"nested":{"flags":[],"flags":[]}}`:      `the field "nested.flags" is there twice`,
		`{"nested":{"x":1,"x":2}}`:                `the field "nested.x" is there twice`,
		`{"count":"1"}`:                           `the field "count" must not be a string`,
		`{"count":1.5}`:                           `the field "count" is a number`,
		`{"count":1e400}`:                         `the field "count" is a number`,
		`{"count":9223372036854775808}`:           `the field "count" is a number`,
		`{"nested":{"flags":[true,"secret"]}}`:    `the field "nested.flags.1" must not be a string`,
		`[]`:                                      `must not be an array`,
		`{"name":"a"} {}`:                         "not valid JSON at byte 13",
		`{"name":"a"}x`:                           "not valid JSON at byte 12",
		`{"name":"a",}`:                           "not valid JSON",
		`{'name':1}`:                              "not valid JSON",
		`{"count":NaN}`:                           "not valid JSON",
		``:                                        "not valid JSON",
		"{\"name\":\"\xff\"}":                     "not valid JSON",
		"\xef\xbb\xbf{}":                          "not valid JSON",
		`{"x":` + strings.Repeat("[", 1<<20):      "nested deeper",
		strings.Repeat(`{"a":`, MaxDepth+1) + "1": "nested deeper",
		`{"name":"` + strings.Repeat(`[{\"`, 1000) + `"}`:                             "",
		`{"` + strings.Repeat("é", 500) + `":1,"` + strings.Repeat("é", 500) + `":1}`: "…",
	} {
		var into body
		err := Unmarshal([]byte(text), &into)
		if says == "" {
			require.NoError(t, err, text)
			continue
		}
		var wrong *Error
		require.ErrorAs(t, err, &wrong, "%.100s", text)
		require.ErrorContains(t, err, says, "%.100s", text)
		require.NotContains(t, err.Error(), "secret")
		require.Less(t, len(err.Error()), 300)
	}
	var into body
	require.NoError(t, Unmarshal([]byte("{\"name\":\"\xff\"}"), &into, jsontext.AllowInvalidUTF8(true)))
	require.NoError(t, Unmarshal([]byte(`{"name":"a","NAME":"b","nAmE":"c"}`), &into))
	require.Equal(t, "a", into.Name, "fields in another case are other fields")
	require.ErrorContains(t, Unmarshal([]byte(`{"name":"a","nested":{"FLAGS":[]}}`), &into, json2.RejectUnknownMembers(true)),
		`the field "nested.FLAGS" is unknown`)
}

// FuzzUnmarshal: what is read is JSON to encoding/json too, and means the same to it.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":2}`, `{"a":[1,{"b":null}]}`, `[[[]]]`, `{"\u0061":"\ud83d"}`, "\"\\\"[\"", `1 2`, "{\"\xff\":1}", `-0.0e+1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got any
		err := Unmarshal(b, &got)
		if err != nil {
			var wrong *Error
			require.True(t, errors.As(err, &wrong))
			return
		}
		var want any
		require.NoError(t, json.Unmarshal(b, &want))
		require.Equal(t, want, got)
	})
}
