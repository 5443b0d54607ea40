package queue

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/notify/send"
	"github.com/tokenboard/tokenboard/internal/outbound"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const planted = "planted-secret-of-a-channel-0123456789"

// bench is a queue over a real store, and receivers that it sends to.
type bench struct {
	t      *testing.T
	path   string
	engine *sqlite.Engine
	sealer *seal.Sealer
	logs   *observer.ObservedLogs
	o      Options
	queue  *Queue

	mu   sync.Mutex
	skew time.Duration // added to the clock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	sealer, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "t.db"), sealer: sealer, logs: logs}
	b.open()
	allowed := outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	b.o = Options{
		Sealer: sealer, Sender: &send.Sender{Client: outbound.New(outbound.Options{Policy: allowed}), Timeout: 5 * time.Second},
		Page: "https://tb.example/console/", Logger: zap.New(core), Now: b.now, Poll: 5 * time.Millisecond,
	}
	t.Cleanup(func() {
		b.stop()
		require.NoError(t, b.engine.Close())
	})
	return b
}

func (b *bench) open() {
	engine, err := sqlite.Open(b.t.Context(), sqlite.Options{Path: b.path})
	require.NoError(b.t, err)
	b.engine = engine
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.skew)
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skew += d
}

func (b *bench) start() {
	b.o.Store = b.engine.Directory()
	b.queue = New(b.o)
	b.queue.Start()
}

func (b *bench) stop() {
	if b.queue != nil {
		b.queue.Close()
		b.queue = nil
	}
}

// receiver is a server that a channel sends to.
type receiver struct {
	mu     sync.Mutex
	ids    []string // of the deliveries that came, with repeats
	events []send.Event
	answer http.HandlerFunc
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var e send.Event
	_ = json.NewDecoder(req.Body).Decode(&e)
	r.mu.Lock()
	r.ids, r.events = append(r.ids, req.Header.Get("webhook-id")), append(r.events, e)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

func (r *receiver) answers(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = h
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.ids...)
}

var audited = store.AuditEntry{Action: "test", Time: time.Unix(1, 0), Actor: store.AuditActor{Name: "t"}, Target: store.AuditTarget{Type: "t"}}

// channel stores a webhook to a receiver.
func (b *bench) channel(id string, r *receiver, change ...func(*Stored)) {
	b.t.Helper()
	server := httptest.NewServer(r)
	b.t.Cleanup(server.Close)
	s := Stored{Kind: channel.Webhook, Enabled: true, Language: "en", Settings: map[string]string{"url": server.URL}}
	for _, c := range change {
		c(&s)
	}
	document, err := json.Marshal(s)
	require.NoError(b.t, err)
	secrets := map[string]string{"signing_secret": "whsec_cGxhbnRlZC1zZWNyZXQtb2YtYS1jaGFubmVs"}
	if s.Kind == channel.Alertmanager {
		secrets = map[string]string{"token": planted}
	}
	sealed, err := b.sealer.Seal(id, secrets)
	require.NoError(b.t, err)
	_, err = b.engine.Directory().PutAlertChannel(b.t.Context(), store.AlertChannel{
		ID: id, Name: id, Document: document, Secret: sealed, CreatedAt: b.now(), UpdatedAt: b.now(),
	}, 100, audited)
	require.NoError(b.t, err)
}

func (b *bench) deliver(deliveries ...store.AlertDelivery) {
	b.t.Helper()
	require.NoError(b.t, b.engine.Directory().WriteAlerts(b.t.Context(), store.AlertWrite{Deliveries: deliveries}))
	if b.queue != nil {
		b.queue.Wake()
	}
}

// delivery is one that is due; those that are made later are due later.
func (b *bench) delivery(id, channel, of string, state alert.State) store.AlertDelivery {
	n, err := json.Marshal(alert.Notification{
		ID: of, RuleName: "rule", Kind: alert.Spend, Severity: alert.Warning, State: state, Value: 12.5, Limit: 10, Unit: alert.USD, Path: "/logs?model=m",
		Causes: []alert.Cause{{Dimension: "model", Name: "m", Value: 12, Unit: alert.USD}}, StartedAt: time.Unix(1000, 0).UTC(), At: time.Unix(2000, 0).UTC(),
	})
	require.NoError(b.t, err)
	now := b.now()
	return store.AlertDelivery{ID: id, Channel: channel, Alert: of, Notification: n, CreatedAt: now, UpdatedAt: now, NextAt: now, Status: store.DeliveryWaiting, Version: 1}
}

