package stream

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
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/gate"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	maxStreams    = 200                    // at one time
	streamsEach   = 20                     // of them, of one person
	streamBatch   = 256                    // events between two looks at the connection
	streamCheck   = 500 * time.Millisecond // interval at which the client's access is checked again
	streamPause   = 100 * time.Millisecond // in which events gather
	streamPing    = 15 * time.Second       // between signs of life
	streamStall   = 30 * time.Second       // in which a reader has to take what is written
	streamMaxAge  = 15 * time.Minute       // after which a client has to come back, and is checked again
	streamRetryMS = 2000                   // after which a browser comes back
)

// streams are the open live streams.
type streams struct {
	ping, check, maxAge time.Duration
	kept                uint64 // events that the feed keeps

	mu      sync.Mutex
	feed    *feed // nil until the first stream
	stop    func()
	open    int
	of      map[string]int // open, by person
	closing chan struct{}  // closed at the end
	closed  bool
}

func newStreams() *streams {
	return &streams{
		ping: streamPing, check: streamCheck, maxAge: streamMaxAge, kept: feedKept, of: map[string]int{}, closing: make(chan struct{}),
	}
}

// join returns the feed to one stream more of a person. It fails where there are too many, or at the end.
// From the first one on, the feed is kept, so that a client can come back to it.
func (s *streams) join(l *ledger.Ledger, p access.Principal) (*feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch who := gate.ShareOf(p); {
	case s.closed:
		return nil, api.WithReason("shutting_down", api.NewProblem(http.StatusServiceUnavailable, "the server is shutting down; try again in a moment"))
	case s.open >= maxStreams:
		return nil, api.WithReason("streams_full", api.NewProblem(http.StatusServiceUnavailable, fmt.Sprintf("there are %d live streams already; close some, or read /logs instead", maxStreams)))
	case p.Via != "open" && s.of[who] >= streamsEach:
		return nil, api.WithReason("streams_full", api.NewProblem(http.StatusTooManyRequests, fmt.Sprintf("you have %d live streams already; close some, or read /logs instead", streamsEach)))
	default:
		s.of[who]++
	}
	if s.feed == nil {
		s.keep(l)
	}
	s.open++
	return s.feed, nil
}

// keep begins the feed. The caller holds s.mu, or nobody else has s yet.
func (s *streams) keep(l *ledger.Ledger) {
	s.feed = newFeed(s.kept, l.SharedKey("live stream"))
	s.stop = l.Observe(s.feed.put)
	s.feed.begin(l.Role().Seq)
}

