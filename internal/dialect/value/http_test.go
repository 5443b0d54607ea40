package value

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatusIn: what emitters write of a failure, and the status in it.
func TestStatusIn(t *testing.T) {
	for text, want := range map[string]int{
		"Error code: 429 - {'error': {'message': 'Rate limit reached'}}":          429,
		"RateLimitError: Error code: 429 - Rate limit reached":                    429,
		"429 RESOURCE_EXHAUSTED. {'error': {'code': 429}}":                        429,
		"ClientError: 429 RESOURCE_EXHAUSTED.":                                    429,
		`HTTP 503 - {"error": null}`:                                              503,
		"500 Internal Server Error from POST http://127.0.0.1:8089/v1":            500,
		"com.openai.errors.InternalServerException: 500: The server had an error": 500,
		"status_code: 429, model_name: gpt-4o-mini":                               429,
		`{"error":{"code":500,"message":"The server had an error"}}`:              500,
		"Request failed with status code 401":                                     401,
		"429":                                                                     429,
		"Connection error.":                                                       0,
		"Could not connect to http://127.0.0.1:443/x":                             0,
		"maximum context length is 4096 tokens, got 500 of 429 allowed":           0,
		"gpt-4.1-500 does not exist":                                              0,
		"code 4290":                                                               0,
		"200 OK, but response failed":                                             0,
		strings.Repeat("x", maxMessage) + " status 500":                           0,
		strings.Repeat(" ", 60) + "500":                                           0,
		"":                                                                        0,
	} {
		require.Equal(t, want, StatusIn(text), text)
	}
}
