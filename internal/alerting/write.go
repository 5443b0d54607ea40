package alerting

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/store"
)

// maxSubject bounds the name of a subject, in bytes.
const maxSubject = 300

// text makes a text of telemetry one that every store takes.
func text(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")
	if len(s) > maxSubject {
		s = strings.ToValidUTF8(s[:maxSubject], "")
	}
	return s
}

// writing is what a look at the rules leads to.
type writing struct {
	s        *session
	now      time.Time
	out      store.AlertWrite
	next     map[subject]*alert.Progress // nil: it ends
	channels []store.AlertChannel        // those that are enabled; nil until they are asked for
	asked    bool
	causes   int           // questions for causes
	asking   time.Duration // when the first was asked
}

// write makes the transitions that follow from findings, and stores all of it in one transaction.
func (s *session) write(ctx context.Context, found []finding, now time.Time) error {
	w := &writing{s: s, now: now, next: map[subject]*alert.Progress{}}
	seen := map[subject]bool{} // of what has, or gets, a state
	fired := map[string]bool{}
	for i := range found {
		f := &found[i]
		name := subject{f.w.id, f.subject}
		if !f.holds && s.states[name.rule][name.name] == nil || f.w.skipped || seen[name] {
			continue
		}
		seen[name] = true
		began, err := w.advance(ctx, name, f)
		if err != nil {
			return err
		}
		fired[f.w.id] = fired[f.w.id] || began
	}
	watches := make(map[string]*watch, len(s.watches))
	for _, x := range s.watches {
		watches[x.id] = x
		if state := s.through(x, fired[x.id]); state != nil {
			w.out.States = append(w.out.States, *state)
		}
	}
	for rule, states := range s.states {
		for name := range states {
			x, of := watches[rule], subject{rule, name}
			if seen[of] || x == nil || x.skipped || name == throughMarker && x.Enabled {
				continue
			}
			f := finding{w: x, subject: name, shown: name, kept: true, narrowed: x.Filter}
			if _, err := w.advance(ctx, of, &f); err != nil {
				return err
			}
		}
	}
	return w.store(ctx)
}

// advance makes the transition of one subject. It reports whether an alert began.
func (w *writing) advance(ctx context.Context, name subject, f *finding) (began bool, err error) {
	var was *alert.Progress
	version := int64(0)
	if p := w.s.states[name.rule][name.name]; p != nil {
		was, version = &p.Progress, p.version
	}
	if was == nil && !f.holds {
		return false, nil
	}
	r := &f.w.Rule
	t := alert.Advance(r, was, f.holds, alert.QuietAt(r.Quiet, w.now), w.now, newID)
	if !t.Changed {
		return false, nil
	}
	state := store.AlertState{Rule: name.rule, Subject: name.name, Version: version}
	current := was
	if t.Next != nil {
		current = t.Next
		if state.Data, err = json.Marshal(t.Next); err != nil {
			return false, fmt.Errorf("write the state of an alert: %w", err)
		}
	}
	w.out.States = append(w.out.States, state)
	w.next[name] = t.Next
	if current.Alert == "" {
		return false, nil
	}
	n, err := w.notification(ctx, f, current, t)
	if err != nil {
		return false, err
	}
	recorded := *n
	if !t.Fired {
		was, err := w.stored(ctx, current.Alert)
		if err != nil {
			return false, err
		}
		if was != nil && f.kept { // nothing is known of it now
			n.Subject, n.Value, n.Limit, n.Unit, n.Window, n.Filter, n.Path = was.Subject, was.Value, was.Limit, was.Unit, was.Window, was.Filter, was.Path
			recorded = *n
		}
		if was != nil && len(recorded.Causes) == 0 {
			recorded.Causes = was.Causes // of what fires, or fired
		}
	}
	if err := w.record(f, current, t, &recorded); err != nil {
		return false, err
	}
	if t.Notify == "" || f.w.invalid || t.Ended && lastsOnly(f.w.Kind, f.subject) {
		return t.Fired, nil
	}
	return t.Fired, w.enqueue(ctx, f.w, current, n)
}

// stored returns what is stored of an alert; nil where that is nothing that can be read.
func (w *writing) stored(ctx context.Context, id string) (*alert.Notification, error) {
	found, _, err := w.s.o.Store.Alerts(ctx, store.AlertQuery{IDs: []string{id}, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read an alert: %w", err)
	}
	var n alert.Notification
	if len(found) == 0 || json.Unmarshal(found[0].Document, &n) != nil {
		return nil, nil //nolint:nilnil // it says nothing
	}
	return &n, nil
}

// lastsOnly reports whether the alert's cause was a moment, whose end is nothing to tell.
func lastsOnly(kind alert.Kind, subject string) bool {
	return kind == alert.KeyFirstUse || kind == alert.SourceGap && strings.HasSuffix(subject, gapSuffix)
}

func newID() string { return "alr_" + strings.ToLower(rand.Text()[:20]) }

// record stores the alert itself.
func (w *writing) record(f *finding, p *alert.Progress, t alert.Transition, n *alert.Notification) error {
	document, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write an alert: %w", err)
	}
	a := store.Alert{ID: p.Alert, Rule: f.w.id, Subject: f.subject, Severity: string(f.w.Severity), StartedAt: p.Started, Document: document}
	if t.Ended {
		a.EndedAt = w.now
		if a.EndedAt.Before(a.StartedAt) {
			a.EndedAt = a.StartedAt
		}
	}
	w.out.Alerts = append(w.out.Alerts, a)
	return nil
}

