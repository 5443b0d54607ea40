package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	maxStreams    = 200                    // at one time
	streamBatch   = 256                    // events between two looks at the connection
	streamPause   = 100 * time.Millisecond // in which events gather
	streamPing    = 15 * time.Second       // between signs of life
	streamStall   = 30 * time.Second       // in which a reader has to take what is written
	streamMaxAge  = 15 * time.Minute       // after which a client has to come back, and is checked anew
	streamRetryMS = 2000                   // after which a browser comes back
)

// streams are the open live streams.
type streams struct {
	ping, maxAge time.Duration
	kept         uint64 // events that the feed keeps

	mu      sync.Mutex
	feed    *feed // nil until the first stream
	stop    func()
	open    int
	closing chan struct{} // closed at the end
	closed  bool
}

func newStreams() *streams {
	return &streams{ping: streamPing, maxAge: streamMaxAge, kept: feedKept, closing: make(chan struct{})}
}

// join gives the feed to one stream more; nil where there are too many, or at the end. From the
// first one on, the feed is kept, so that a client can come back to it.
func (s *streams) join(c *Console) *feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.open >= maxStreams {
		return nil
	}
	if s.feed == nil {
		s.feed = newFeed(s.kept)
		s.stop = c.o.Ledger.Observe(s.feed.put)
	}
	s.open++
	return s.feed
}

func (s *streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// close ends all streams. Their requests end soon after.
func (s *streams) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.closing)
	if s.stop != nil {
		s.stop()
	}
}

// Close ends the live streams, which would hold up the end of a server. The console answers other
// requests as before.
func (c *Console) Close() {
	c.streams.close()
	c.keys.ring.Close()
}

// StreamSuperseded is the data of an event of the live stream: a call that ceases to count, or to match.
type StreamSuperseded struct {
	ID string `json:"id"`
}

// StreamSkipped is the data of an event of the live stream: the reader has missed something.
type StreamSkipped struct {
	Count *uint64 `json:"count" doc:"events missed, those that do not match included; null: not known, because the server was restarted. Load the log anew"`
}

// StreamAsOf is the data of an event of the live stream: the time of the last write told of.
type StreamAsOf struct {
	AsOf *time.Time `json:"as_of"`
}