func (b *bench) stored(id string) store.AlertDelivery {
	found, _, err := b.engine.Directory().Deliveries(b.t.Context(), store.DeliveryQuery{IDs: []string{id}, Limit: 1})
	require.NoError(b.t, err)
	require.Len(b.t, found, 1)
	return found[0]
}

func (b *bench) until(what string, holds func() bool) {
	b.t.Helper()
	require.Eventually(b.t, holds, time.Minute, time.Millisecond, what)
}

func (b *bench) becomes(id string, s store.DeliveryStatus) {
	b.t.Helper()
	b.until(id+" is "+string(s), func() bool { return b.stored(id).Status == s })
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
	}
}

// TestSends: what is due is sent once, with figure, limit, causes and a link, and noted.
func TestSends(t *testing.T) {
	b, r := newBench(t), &receiver{}
	b.channel("c", r)
	b.start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.becomes("d1", store.DeliverySent)
	require.Equal(t, []string{"d1"}, r.got())
	e := r.events[0]
	require.Equal(t, "alert.firing", e.Type)
	require.Equal(t, &send.Figure{Value: 12.5, Unit: "USD"}, e.Value)
	require.Equal(t, &send.Figure{Value: 10, Unit: "USD"}, e.Limit)
	require.Equal(t, "https://tb.example/console/logs?model=m", e.Link)
	require.Equal(t, "[Warning] rule\nSpend: $12.50 (limit $10.00)\nSince 1970-01-01 00:16 UTC\nTop causes: model m $12.00\nDetails: https://tb.example/console/logs?model=m", e.Text)
	require.Equal(t, 1, b.stored("d1").Attempts)
	require.Empty(t, b.stored("d1").LastError)
}

// TestRetries: after an error it is tried again, later each time, with the id that it had, until it is accepted.
func TestRetries(t *testing.T) {
	b, r := newBench(t), &receiver{answer: status(503)}
	b.channel("c", r)
	b.start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	for i := 1; i <= 3; i++ {
		b.until("it was tried", func() bool { return b.stored("d1").Attempts == i })
		d := b.stored("d1")
		require.Equal(t, store.DeliveryWaiting, d.Status)
		require.Equal(t, "HTTP 503", d.LastError)
		wait := d.NextAt.Sub(d.UpdatedAt)
		require.GreaterOrEqual(t, wait, firstWait<<(i-1)*4/5)
		require.LessOrEqual(t, wait, firstWait<<(i-1))
		b.pass(wait)
	}
	r.answers(nil)
	b.becomes("d1", store.DeliverySent)
	require.Equal(t, []string{"d1", "d1", "d1", "d1"}, r.got())
}

// TestRetryAfter: a receiver that says when to come back is left alone until then, also by its other deliveries.
func TestRetryAfter(t *testing.T) {
	b, r := newBench(t), &receiver{answer: status(429, "Retry-After", "600")}
	b.channel("c", r)
	b.deliver(b.delivery("d1", "c", "a", alert.Firing), b.delivery("d2", "c", "b", alert.Firing))
	b.start()
	b.until("both wait", func() bool {
		now := b.now().Add(9 * time.Minute)
		return b.stored("d1").NextAt.After(now) && b.stored("d2").NextAt.After(now)
	})
	require.Len(t, r.got(), 1)
	require.Equal(t, 1, b.stored("d1").Attempts+b.stored("d2").Attempts)
	r.answers(nil)
	b.pass(11 * time.Minute)
	b.becomes("d1", store.DeliverySent)
	b.becomes("d2", store.DeliverySent)
}

