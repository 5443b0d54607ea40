package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// sse is one event as a client reads it.
type sse struct{ id, event, Data string }

func (e sse) item(t *testing.T) (i calls.LogItem) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.Data), &i))
	return i
}

// live is a client of a stream.
type live struct {
	t      *testing.T
	cancel context.CancelFunc
	res    *http.Response
	in     *bufio.Reader
	last   string // id of the last event
}

func listen(t *testing.T, server, query, lastID string) *live {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+api.Base+"/logs/stream?"+query, nil)
	require.NoError(t, err)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	return &live{t: t, cancel: cancel, res: res, in: bufio.NewReader(res.Body)}
}

// next reads one event; pings and the like are passed over.
func (l *live) next() (e sse) {
	l.t.Helper()
	for {
		line, err := l.in.ReadString('\n')
		require.NoError(l.t, err)
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.event != "":
			if e.id != "" {
				l.last = e.id
			}
			return e
		case name == "id":
			e.id = value
		case name == "event":
			e.event = value
		case name == "data":
			e.Data = value
		}
	}
}

// want reads events until one of a name.
func (l *live) want(name string) sse {
	l.t.Helper()
	for {
		if e := l.next(); e.event == name {
			return e
		}
	}
}

func (l *live) close() {
	l.cancel()
	_ = l.res.Body.Close()
}

// streamBench is a console behind a real server.
func streamBench(t *testing.T, with func(*console.Console)) (*consoletest.Bench, *console.Console, string) {
	b := consoletest.NewBench(t, nil)
	c := console.New(console.Options{Ledger: b.Ledger, Directory: b.Directory, Version: "test", Open: true, Now: func() time.Time { return consoletest.TestNow }})
	if with != nil {
		with(c)
	}
	b.Handler = c.Handler()
	s := httptest.NewServer(b.Handler)
	t.Cleanup(func() {
		c.Close()
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return b, c, s.URL
}

func TestStream(t *testing.T) {
	b, _, url := streamBench(t, nil)
	b.Commit(consoletest.CallOf(1, nil))
	all, some := listen(t, url, "", ""), listen(t, url, "q=user:u2", "")
	require.Equal(t, `{"as_of":"2026-11-03T18:20:00Z"}`, all.want("as_of").Data, "what was before is in the log")
	some.want("as_of")

	b.Commit(consoletest.CallOf(2, nil))
	got := all.want("call")
	require.Equal(t, "u2", got.item(t).User)
	require.Equal(t, consoletest.Data[calls.LogItem](b, "GET", "/logs/"+got.item(t).ID, "", 200), got.item(t), "as in the log")
	require.Equal(t, got.item(t), some.want("call").item(t))

	b.Commit(consoletest.CallOf(3, nil))
	require.Equal(t, "u0", all.want("call").item(t).User)

	// a fuller delivery that does not match any more, and one of a call that never did
	b.Commit(consoletest.CallOf(2, func(c *usage.Call) { c.User, c.Tokens.OutputText = "somebody", 9 }))
	require.EqualValues(t, 11, *all.want("call").item(t).Total)
	gone := some.next()
	for gone.event == "as_of" {
		gone = some.next()
	}
	require.Equal(t, sse{gone.id, "superseded", `{"id":"` + got.item(t).ID + `"}`}, gone)

	// a parent that was counted, until its child came
	b.Commit(consoletest.CallOf(4, func(c *usage.Call) {
		c.Role, c.Span, c.User = usage.RoleAggregate, usage.SpanID{1}, "u2"
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}))
	parent := some.want("call").item(t)
	b.Commit(consoletest.CallOf(4, func(c *usage.Call) { c.Parent, c.User = usage.SpanID{1}, "u2" }))
	var events []string
	for len(events) < 2 {
		e := some.next()
		if e.event == "superseded" {
			require.Contains(t, e.Data, parent.ID)
		}
		if e.event != "as_of" {
			events = append(events, e.event)
		}
	}
	require.ElementsMatch(t, []string{"call", "superseded"}, events)
}

func TestStreamResumes(t *testing.T) {
	b, c, url := streamBench(t, func(c *console.Console) { c.Stream.Keep(8) })
	l := listen(t, url, "", "")
	l.want("as_of")
	b.Commit(consoletest.CallOf(1, nil))
	l.want("call")
	l.close()
	for n := 2; n <= 4; n++ {
		b.Commit(consoletest.CallOf(n, nil))
	}
	again := listen(t, url, "", l.last)
	for n := 2; n <= 4; n++ {
		require.EqualValues(t, n, *again.want("call").item(t).Input, "nothing is missed, nothing sent twice")
	}
	again.want("as_of")
	again.close()
	for n := 5; n <= 30; n++ {
		b.Commit(consoletest.CallOf(n, nil))
	}
	late := listen(t, url, "", again.last)
	require.Equal(t, sse{"", "skipped", `{"count":18}`}, late.next())
	for n := 23; n <= 30; n++ {
		require.EqualValues(t, n, *late.want("call").item(t).Input)
	}
	late.close()
	for _, foreign := range []string{"abcdef-3", "7", "nonsense", stream.ForeignMark(), c.Stream.Mark(99999), c.Stream.Mark(0)} {
		lost := listen(t, url, "", foreign)
		require.Equal(t, sse{"", "skipped", `{"count":null}`}, lost.next(), foreign)
		lost.close()
	}
}

// blocked is a connection whose reader takes nothing until it is released.
type blocked struct {
	*httptest.ResponseRecorder
	mu      sync.Mutex
	writing chan struct{} // gets one for each write that begins
	release chan struct{} // closed to let all writes through
}

func (w *blocked) Write(p []byte) (int, error) {
	select {
	case w.writing <- struct{}{}:
	default:
	}
	<-w.release
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ResponseRecorder.Write(p)
}

func (w *blocked) Flush() {}

func (w *blocked) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Body.String()
}

func TestSlowReader(t *testing.T) {
	b, _, _ := streamBench(t, func(c *console.Console) { c.Stream.Keep(16) })
	ctx, cancel := context.WithCancel(context.Background())
	w := &blocked{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}, 1), release: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+"/logs/stream", nil).WithContext(ctx)
		b.Handler.ServeHTTP(w, r)
	}()
	<-w.writing // it hangs in its first write
	const n = 100
	for i := range n {
		b.Commit(consoletest.CallOf(i, nil)) // the ledger's writer does not wait for it
	}
	close(w.release)
	require.Eventually(t, func() bool { return strings.Count(w.text(), "event: call") == 16 }, 2*time.Minute, 5*time.Millisecond)
	require.Contains(t, w.text(), "event: skipped\ndata: {\"count\":84}\n\n")
	cancel()
	<-done
}

