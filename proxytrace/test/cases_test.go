package test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/proxytrace"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
)

// TestCasesInLedger: Tokenboard counts what the span of each case says under its operation, and nothing of calls
// that spend nothing.
func TestCasesInLedger(t *testing.T) {
	l, to := store(t)
	p := exporting(t, to)
	type sum struct{ calls, input, output int64 }
	want := map[string]sum{}
	for i := range answers.Cases {
		c := &answers.Cases[i]
		body := c.Body
		if id := c.Want.ID; id != "" && !strings.Contains(c.Path, "stream") { // ids of their own
			body = strings.ReplaceAll(body, `"`+id+`"`, fmt.Sprintf(`"%s-of-%d"`, id, i))
		}
		s := newSpans(t)
		requestAndCount := func(o proxytrace.Option) {
			proxytrace.Middleware(script(c, "", [][]byte{[]byte(body)}), o).ServeHTTP(httptest.NewRecorder(), requestOf(c, c.Path))
		}
		requestAndCount(proxytrace.WithTracerProvider(s.provider))
		requestAndCount(proxytrace.WithTracerProvider(p))
		if c.Want.Unspent {
			continue
		}
		operation := attributes(s.only(t, 1))["gen_ai.operation.name"].AsString()
		w := want[operation]
		want[operation] = sum{w.calls + 1, w.input + max(0, c.Want.Input), w.output + max(0, c.Want.Output)}
	}
	require.NoError(t, p.ForceFlush(context.Background()))
	answer, err := l.Breakdown(context.Background(), ledger.BreakdownQuery{By: []ledger.GroupBy{ledger.ByOperation}})
	require.NoError(t, err)
	got := map[string]sum{}
	for _, row := range answer.Rows {
		got[row.Values[0]] = sum{row.Calls, row.Tokens.Input(), row.Tokens.Output()}
	}
	require.Equal(t, want, got)
}

// TestFetchedOnce: whoever waits for a batch, or for a response in the background, fetches it many times; its usage
// counts once, whichever layers look on.
func TestFetchedOnce(t *testing.T) {
	done := map[string]string{
		"/v1/batches/batch_1":  `{"id":"batch_1","object":"batch","model":"m","status":"completed","usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}`,
		"/v1/responses/resp_1": `{"id":"resp_1","background":true,"status":"completed","model":"m","usage":{"input_tokens":30,"output_tokens":20,"total_tokens":50}}`,
		"/v1/responses/resp_2": `{"id":"resp_2","background":true,"status":"completed","model":"m","usage":{"input_tokens":300,"output_tokens":200,"total_tokens":500}}`,
		"POST /v1/responses":   `{"id":"resp_2","background":true,"status":"completed","model":"m","usage":{"input_tokens":300,"output_tokens":200,"total_tokens":500}}`,
		"/v1/batches/batch_2":  `{"id":"batch_2","object":"batch","model":"m","status":"in_progress","usage":{"input_tokens":1,"output_tokens":1}}`,
		"/v1/responses/resp_3": `{"id":"resp_3","background":true,"status":"queued","model":"m","usage":null}`,
		"/v1/batches/batch_3":  `{"id":"batch_3","object":"batch","status":"completed"}`,
	}
	l, to := store(t)
	p := exporting(t, to)
	o := proxytrace.WithTracerProvider(p)
	up := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if r.Method == http.MethodPost {
			path = "POST " + path
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(done[path]))
	}))
	front := server(t, proxytrace.Middleware(reverse(t, up.URL, proxytrace.NewTransport(base(t), o)), o))
	post(t, plainClient(t), front.URL+"/v1/responses", `{"model":"m","background":true,"stream":false}`)
	for range 5 {
		for path := range done {
			if strings.HasPrefix(path, "/") {
				res, err := plainClient(t).Get(front.URL + path)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
			}
		}
	}
	front.Close()
	require.NoError(t, p.ForceFlush(context.Background()))
	answer, err := l.Query(context.Background(), ledger.Query{By: ledger.ByModel})
	require.NoError(t, err)
	require.Len(t, answer.Groups, 1)
	got := &answer.Groups[0].Points[0]
	require.Equal(t, []int64{3, 333, 222}, []int64{got.Calls, got.Tokens.Input(), got.Tokens.Output()})
}