type streamInput struct {
	Query       string `query:"q" maxLength:"256" doc:"as for /logs"`
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"id of the last event that was received; browsers send it when they come back"`
	Filters
}

func (c *Console) streamRoutes() {
	op := route(http.MethodGet, "/logs/stream", "log-stream", "Calls as they are counted, as Server-Sent Events")
	op.Description = "Events: `call` (a call of /logs that counts, new or told more fully: replace the one of the same id), `superseded` (`{id}`: it ceases to count, " +
		"or to match), `skipped` (`{count}`: a slow reader missed so many events; load the log anew), `as_of` (`{as_of}`: the last write told of). " +
		"A comment every 15 seconds is a sign of life. The stream ends after 15 minutes; come back with `Last-Event-ID`, as browsers do."
	schemas := c.api.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"200": {
		Description: "An endless stream of events",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema:  &huma.Schema{Type: huma.TypeString, Description: "one event after another; the data of each is JSON"},
			Example: "event: as_of\ndata: {\"as_of\":\"2026-11-24T12:00:00Z\"}\n\nid: 5f0c6b1f2a3d-7\nevent: superseded\ndata: {\"id\":\"18b2…\"}\n\n",
		}},
	}}
	for _, v := range []any{LogItem{}, StreamSuperseded{}, StreamSkipped{}, StreamAsOf{}} {
		schemaOf(schemas, v)
	}
	register(c, access.ReadUsage, op, c.stream)
}

func (c *Console) stream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	f, index, err := c.searched(ctx, "logs/stream", &in.Filters, in.Query, false)
	if err != nil {
		return nil, err
	}
	if f.Superseded {
		return nil, because("stream_superseded", wrong("query.q", "cannot ask for superseded calls: the stream tells of what counts", in.Query))
	}
	feed := c.streams.join(c)
	if feed == nil {
		return nil, because("streams_full", newProblem(http.StatusServiceUnavailable, fmt.Sprintf("there are %d live streams already; close some, or read /logs instead", maxStreams)))
	}
	s := &stream{console: c, in: in, filter: f, index: index, feed: feed, at: feed.end()}
	if in.LastEventID != "" {
		var known bool
		if s.at, known = feed.place(in.LastEventID); !known {
			s.at, s.lost = feed.end(), true
		}
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer c.streams.leave()
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		s.out, s.control = w, http.NewResponseController(w)
		s.run(ctx)
	}}, nil
}

// stream is one reader of the feed.
type stream struct {
	console *Console
	in      *streamInput
	filter  store.Filter
	index   *keyIndex
	feed    *feed
	at      uint64 // the next event's place
	lost    bool   // where the reader was before is not known

	out     http.ResponseWriter
	control *http.ResponseController
	text    bytes.Buffer // what is not yet written
}

// run writes events until the reader goes, the console is closed or the stream is old.
func (s *stream) run(ctx context.Context) {
	t := newStreamTimers(s.console.streams)
	defer t.stop()
	fmt.Fprintf(&s.text, "retry: %d\n\n", streamRetryMS)
	if s.lost {
		s.event("skipped", "", StreamSkipped{})
	}
	buffer := make([]change, 0, streamBatch)
	for first := true; ; first = false {
		events, next, skipped, asOf, more := s.feed.read(s.at, buffer[:0], streamBatch)
		if skipped > 0 {
			s.at += skipped
			s.event("skipped", "", StreamSkipped{Count: &skipped})
		}
		s.write(ctx, events)
		s.at = next
		if len(events) > 0 || skipped > 0 || first {
			if asOf.IsZero() {
				asOf = s.console.o.Ledger.LastCommit()
			}
			s.event("as_of", s.feed.mark(s.at), StreamAsOf{known(asOf)})
		}
		if !s.flush() || (len(events) < streamBatch && !s.wait(ctx, t, more)) {
			return
		}
	}
}

// streamTimers are what a stream waits for besides events.
type streamTimers struct {
	ping       *time.Ticker
	old, pause *time.Timer
}

func newStreamTimers(s *streams) *streamTimers {
	return &streamTimers{ping: time.NewTicker(s.ping), old: time.NewTimer(s.maxAge), pause: time.NewTimer(streamPause)}
}

func (t *streamTimers) stop() {
	t.ping.Stop()
	t.old.Stop()
	t.pause.Stop()
}

// wait waits a moment in which events gather, and then for the next; false at the end of the stream.
func (s *stream) wait(ctx context.Context, t *streamTimers, more <-chan struct{}) bool {
	t.pause.Reset(streamPause)
	var wake <-chan struct{} // nil, which never comes, during the pause
	for {
		select {
		case <-wake:
			return true
		case <-t.pause.C:
			wake = more
		case <-t.ping.C:
			s.text.WriteString(": ping\n\n")
			if !s.renew(ctx) || !s.flush() {
				return false
			}
		case <-ctx.Done():
			return false
		case <-s.console.streams.closing:
			return false
		case <-t.old.C:
			return false
		}
	}
}

// renew reads the filter again: keys may have been made, renamed or given to another owner. It fails where
// who reads is not signed in any more, or in another role.
func (s *stream) renew(ctx context.Context) bool {
	if !stillIn(ctx) {
		return false
	}
	f, index, err := s.console.searched(ctx, "logs/stream", &s.in.Filters, s.in.Query, false)
	if err != nil {
		return false
	}
	s.filter, s.index = f, index
	return true
}

func (s *stream) write(ctx context.Context, events []change) {
	for i := range events {
		e := &events[i]
		r := e.record()
		id := s.feed.mark(s.at + uint64(i) + 1) // where to go on after it
		matched := s.matches(&r)
		switch {
		case e.counts && matched:
			if s.index.key(r.KeyFingerprint) == nil && r.KeyFingerprint != "" {
				s.refresh(ctx)
			}
			s.event("call", id, itemOf(&r, s.index))
		case !e.counts && matched, e.again:
			s.event("superseded", id, StreamSuperseded{itemID(&r)})
		}
	}
}

// matches looks at a call as the log would, were it there.
func (s *stream) matches(r *store.Record) bool {
	there := *r
	there.Counted = true
	return s.filter.Matches(&there)
}

// refresh looks for keys that were made since the filter was read, at most as often as they are read
// from the store.
func (s *stream) refresh(ctx context.Context) {
	if index, err := s.console.keys.index(ctx); err == nil {
		s.index = index
	}
}

// event adds an event to what is written next.
func (s *stream) event(name, id string, data any) {
	if id != "" {
		s.text.WriteString("id: " + id + "\n")
	}
	s.text.WriteString("event: " + name + "\ndata: ")
	enc := json.NewEncoder(&s.text) // a line end in a text is written as \n
	if err := enc.Encode(data); err != nil {
		panic(err) // our own types can be written
	}
	s.text.WriteString("\n")
}

// flush sends what was written; false where the reader is gone.
func (s *stream) flush() bool {
	if s.text.Len() == 0 {
		return true
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(streamStall)) // not every server has deadlines
	_, err := s.out.Write(s.text.Bytes())
	s.text.Reset()
	if err == nil {
		err = s.control.Flush()
	}
	return err == nil
}

// schemaOf puts a type into the API's description and gives its schema.
func schemaOf(schemas huma.Registry, v any) *huma.Schema {
	return schemas.Schema(reflect.TypeOf(v), true, "")
}
