package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// TaskAlerts is the task of evaluating alert rules and sending what they say. One of the processes that share a store does
// it at a time. AlertWrite and Alerts.UpdateDelivery carry the epoch of its lease.
const TaskAlerts = "alerts"

// AlertRule is a rule as it is stored. Its document is for internal/alert to read.
type AlertRule struct {
	ID                   string
	Name                 string          // unique, without regard to case
	Document             json.RawMessage // a JSON object
	CreatedAt, UpdatedAt time.Time
	Version              int64 // of its last change; 0: it is not stored yet
}

// AlertState is what is known of one subject of a rule: since when its condition holds, whether it fires, what was sent.
type AlertState struct {
	Rule    string // id
	Subject string // what the rule tells apart, as a key or a budget; "" for the rule as a whole
	Data    []byte // empty: there is nothing; the state is removed
	Version int64  // of its last change; 0: it is not stored yet
}

// Alert is one time that a rule fired for a subject.
type Alert struct {
	ID, Rule, Subject, Severity string
	StartedAt                   time.Time
	EndedAt                     time.Time       // zero while it fires
	Document                    json.RawMessage // a JSON object
}

// AlertQuery selects alerts. A zero field selects all.
type AlertQuery struct {
	IDs, Rules, Severities []string
	Firing, Ended          bool      // those that fire; those that do not any more; both or neither: all
	From, To               time.Time // From <= StartedAt < To
	After                  string    // those that follow the alert of this id
	Limit                  int       // at most so many
}

// AlertChannel is where notifications are sent.
type AlertChannel struct {
	ID       string
	Name     string          // unique, without regard to case
	Document json.RawMessage // what may be shown; a JSON object
	// Secret is the rest of its configuration, encrypted with a key that is not in the database.
	Secret               []byte
	CreatedAt, UpdatedAt time.Time
	Version              int64 // of its last change; 0: it is not stored yet
}

// DeliveryStatus is what became of a delivery. The values are stored.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryWaiting DeliveryStatus = "waiting" // it is to be tried at NextAt
	DeliverySent    DeliveryStatus = "sent"    // the receiver accepted it
	DeliveryDead    DeliveryStatus = "dead"    // it is not tried any more
)

// AlertDelivery is one notification for one channel. The queue is the deliveries that wait.
type AlertDelivery struct {
	ID           string // it stays over all tries, so that a receiver can tell a repeat
	Channel      string // id
	Rule, Alert  string // ids; "" for a test
	Notification json.RawMessage
	CreatedAt    time.Time
	UpdatedAt    time.Time // when it was last tried; CreatedAt before
	NextAt       time.Time // when it is to be tried
	Attempts     int
	Status       DeliveryStatus
	LastError    string
	Version      int64 // of its last change; 1 for a new one
}

// DeliveryQuery selects deliveries. A zero field selects all.
type DeliveryQuery struct {
	IDs, Channels, Rules, Alerts []string
	Statuses                     []DeliveryStatus
	After                        string // those that follow the delivery of this id
	Limit                        int    // at most so many
}

// AlertWrite is one transaction of the evaluation of rules: all of it is stored, or nothing.
type AlertWrite struct {
	// Epoch is the epoch of the lease of TaskAlerts; 0 asks for no check.
	Epoch int64
	// States replace those of their Version, which is raised.
	States []AlertState
	// Alerts replace those of their id.
	Alerts []Alert
	// Deliveries are new. One whose id is stored is left as it is.
	Deliveries []AlertDelivery
}

// AlertEnd is what is told of the end of what a rule fired.
type AlertEnd struct {
	States     []AlertState    // all of the rule, as they were read; their Version counts
	Deliveries []AlertDelivery // as in AlertWrite
}

// SameStates reports whether the states of a rule, with their versions by subject, are those that an AlertEnd was made of.
func (e *AlertEnd) SameStates(now map[string]int64) bool {
	if len(now) != len(e.States) {
		return false
	}
	for i := range e.States {
		if version, there := now[e.States[i].Subject]; !there || version != e.States[i].Version {
			return false
		}
	}
	return true
}