// notification is what is told of an alert.
func (w *writing) notification(ctx context.Context, f *finding, p *alert.Progress, t alert.Transition) (*alert.Notification, error) {
	r := f.w
	n := &alert.Notification{
		ID: p.Alert, Rule: r.id, RuleName: r.name, Kind: r.Kind, Severity: r.Severity, State: alert.Firing, Repeated: t.Repeat,
		Subject: f.shown, Value: f.value, Limit: r.Limit, Unit: r.Kind.Unit(), Window: r.Window, Filter: f.narrowed, StartedAt: p.Started, At: w.now,
	}
	if n.Subject == "" {
		n.Subject = f.subject
	}
	if t.Ended {
		n.State = alert.Resolved
	}
	from, to := w.now.Add(-eventTime), w.now.Add(time.Second) // calls that start now are among them
	if r.Kind.Windowed() {
		window, _ := alert.WindowNamed(r.Window)
		from, _ = window.Bounds(w.now, r.zone)
	}
	n.Path = pathOf(r.Kind, &n.Filter, from, to)
	const most = 20 // at one look; the rest are told without causes
	if t.Notify != alert.Firing || !r.Kind.OfCalls() || r.Kind == alert.Silence || r.Kind == alert.KeyFirstUse || w.causes >= most {
		return n, nil
	}
	if w.causes++; w.causes == 1 {
		w.asking = w.s.o.Clock.Elapsed()
	}
	left := causesTime - (w.s.o.Clock.Elapsed() - w.asking) // of one look, for all its alerts
	if left <= 0 {
		return n, nil
	}
	var err error
	n.Causes, err = w.s.causesOf(ctx, r, from, to, left)
	return n, err
}

// enqueue makes a delivery for each channel. Its id follows from the alert, the number of the notification and the channel.
func (w *writing) enqueue(ctx context.Context, r *watch, p *alert.Progress, n *alert.Notification) error {
	if !w.asked {
		channels, err := w.s.o.Store.AlertChannels(ctx)
		if err != nil {
			return fmt.Errorf("list the channels of alerts: %w", err)
		}
		w.channels = slices.DeleteFunc(channels, func(c store.AlertChannel) bool { return disabled(c.Document) })
		w.asked = true
	}
	deliveries, err := deliveriesOf(r.Channels, w.channels, p, n, w.now)
	w.out.Deliveries = append(w.out.Deliveries, deliveries...)
	return err
}

// deliveriesOf makes a delivery of a notification for each channel of a rule. Their ids follow from the alert, its state, the number of the
// notification and the channel.
func deliveriesOf(named []string, channels []store.AlertChannel, p *alert.Progress, n *alert.Notification, now time.Time) (out []store.AlertDelivery, err error) {
	document, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("write a notification: %w", err)
	}
	for i := range channels {
		id := channels[i].ID
		if len(named) > 0 && !slices.Contains(named, id) {
			continue
		}
		out = append(out, store.AlertDelivery{
			ID: deliveryID(p.Alert, string(n.State), p.Sent, id), Channel: id, Rule: n.Rule, Alert: p.Alert, Notification: document,
			CreatedAt: now, UpdatedAt: now, NextAt: now, Status: store.DeliveryWaiting,
		})
	}
	return out, nil
}

// disabled reports whether a channel is switched off, by what it shows.
func disabled(document json.RawMessage) bool {
	var c struct {
		Enabled *bool `json:"enabled"`
	}
	return json.Unmarshal(document, &c) == nil && c.Enabled != nil && !*c.Enabled
}

func deliveryID(alertID, state string, n int, channel string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%s", alertID, state, n, channel))
	return "dlv_" + hex.EncodeToString(sum[:12])
}

// store makes the write, and follows it in memory.
func (w *writing) store(ctx context.Context) error {
	if len(w.out.States) == 0 {
		return nil
	}
	s := w.s
	w.out.Epoch = s.epoch
	if err := s.o.Store.WriteAlerts(ctx, w.out); err != nil {
		return fmt.Errorf("store what became of alerts: %w", err)
	}
	for i := range w.out.States {
		x := &w.out.States[i]
		name := subject{x.Rule, x.Subject}
		if len(x.Data) == 0 {
			s.put(name, nil)
			continue
		}
		p := &progress{version: x.Version + 1}
		if next := w.next[name]; next != nil {
			p.Progress = *next
		} else if err := json.Unmarshal(x.Data, &p.Progress); err != nil { // the marker of first uses
			return fmt.Errorf("read the state of an alert: %w", err)
		}
		s.put(name, p)
		if x.Subject == throughMarker {
			for _, r := range s.watches {
				if r.id == x.Rule && r.first != nil {
					r.first.saved = p.Since
				}
			}
		}
	}
	if len(w.out.Deliveries) > 0 {
		s.o.Wake()
	}
	return nil
}