// TestGivesUp: an error that stays is not tried again; others are, so often.
func TestGivesUp(t *testing.T) {
	b := newBench(t)
	gone, down := &receiver{answer: status(404)}, &receiver{answer: status(500)}
	b.channel("gone", gone)
	b.channel("down", down)
	b.channel("off", &receiver{}, func(s *Stored) { s.Enabled = false })
	b.start()
	b.deliver(b.delivery("d1", "gone", "a", alert.Firing), b.delivery("d2", "down", "a", alert.Firing), b.delivery("d3", "off", "a", alert.Firing), b.delivery("d4", "none", "a", alert.Firing))
	for id, reason := range map[string]string{"d1": "HTTP 404", "d3": "the channel is switched off", "d4": "the channel was removed"} {
		b.becomes(id, store.DeliveryDead)
		require.Equal(t, reason, b.stored(id).LastError)
	}
	require.Len(t, gone.got(), 1)
	b.until("it is given up", func() bool { b.pass(time.Hour); return b.stored("d2").Status == store.DeliveryDead })
	require.Len(t, down.got(), MaxAttempts)
	b.until("the log tells it", func() bool { return b.logs.FilterField(zap.String("delivery", "d2")).Len() == 1 })

	down.answers(nil) // somebody sends it again
	d := b.stored("d2")
	d.Status, d.Attempts, d.NextAt = store.DeliveryWaiting, 0, b.now()
	require.NoError(t, b.engine.Directory().UpdateDelivery(t.Context(), 0, d, audited))
	b.becomes("d2", store.DeliverySent)
	require.Equal(t, "d2", down.got()[MaxAttempts], "with the id that it had")
}

// TestOrder: what resolves an alert does not overtake what says that it fires, and one alert does not hold up another.
func TestOrder(t *testing.T) {
	b, r := newBench(t), &receiver{answer: status(500)}
	b.channel("c", r)
	b.start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.until("it was tried", func() bool { return b.stored("d1").Attempts == 1 })
	r.answers(nil)
	b.deliver(b.delivery("d2", "c", "a", alert.Resolved), b.delivery("d3", "c", "b", alert.Firing))
	b.becomes("d3", store.DeliverySent)
	b.until("it waits", func() bool { return b.stored("d2").NextAt.After(b.stored("d1").NextAt) })
	b.pass(time.Minute)
	b.becomes("d2", store.DeliverySent)
	require.Equal(t, []string{"d1", "d3", "d1", "d2"}, r.got())
	require.Zero(t, b.stored("d2").Attempts-1)
}

// TestAHangingReceiverHoldsUpNoOther: while a receiver does not answer, others get theirs, and Close ends the try, which
// does not count.
func TestAHangingReceiverHoldsUpNoOther(t *testing.T) {
	b := newBench(t)
	began := make(chan struct{}, 10)
	hanging, other := &receiver{answer: func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // without it the server would answer 200 now
	}}, &receiver{}
	b.o.Sender.Timeout = time.Hour
	b.channel("hanging", hanging)
	b.channel("other", other)
	b.start()
	for i := range 5 {
		b.deliver(b.delivery(fmt.Sprint("h", i), "hanging", fmt.Sprint("h", i), alert.Firing))
	}
	<-began
	b.deliver(b.delivery("d", "other", "a", alert.Firing))
	b.becomes("d", store.DeliverySent)
	b.stop()
	require.Len(t, hanging.got(), 1)
	for i := range 5 {
		d := b.stored(fmt.Sprint("h", i))
		require.Equal(t, store.DeliveryWaiting, d.Status)
		require.Zero(t, d.Attempts)
	}
	hanging.answers(nil)
	b.start()
	for i := range 5 {
		b.becomes(fmt.Sprint("h", i), store.DeliverySent)
	}
}

// TestKilled: whatever is lost with a process, the next one sends it, and a receiver that got it already sees the same id.
func TestKilled(t *testing.T) {
	b := newBench(t)
	r := &receiver{}
	b.channel("c", r)
	lost := &losing{Store: b.engine.Directory()}
	b.o.Store = lost
	b.queue = New(b.o)
	b.queue.Start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.until("it was sent", func() bool { return len(r.got()) > 0 })
	b.stop() // what became of it was never stored
	require.Zero(t, b.stored("d1").Attempts)
	require.NoError(t, b.engine.Close())
	b.open()
	b.start()
	b.becomes("d1", store.DeliverySent)
	for _, id := range r.got() {
		require.Equal(t, "d1", id)
	}
}

// losing stores nothing of what became of a delivery, as a process that is killed after the try.
type losing struct{ Store }

func (*losing) UpdateDelivery(context.Context, int64, store.AlertDelivery, ...store.AuditEntry) error {
	return fmt.Errorf("killed")
}

