package cliproxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// answers is a proxy that answers with the same bytes always.
type answers struct {
	status int
	body   []byte
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {"application/json"}, "X-Cpa-Version": {string(a.body)}}, Body: io.NopCloser(bytes.NewReader(a.body)),
		Request: r, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// FuzzAnswers: whatever stands at the proxy's address may answer anything.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`{"api-keys":["a","b"]}`, `[{"a":1},{"b":2}]`, `[{"a":1},{"b`, `{"usage-statistics-enabled":true}`, `{"items":[1]}`, `null`, ``, `[[[[`} {
		f.Add(200, []byte(s))
	}
	f.Add(404, []byte("not found"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 599 {
			return
		}
		for _, api := range []API{V0, V8} {
			c, err := New(Options{Endpoint: "http://127.0.0.1:1", Key: "k", API: api, HTTP: &http.Client{Transport: answers{status, body}}})
			require.NoError(t, err)
			ctx := context.Background()
			_, _ = c.Pull(ctx, 10)
			_, _ = c.Keys(ctx)
			_, _ = c.StatisticsEnabled(ctx)
			_, _, _ = c.Attempts(ctx)
			_ = c.ReplaceKey(ctx, "a", "b")
		}
	})
}