func (s *streams) leave(p access.Principal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	who := gate.ShareOf(p)
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
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

// Close ends the live streams, which would hold up the end of a server.
func (c *Handlers) Close() {
	c.streams.close()
	c.alerts.close()
}

// Superseded is the data of an event of the live stream: a call that ceases to count, or to match.
type Superseded struct {
	ID string `json:"id"`
}

// SchemaName is the name in the description of the API.
func (Superseded) SchemaName() string { return "StreamSuperseded" }

// Skipped is the data of an event of the live stream: the reader has missed something.
type Skipped struct {
	Count *uint64 `json:"count" doc:"events missed, those that do not match included; null: not known, because the server was restarted, or because they are others'. Load the log again"`
}

// SchemaName is the name in the description of the API.
func (Skipped) SchemaName() string { return "StreamSkipped" }

// AsOf is the data of an event of the live stream: the time of the last commit that is included.
type AsOf struct {
	AsOf *time.Time `json:"as_of"`
}

// SchemaName is the name in the description of the API.
func (AsOf) SchemaName() string { return "StreamAsOf" }

type streamInput struct {
	Query       string `query:"q" maxLength:"256" doc:"as for /logs"`
	Events      string `query:"events" enum:"all,alerts" default:"all" doc:"alerts: only what alerts fire and end, no calls"`
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"id of the last event that was received; browsers send it when they come back"`
	filter.Filters
}

// Handlers answer the route of the live stream.
type Handlers struct {
	*filter.Reader
	Ledger  *ledger.Ledger
	streams *streams
	alerts  *alertWatch
}

// New returns the handlers. Close ends the streams.
func New(filters *filter.Reader, l *ledger.Ledger, a store.Alerts) *Handlers {
	c := &Handlers{Reader: filters, Ledger: l, streams: newStreams(), alerts: newAlertWatch(a)}
	if l.Role().Shared { // a client may come from another replica
		c.streams.keep(l)
	}
	return c
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	op := api.Operation(http.MethodGet, "/logs/stream", "log-stream", "Calls as they are counted, as Server-Sent Events")
	op.Description = "Events: `call` (a call of /logs that counts, new or a more complete record: replace the one of the same id), `superseded` (`{id}`: it ceases to count, " +
		"or to match), `skipped` (`{count}`: a slow reader missed so many events; load the log again), `as_of` (`{as_of}`: the last commit that is included), `alert` (an alert of /alerts that began to fire or ended; for those who may see alerts). " +
		"A comment every 15 seconds is a sign of life. The stream ends after 15 minutes; come back with `Last-Event-ID`, as browsers do: any replica goes on there."
	schemas := r.API.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"200": {
		Description: "An endless stream of events",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema:  streamSchema(schemas),
			Example: "event: as_of\ndata: {\"as_of\":\"2026-11-24T12:00:00Z\"}\n\nid: 5f0c6b1f2a3d-7\nevent: superseded\ndata: {\"id\":\"18b2…\"}\n\n",
		}},
	}}
	api.Register(r, access.ReadUsage, op, c.stream)
}

func (c *Handlers) stream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	f, index, err := c.Searched(ctx, "logs/stream", &in.Filters, in.Query, false)
	if err != nil {
		return nil, err
	}
	if f.Superseded {
		return nil, api.WithReason("stream_superseded", api.Invalid("query.q", "cannot ask for superseded calls: the stream has what counts", in.Query))
	}
	p := access.From(ctx)
	feed, err := c.streams.join(c.Ledger, p)
	if err != nil {
		return nil, err
	}
	s := &stream{from: c, in: in, own: p.OwnOnly(), calls: in.Events != "alerts", filter: f, index: index, checked: time.Now(), feed: feed, at: feed.end()}
	if in.LastEventID != "" {
		var known bool
		if s.at, s.sent, known = feed.place(in.LastEventID); !known {
			s.at, s.lost = feed.end(), true
		}
	}
	if s.alerts = p.May(access.ReadAlerts); s.alerts {
		s.alertAt = c.alerts.join(ctx)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer c.streams.leave(p)
		if s.alerts {
			defer c.alerts.leave()
		}
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no") // nginx would hold events back
		s.out, s.control = w, http.NewResponseController(w)
		s.run(ctx)
	}}, nil
}

// stream is one reader of the feed.
type stream struct {
	from    *Handlers
	in      *streamInput
	own     bool // it reveals nothing of the calls of others: not how many there are, and not when
	filter  store.Filter
	index   *keyindex.Index
	checked time.Time // when the filter was read
	feed    *feed
	at      uint64 // the next event's place
	// sent is the position before which another replica has sent all, see feed.place.
	sent    position
	lost    bool   // where the reader was before is not known
	calls   bool   // it is told of calls
	alerts  bool   // it is told of alerts
	alertAt uint64 // the next alert's place

	out     http.ResponseWriter
	control *http.ResponseController
	text    bytes.Buffer // what is not yet written
}

// run writes events until the reader goes, the console is closed or the stream is old.
func (s *stream) run(ctx context.Context) {
	t := newStreamTimers(s.from.streams)
	defer t.stop()
	fmt.Fprintf(&s.text, "retry: %d\n\n", streamRetryMS)
	if s.lost {
		s.event("skipped", "", Skipped{})
	}
	buffer := make([]change, 0, streamBatch)
	for first := true; ; first = false {
		if time.Since(s.checked) >= s.from.streams.check && !s.renew(ctx) {
			return
		}
		moreAlerts := s.writeAlerts()
		if !s.calls {
			if !s.flush() || !s.wait(ctx, t, nil, moreAlerts) {
				return
			}
			continue
		}
		events, next, skipped, asOf, more := s.feed.Read(s.at, buffer[:0], streamBatch)
		if skipped > 0 {
			s.at += skipped
			s.event("skipped", "", s.skip(skipped))
		}
		matched := s.write(ctx, events)
		s.at = next
		if first || matched || !s.own && len(events) > 0 || skipped > 0 {
			s.event("as_of", s.feed.mark(s.at, s.sent), AsOf{s.asOf(asOf)})
		}
		if !s.flush() || (len(events) < streamBatch && !s.wait(ctx, t, more, moreAlerts)) {
			return
		}
	}
}

// skip says how many events were missed, where the number reveals nothing of others.
func (s *stream) skip(n uint64) Skipped {
	if s.own {
		return Skipped{}
	}
	return Skipped{Count: &n}
}

// asOf is the time up to which all calls were written: the time of the last commit, or now for a user who may not learn
// when others make calls.
func (s *stream) asOf(last time.Time) *time.Time {
	switch {
	case s.own:
		return api.OptionalTime(s.from.Now())
	case last.IsZero():
		return api.OptionalTime(s.from.Ledger.LastCommit())
	}
	return api.OptionalTime(last)
}

// streamTimers are the timers that a stream waits for, besides events.
type streamTimers struct {
	ping, check *time.Ticker
	old, pause  *time.Timer
}

func newStreamTimers(s *streams) *streamTimers {
	return &streamTimers{ping: time.NewTicker(s.ping), check: time.NewTicker(s.check), old: time.NewTimer(s.maxAge), pause: time.NewTimer(streamPause)}
}

func (t *streamTimers) stop() {
	t.ping.Stop()
	t.check.Stop()
	t.old.Stop()
	t.pause.Stop()
}

// wait waits a moment in which events gather, and then for the next; false at the end of the stream.
func (s *stream) wait(ctx context.Context, t *streamTimers, more, moreAlerts <-chan struct{}) bool {
	t.pause.Reset(streamPause)
	var wake, wakeAlerts <-chan struct{} // nil, which never comes, during the pause
	for {
		select {
		case <-wake:
			return true
		case <-wakeAlerts:
			return true
		case <-t.pause.C:
			wake, wakeAlerts = more, moreAlerts
		case <-t.ping.C:
			s.text.WriteString(": ping\n\n")
			if !s.flush() {
				return false
			}
		case <-t.check.C:
			if !s.renew(ctx) {
				return false
			}
		case <-ctx.Done():
			return false
		case <-s.from.streams.closing:
			return false
		case <-t.old.C:
			return false
		}
	}
}

// renew reads the filter again: keys may have been made, renamed or given to another owner. It fails if
// the user is no longer signed in, or has another role.
func (s *stream) renew(ctx context.Context) bool {
	if !api.StillIn(ctx) {
		return false
	}
	f, index, err := s.from.Searched(ctx, "logs/stream", &s.in.Filters, s.in.Query, false)
	if err != nil {
		return false
	}
	s.filter, s.index, s.checked = f, index, time.Now()
	return true
}

// write adds what events mean for the reader, and reports whether it added anything.
func (s *stream) write(ctx context.Context, events []change) (wroteAny bool) {
	for i := range events {
		e := &events[i]
		if e.at.less(s.sent) {
			continue
		}
		r := e.record()
		matched := s.matches(&r)
		ceases := !e.counts && matched || !matched && e.was != nil && s.matches(&store.Record{Call: *e.was})
		if !matched && !ceases {
			continue
		}
		wroteAny = true
		id := s.feed.mark(s.at+uint64(i)+1, s.sent) // where to go on after it
		switch {
		case !ceases:
			if s.index.Key(r.KeyFingerprint) == nil && r.KeyFingerprint != "" {
				s.refresh(ctx)
			}
			s.event("call", id, calls.ItemOf(&r, s.index))
		default:
			s.event("superseded", id, Superseded{calls.ItemID(&r)})
		}
	}
	return wroteAny
}

// writeAlerts adds what alerts began and ended since the last time, and returns a channel that is closed when there are more.
func (s *stream) writeAlerts() (more <-chan struct{}) {
	if !s.alerts {
		return nil
	}
	events, next, missed, more := s.from.alerts.read(s.alertAt)
	s.alertAt = next
	for i := range events {
		if missed = missed || events[i].ID == ""; events[i].ID != "" {
			s.event("alert", "", events[i])
		}
	}
	if missed {
		s.event("skipped", "", Skipped{})
	}
	return more
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
	if index, err := s.from.Keys.Index(ctx); err == nil {
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

// schemaOf puts a type into the API's description and returns its schema.
func schemaOf(schemas huma.Registry, v any) *huma.Schema {
	return schemas.Schema(reflect.TypeOf(v), true, "")
}
