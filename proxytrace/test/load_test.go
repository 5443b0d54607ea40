package test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/proxytrace"
)

func TestManyStreams(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	up := &fakeupstream.Upstream{}
	upstream := server(t, up)
	front := server(t, proxytrace.Middleware(reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o)), o))
	c := plainClient(t)
	const streams = 1000
	var all sync.WaitGroup
	begin := make(chan struct{})
	failures := make(chan error, streams)
	for i := range streams {
		all.Go(func() {
			<-begin
			call := calls[i%len(calls)]
			r, err := http.NewRequest(http.MethodPost, front.URL+call.path, strings.NewReader(strings.Replace(call.body, "{", fmt.Sprintf(`{"n":%d,`, i), 1)))
			if err != nil {
				failures <- err
				return
			}
			r.Header.Set("Authorization", fmt.Sprint("Bearer key-number-", i))
			res, err := c.Do(r)
			if err != nil {
				failures <- err
				return
			}
			defer res.Body.Close()
			if _, err = io.Copy(io.Discard, res.Body); err != nil {
				failures <- err
			}
		})
	}
	close(begin)
	all.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	front.Close()
	want := comparable(up.Totals())
	require.EqualValues(t, streams, want.Calls)
	require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindServer))
	require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindClient))
}

func TestHugeBodies(t *testing.T) {
	s := newSpans(t)
	const size = 64 << 20
	huge := func(before, after string) io.Reader {
		return io.MultiReader(strings.NewReader(before), io.LimitReader(endless('a'), size), strings.NewReader(after))
	}
	h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.Copy(w, huge(`{"choices":[{"message":{"content":"`, `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`))
	}), proxytrace.WithTracerProvider(s.provider))
	var before, after runtimeMemory
	before.read()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", huge(`{"messages":[{"content":"`, `"}],"model":"m"}`))
	h.ServeHTTP(&discarding{header: http.Header{}}, r)
	after.read()
	require.Less(t, after.allocated-before.allocated, uint64(8<<20), "allocated in all while 128 MiB passed")
	require.Equal(t, answers.Recorded{Input: 3, Output: 4, Read: answers.Unknown, Write: answers.Unknown, Reasoning: answers.Unknown, Request: "m", Model: "m"}, recordedBy(s.only(t, 1)))
}
