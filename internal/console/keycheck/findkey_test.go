package keycheck

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysThatAreNotPlain: what a reader could take for another key is refused.
func TestKeysThatAreNotPlain(t *testing.T) {
	for what, h := range map[string]http.Header{
		"another scheme":              {"Authorization": {"Basic dGItZ29vZDo="}},
		"a list":                      {"Authorization": {"Bearer tb-good, Bearer tb-over"}},
		"a list without blanks":       {"X-Api-Key": {"tb-good,tb-over"}},
		"two in one":                  {"Authorization": {"Bearer tb-good tb-over"}},
		"a scheme alone":              {"Authorization": {"Bearer"}},
		"a scheme twice":              {"Authorization": {"Bearer Bearer tb-good"}},
		"a scheme where none belongs": {"X-Api-Key": {"Bearer tb-good"}},
		"twice the same":              {"X-Api-Key": {"tb-good", "tb-good"}},
		"twice, one empty":            {"X-Api-Key": {"", "tb-good"}},
		"underscores":                 {"X_Api_Key": {"tb-good"}},
		"underscores beside":          {"Authorization": {"Bearer tb-good"}, "X_api-Key": {"tb-over"}},
		"a tab":                       {"Authorization": {"Bearer\ttb-good"}},
		"quotation marks":             {"Api-Key": {`"tb-good"`}},
		"letters outside of ASCII":    {"Api-Key": {"tb-gööd"}},
		"a signature":                 {"Authorization": {"AWS4-HMAC-SHA256 Credential=Bearer tb-good, SignedHeaders=host"}},
		"two web sockets":             {"Sec-Websocket-Protocol": {"openai-insecure-api-key.tb-good", "openai-insecure-api-key.tb-over"}},
	} {
		found, problem := findKey(h)
		require.NotEmpty(t, problem, what)
		require.Zero(t, found)
		require.NotContains(t, problem, "tb-", what)
	}
	for _, address := range []string{"/?key=tb-good&key=tb-over", "/?key=tb-good&key=tb-good", "/?KEY=tb-good&api_key=tb-over", "/?key=a+b", "/?a=1;key=tb-good", "/?key=%zz", "/?key=tb-good%00"} {
		_, problem := findKey(http.Header{}, address)
		require.NotEmpty(t, problem, address)
	}
	for address, want := range map[string]clientKey{
		"/v1?key=tb-good": {"tb-good", "query"}, "/v1?%6bey=tb-good": {"tb-good", "query"}, "/v1?monkey=x": {}, "/v1": {}, "": {}, "/v1?key=": {},
		"http://host/v1?key=tb-good#key=x": {"tb-good", "query"},
	} {
		found, problem := findKey(http.Header{"Authorization": {" "}}, address)
		require.Empty(t, problem, address)
		require.Equal(t, want, found, address)
	}
	found, problem := findKey(http.Header{"Authorization": {"BEARER  tb-good "}, "X-Api-Key": {"tb-good"}}, "/?key=tb-good")
	require.Empty(t, problem)
	require.Equal(t, clientKey{"tb-good", "authorization"}, found, "one key is one key, wherever it is")
}
