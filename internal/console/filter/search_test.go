package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/store"
)

func TestSearchTerms(t *testing.T) {
	for q, want := range map[string][]store.Term{
		"":                     nil,
		"a b":                  {{Value: "a"}, {Value: "b"}},
		`"a b" c`:              {{Value: "a b"}, {Value: "c"}},
		"llama3:8b":            {{Value: "llama3:8b"}},
		"model:llama3:8b":      {{Field: "model", Value: "llama3:8b"}},
		`MODEL:"gpt 4" user:x`: {{Field: "model", Value: "gpt 4"}, {Field: "user", Value: "x"}},
		"http://x/y":           {{Value: "http://x/y"}},
	} {
		got, err := filter.Search(q)
		require.NoError(t, err)
		require.Equal(t, want, got, q)
	}
	got, err := filter.Search(`-status:5xx -"a b" - -x`)
	require.NoError(t, err)
	require.Equal(t, []store.Term{{Field: "status", Value: "5xx", Not: true}, {Value: "a b", Not: true}, {Value: "-"}, {Value: "x", Not: true}}, got)
	for _, q := range []string{"status:fine", "quality:good", "superseded:perhaps", `"open`, "model:", `""`, strings.Repeat("a ", 11)} {
		_, err := filter.Search(q)
		require.Error(t, err, q)
	}
}
