package queue

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/notify/send"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Store is what the queue needs of store.Alerts.
type Store interface {
	AlertChannels(ctx context.Context) ([]store.AlertChannel, error)
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]store.AlertDelivery, error)
	Deliveries(ctx context.Context, q store.DeliveryQuery) ([]store.AlertDelivery, int, error)
	UpdateDelivery(ctx context.Context, epoch int64, d store.AlertDelivery, e ...store.AuditEntry) error
}

// Options configure a Queue.
type Options struct {
	Store  Store
	Sealer *seal.Sealer
	Sender *send.Sender
	Page   string // address of the web page, which links begin with; "" for no links
	Logger *zap.Logger
	Now    func() time.Time
	Poll   time.Duration // how often the store is asked for what is due, besides Wake; 1 second where 0
}

const (
	defaultPoll = time.Second
	listed      = 200 // deliveries that one look at the queue takes
	atOnce      = 8   // channels that are sent to at one time
	noting      = 10 * time.Second
)

// Queue sends what is due. Its methods are safe for concurrent use.
type Queue struct {
	o    Options
	wake chan struct{}
	stop context.CancelFunc
	all  sync.WaitGroup

	mu   sync.Mutex
	busy map[string]bool // ids of channels that are being sent to
}

// New makes a queue. Start runs it.
func New(o Options) *Queue {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	return &Queue{o: o, wake: make(chan struct{}, 1), busy: map[string]bool{}}
}

// Start begins to send in a goroutine of its own, until Close, without a lease: for a store of one process.
func (q *Queue) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	q.stop = cancel
	q.all.Go(func() { q.Run(ctx, 0) })
}

// Close ends what Start began, also the tries under way, and waits for it. What was not accepted is sent by the next process.
func (q *Queue) Close() {
	if q.stop != nil {
		q.stop()
		q.all.Wait()
	}
}

// Wake makes the queue look at once for what is due. It does not wait.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Run sends what is due until its context ends, and waits then for the tries under way, which it cuts off. It is for the
// process that has the lease of store.TaskAlerts, of that epoch; 0: no lease is checked.
func (q *Queue) Run(ctx context.Context, epoch int64) {
	r := &run{Queue: q, epoch: epoch}
	defer r.sending.Wait()
	tick := time.NewTicker(q.o.Poll)
	defer tick.Stop()
	failing := false
	for {
		err := r.round(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			q.o.Logger.Error("the queue of notifications cannot be read; trying again", zap.Error(err))
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.wake:
		}
	}
}

// run is a Run of a queue.
type run struct {
	*Queue
	epoch   int64
	sending sync.WaitGroup
}

// round starts to send what is due to channels that are not being sent to.
func (q *run) round(ctx context.Context) error {
	due, err := q.o.Store.DueDeliveries(ctx, q.o.Now(), listed)
	if err != nil || len(due) == 0 {
		return err
	}
	stored, err := q.o.Store.AlertChannels(ctx)
	if err != nil {
		return err
	}
	channels := map[string]*store.AlertChannel{}
	for i := range stored {
		channels[stored[i].ID] = &stored[i]
	}
	byChannel := map[string][]store.AlertDelivery{}
	for _, d := range due {
		byChannel[d.Channel] = append(byChannel[d.Channel], d)
	}
	for id, deliveries := range byChannel {
		if q.take(id) {
			q.sending.Go(func() {
				more := q.channel(ctx, channels[id], deliveries)
				if q.release(id); more {
					q.Wake() // there may be more that is due, or more channels than are sent to at one time
				}
			})
		}
	}
	return nil
}

func (q *Queue) take(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy[id] || len(q.busy) >= atOnce {
		return false
	}
	q.busy[id] = true
	return true
}

func (q *Queue) release(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, id)
}

// unchanged returns those deliveries that are as they were listed. Between the list and the moment in which the channel was
// taken, the one who had it before may have sent some.
func (q *Queue) unchanged(ctx context.Context, listed []store.AlertDelivery) ([]store.AlertDelivery, error) {
	ids := make([]string, len(listed))
	for i := range listed {
		ids[i] = listed[i].ID
	}
	stored, _, err := q.o.Store.Deliveries(ctx, store.DeliveryQuery{IDs: ids, Limit: len(ids)})
	if err != nil {
		return nil, err
	}
	versions := map[string]int64{}
	for i := range stored {
		versions[stored[i].ID] = stored[i].Version
	}
	return slices.DeleteFunc(listed, func(d store.AlertDelivery) bool { return versions[d.ID] != d.Version }), nil
}

// channel sends the deliveries of one channel, in their order. After a failure the rest waits as long. It reports whether all
// went as far as it can.
func (q *run) channel(ctx context.Context, c *store.AlertChannel, due []store.AlertDelivery) bool {
	due, err := q.unchanged(ctx, due)
	if err != nil {
		return q.unread(ctx, err)
	}
	var until time.Time // the channel wants to be left alone
	for _, d := range due {
		if ctx.Err() != nil {
			return false
		}
		d.NextAt = latest(d.NextAt, until)
		if until.IsZero() {
			if until, err = q.step(ctx, c, &d); err != nil {
				return q.unread(ctx, err)
			}
		}
		if ctx.Err() != nil && d.Status == store.DeliveryWaiting {
			return false // it was cut off: no fault of the receiver
		}
		if !q.note(ctx, d) {
			return false
		}
	}
	return true
}