func TestStreamsAreBounded(t *testing.T) {
	b, c, url := streamBench(t, func(c *console.Console) { c.Stream.SetOpen(stream.MaxStreams - 1) })
	l := listen(t, url, "", "")
	l.want("as_of")
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs/stream", "", nil), 503)
	l.close()
	require.Eventually(t, func() bool {
		return c.Stream.Open() == stream.MaxStreams-1
	}, 2*time.Minute, time.Millisecond, "a stream that ended leaves its place")
	for _, q := range []string{"q=superseded:yes", "q=%22", "status=fine", "cursor=1"} {
		consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs/stream?"+q, "", nil), 400)
	}
	c.Close()
	consoletest.RequireProblem(t, b.Do("GET", api.Base+"/logs/stream", "", nil), 503)
}

func TestStreamEnds(t *testing.T) {
	_, c, url := streamBench(t, func(c *console.Console) { c.Stream.SetTimes(time.Millisecond, stream.StreamCheck, time.Hour) })
	l := listen(t, url, "", "")
	for line := ""; line != ": ping\n"; {
		var err error
		line, err = l.in.ReadString('\n')
		require.NoError(t, err)
	}
	c.Close()
	for {
		if _, err := l.in.ReadString('\n'); err != nil {
			break // it ended
		}
	}
	c.Close()
}

// TestStreamOfOwnKeys: a member hears of the calls of its own keys, also of one made later.
func TestStreamOfOwnKeys(t *testing.T) {
	b, c, _ := streamBench(t, func(c *console.Console) { c.Stream.SetTimes(5*time.Millisecond, time.Millisecond, stream.StreamMaxAge) })
	ctx, cancel := context.WithCancel(access.With(context.Background(), access.Principal{Name: "alice", Role: access.Member}))
	w := &blocked{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}, 1), release: make(chan struct{})}
	close(w.release)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Router.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+"/logs/stream", nil).WithContext(ctx))
	}()
	require.Eventually(t, func() bool { return strings.Contains(w.text(), "as_of") }, 2*time.Minute, time.Millisecond)
	alice := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","owner":"alice"}`, 201)
	bob := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"b","owner":"bob"}`, 201)
	seen := len(w.text())
	require.Eventually(t, func() bool { return strings.Count(w.text()[seen:], ": ping") > 1 }, 2*time.Minute, time.Millisecond, "it looked again")
	b.Commit(consoletest.CallOf(1, func(c *usage.Call) { c.KeyFingerprint = usage.Fingerprint(bob.Secret) }))
	b.Commit(consoletest.CallOf(2, func(c *usage.Call) { c.KeyFingerprint = usage.Fingerprint(alice.Secret) }))
	require.Eventually(t, func() bool { return strings.Contains(w.text(), "event: call") }, 2*time.Minute, time.Millisecond)
	require.Contains(t, w.text(), `"name":"a"`)
	require.NotContains(t, w.text(), `"name":"b"`)
	cancel()
	<-done
}
