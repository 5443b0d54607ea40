package alert

import "time"

// Progress is what is known of one subject of a rule. It is stored as JSON; where there is none, the condition does not hold.
type Progress struct {
	Alert    string    `json:"alert,omitempty"` // its id; "" while it does not fire yet
	Since    time.Time `json:"since"`           // since when the condition holds
	Started  time.Time `json:"started,omitzero"`
	Notified time.Time `json:"notified,omitzero"` // when a notification was last made; zero: never
	Sent     int       `json:"sent,omitempty"`    // notifications so far
}

// Shift moves all times, because the clock was set: durations stay as they are.
func (p *Progress) Shift(by time.Duration) {
	for _, t := range []*time.Time{&p.Since, &p.Started, &p.Notified} {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// Transition is what follows from a look at a rule's condition.
type Transition struct {
	Next    *Progress // nil: there is nothing any more
	Changed bool      // Next is to be stored
	Fired   bool
	Ended   bool
	Notify  State // what is to be sent; "" for nothing
	Repeat  bool  // it was sent before
}

// Advance decides what follows where a rule's condition holds, or does not, at a time. id is that of the alert where one
// begins. It is a pure function.
func Advance(r *Rule, p *Progress, holds, quiet bool, now time.Time, id func() string) (t Transition) {
	if !holds {
		if p == nil {
			return t
		}
		t.Changed, t.Ended = true, p.Alert != ""
		if t.Ended && r.Resolved && p.Sent > 0 {
			t.Notify = Resolved
		}
		return t
	}
	next := Progress{Since: now}
	if p != nil {
		next = *p
	}
	t.Next, t.Changed = &next, p == nil
	if next.Alert == "" {
		if now.Sub(next.Since) < time.Duration(r.For)*time.Second {
			return t
		}
		next.Alert, next.Started = id(), now
		t.Fired, t.Changed = true, true
	}
	due := next.Sent == 0
	if !due && r.Repeat > 0 && now.Sub(next.Notified) >= time.Duration(r.Repeat)*time.Second {
		due, t.Repeat = true, true
	}
	if due && !quiet {
		t.Notify, t.Changed = Firing, true
		next.Notified = now
		next.Sent++
	} else {
		t.Repeat = false
	}
	return t
}