// Errors about alerts that callers distinguish.
var (
	ErrAlertUnknown = errors.New("there is no rule, channel or delivery of this id")
	ErrAlertName    = errors.New("another one has this name")
	ErrTooManyRules = errors.New("there are as many as are allowed")
	ErrAlertStates  = errors.New("the states of the alert rule have changed")
)

// Alerts is the storage of alert rules and of what became of them: states, history, channels, and the queue of
// notifications. It decides nothing. Every read sees the last change, also one made by another process.
type Alerts interface {
	// AlertRules lists all rules, oldest first, and returns the version of the last change of any of them. It lists
	// none where that is the version given.
	AlertRules(ctx context.Context, known int64) ([]AlertRule, int64, error)
	// PutAlertRule stores a rule: a new one where its version is 0, else in the place of the one of that version, whose
	// CreatedAt stays. It returns its new version, ErrTooManyRules where there are max already, ErrAlertName, ErrAlertUnknown,
	// or ErrChanged.
	PutAlertRule(ctx context.Context, r AlertRule, max int, e AuditEntry) (int64, error)
	// DeleteAlertRule removes a rule with its states and ends its alerts. Version 0 is any. What is told of their end is stored
	// with it: it returns ErrAlertStates, and changes nothing, where the states are not those of the AlertEnd any more.
	DeleteAlertRule(ctx context.Context, id string, version int64, e AuditEntry, ends ...AlertEnd) error

	// AlertStates lists all states.
	AlertStates(ctx context.Context) ([]AlertState, error)
	// WriteAlerts stores what an evaluation came to. It returns ErrFenced where the lease is not the one of the epoch
	// any more, and ErrChanged where a state is of another version or its rule is gone: nothing is stored then.
	WriteAlerts(ctx context.Context, w AlertWrite) error
	// Alerts lists alerts, newest first, and counts those that match without After and Limit. It returns ErrCursor
	// where After is of no alert that matches.
	Alerts(ctx context.Context, q AlertQuery) ([]Alert, int, error)
	// DropAlerts removes alerts that ended, and deliveries that do not wait, before a time, and of each the oldest above a
	// number; at most max of each in one go. It returns how many went.
	DropAlerts(ctx context.Context, before time.Time, keep int64, max int) (int, error)

	// AlertChannels lists all channels, oldest first.
	AlertChannels(ctx context.Context) ([]AlertChannel, error)
	// PutAlertChannel stores a channel; as PutAlertRule.
	PutAlertChannel(ctx context.Context, c AlertChannel, max int, e AuditEntry) (int64, error)
	// DeleteAlertChannel removes a channel; what waits for it is dead then. Version 0 is any.
	DeleteAlertChannel(ctx context.Context, id string, version int64, e AuditEntry) error

	// AddDelivery stores a delivery that no alert caused. It returns ErrAlertUnknown where its channel is gone.
	AddDelivery(ctx context.Context, d AlertDelivery, e AuditEntry) error
	// DueDeliveries lists deliveries that wait and whose NextAt is not after now, the ones that waited longest first.
	DueDeliveries(ctx context.Context, now time.Time, limit int) ([]AlertDelivery, error)
	// UpdateDelivery replaces UpdatedAt, NextAt, Attempts, Status and LastError of the delivery of d.Version. It returns
	// ErrChanged, ErrAlertUnknown, or ErrFenced where epoch is neither 0 nor that of the lease of TaskAlerts. An entry for
	// the audit log is given where a person asked for it.
	UpdateDelivery(ctx context.Context, epoch int64, d AlertDelivery, e ...AuditEntry) error
	// Deliveries lists deliveries, newest first, and counts those that match without After and Limit. It returns
	// ErrCursor where After is of no delivery that matches.
	Deliveries(ctx context.Context, q DeliveryQuery) ([]AlertDelivery, int, error)
}