// unread reports that the store could not be read.
func (q *Queue) unread(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		q.o.Logger.Error("the queue of notifications cannot be read; trying again", zap.Error(err))
	}
	return false
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// step tries to send a delivery, or puts it off where it would overtake an earlier one. It returns until when the channel
// wants to be left alone, zero where it does not.
func (q *Queue) step(ctx context.Context, c *store.AlertChannel, d *store.AlertDelivery) (until time.Time, err error) {
	wait, err := q.overtakes(ctx, d)
	if err != nil {
		return until, err
	}
	if !wait.IsZero() {
		d.NextAt = wait
		return until, nil
	}
	o := q.try(ctx, c, d)
	if !o.Sent && ctx.Err() != nil {
		return until, nil
	}
	if q.judge(d, o); d.Status == store.DeliveryWaiting {
		until = d.NextAt
	}
	return until, nil
}

// overtakes returns until when a delivery has to wait because an earlier one of the same alert waits; zero: it does not.
func (q *Queue) overtakes(ctx context.Context, d *store.AlertDelivery) (time.Time, error) {
	if d.Alert == "" {
		return time.Time{}, nil
	}
	waiting, _, err := q.o.Store.Deliveries(ctx, store.DeliveryQuery{
		Channels: []string{d.Channel}, Alerts: []string{d.Alert}, Statuses: []store.DeliveryStatus{store.DeliveryWaiting}, Limit: listed,
	})
	if err != nil {
		return time.Time{}, err
	}
	for _, other := range waiting {
		if other.ID != d.ID && other.CreatedAt.Before(d.CreatedAt) && other.NextAt.After(q.o.Now()) {
			return other.NextAt.Add(time.Millisecond), nil
		}
	}
	return time.Time{}, nil
}

// Stored is what the store has of a channel that may be shown.
type Stored struct {
	Kind     string            `json:"kind"`
	Enabled  bool              `json:"enabled"`
	Language string            `json:"language"`
	Settings map[string]string `json:"settings,omitempty"`
	Secrets  []string          `json:"secrets,omitempty"` // names of those that are set
}

// try tries once to send a delivery.
func (q *Queue) try(ctx context.Context, c *store.AlertChannel, d *store.AlertDelivery) send.Outcome {
	if c == nil {
		return send.Outcome{Permanent: true, Detail: "the channel was removed"}
	}
	var s Stored
	if err := json.Unmarshal(c.Document, &s); err != nil {
		return send.Outcome{Permanent: true, Detail: "the channel's stored settings cannot be read: set them again"}
	}
	var n alert.Notification
	if err := json.Unmarshal(d.Notification, &n); err != nil {
		return send.Outcome{Permanent: true, Detail: "the stored notification cannot be read"}
	}
	if !s.Enabled && !n.Test {
		return send.Outcome{Permanent: true, Detail: "the channel is switched off"}
	}
	secrets, err := q.o.Sealer.Open(c.ID, c.Secret)
	if err != nil {
		return send.Outcome{Permanent: true, Detail: err.Error()}
	}
	return q.o.Sender.Send(ctx, &channel.Channel{ID: c.ID, Kind: s.Kind, Language: message.Language(s.Language), Settings: s.Settings, Secrets: secrets}, q.message(d.ID, &n))
}

// judge notes an outcome in a delivery. A test is tried once: a person waits for its result.
func (q *Queue) judge(d *store.AlertDelivery, o send.Outcome) {
	now := q.o.Now()
	d.UpdatedAt, d.Attempts, d.LastError = now, d.Attempts+1, o.Detail
	switch {
	case o.Sent:
		d.Status = store.DeliverySent
	case o.Permanent, d.Attempts >= MaxAttempts, isTest(d):
		d.Status = store.DeliveryDead
	default:
		d.NextAt = now.Add(backoff(d.Attempts, o.RetryAfter))
	}
}

func isTest(d *store.AlertDelivery) bool {
	var n alert.Notification
	return json.Unmarshal(d.Notification, &n) == nil && n.Test
}

// note stores a delivery, also when the queue ends meanwhile. It reports whether the queue may go on.
func (q *run) note(ctx context.Context, d store.AlertDelivery) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noting)
	defer cancel()
	err := q.o.Store.UpdateDelivery(ctx, q.epoch, d)
	switch {
	case err == nil:
		if d.Status == store.DeliveryDead {
			q.o.Logger.Warn("a notification is given up", zap.String("delivery", d.ID), zap.String("channel", d.Channel), zap.Int("attempts", d.Attempts), zap.String("reason", d.LastError))
		}
		return true
	case errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrAlertUnknown):
		return true // a person has changed it meanwhile
	case errors.Is(err, store.ErrFenced):
		return false // another process sends now
	}
	q.o.Logger.Error("what became of a notification cannot be stored: it may be sent again", zap.String("delivery", d.ID), zap.Error(err))
	return false
}