// TestLease: a process that has lost its lease stores nothing of what it sent, and Run ends with its context.
func TestLease(t *testing.T) {
	b, r := newBench(t), &receiver{}
	b.channel("c", r)
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.o.Store = b.engine.Directory()
	lease, err := b.engine.Acquire(t.Context(), store.TaskAlerts, "other", time.Minute)
	require.NoError(t, err)
	fenced := &run{Queue: New(b.o), epoch: lease.Epoch + 1} // an epoch that is not the lease's
	require.NoError(t, fenced.round(t.Context()))
	fenced.sending.Wait()
	require.Equal(t, store.DeliveryWaiting, b.stored("d1").Status)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	b.o.Poll = time.Hour
	q := New(b.o)
	go func() {
		defer close(ended)
		q.Run(ctx, lease.Epoch)
	}()
	b.becomes("d1", store.DeliverySent)
	b.deliver(b.delivery("d2", "c", "a", alert.Resolved))
	q.Wake()
	b.becomes("d2", store.DeliverySent)
	cancel()
	<-ended
}

// TestATestIsTriedOnce: a person waits for its result; also a channel that is switched off is tried.
func TestATestIsTriedOnce(t *testing.T) {
	b, r := newBench(t), &receiver{answer: status(500)}
	b.channel("c", r, func(s *Stored) { s.Enabled = false })
	b.start()
	d := b.delivery("d1", "c", "", alert.Firing)
	d.Notification = json.RawMessage(`{"test":true}`)
	require.NoError(t, b.engine.Directory().AddDelivery(t.Context(), d, audited))
	b.becomes("d1", store.DeliveryDead)
	require.Equal(t, 1, b.stored("d1").Attempts)
}

// TestDamage: what cannot be read is given up, with a reason and without a secret.
func TestDamage(t *testing.T) {
	b, r := newBench(t), &receiver{}
	b.channel("c", r)
	other, err := seal.New([]byte("another key secret of 32 bytes.."))
	require.NoError(t, err)
	b.o.Sealer = other
	b.start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.becomes("d1", store.DeliveryDead)
	require.Equal(t, seal.ErrOtherKey.Error(), b.stored("d1").LastError)
	bad := b.delivery("d2", "c", "a", alert.Firing)
	bad.Notification = json.RawMessage(`{"value":"x"}`)
	b.deliver(bad)
	b.becomes("d2", store.DeliveryDead)
	require.Empty(t, r.got())
}

// TestBackupHoldsNoSecret: neither the database's files nor a copy of it hold a channel's secret, nor what was logged.
func TestBackupHoldsNoSecret(t *testing.T) {
	b := newBench(t)
	r := &receiver{answer: func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, "you sent ", planted, " and ", r.Header)
	}}
	b.channel("c", r, func(s *Stored) {
		s.Kind, s.Settings = channel.Alertmanager, map[string]string{"url": s.Settings["url"]}
	})
	b.start()
	b.deliver(b.delivery("d1", "c", "a", alert.Firing))
	b.becomes("d1", store.DeliveryDead)
	require.Contains(t, b.stored("d1").LastError, "HTTP 400: you sent *** and")
	b.stop()
	copied := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, sqlite.Backup(t.Context(), b.path, copied))
	files, err := filepath.Glob(b.path + "*")
	require.NoError(t, err)
	for _, file := range append(files, copied) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, form := range []string{planted, base64.StdEncoding.EncodeToString([]byte(planted)), base64.RawURLEncoding.EncodeToString([]byte(planted)), hex.EncodeToString([]byte(planted))} {
			require.NotContains(t, string(text), form, file)
		}
	}
	for _, e := range b.logs.All() {
		require.NotContains(t, fmt.Sprint(e.Message, e.ContextMap()), planted)
	}
}

func TestBackoff(t *testing.T) {
	total := time.Duration(0)
	for attempts := 1; attempts < MaxAttempts; attempts++ {
		wait := backoff(attempts, 0)
		require.LessOrEqual(t, wait, longestWait)
		require.GreaterOrEqual(t, wait, min(firstWait<<(min(attempts, 12)-1), longestWait)*4/5)
		total += wait
	}
	require.Greater(t, total, 12*time.Hour)
	require.Less(t, total, 24*time.Hour)
	require.Equal(t, 3*time.Hour, backoff(1, 3*time.Hour))
	require.Positive(t, backoff(0, 0))
	require.Positive(t, backoff(1<<30, 0))
}
