package message

import "time"

// Status is what a notification tells of an alert.
type Status string

// The statuses.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
	Test     Status = "test" // somebody tries a channel
)

// Severity is how urgent an alert is.
type Severity string

// The severities.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Notification is what is told about an alert.
type Notification struct {
	// Delivery is the notification's identity, the same in every try to deliver it.
	Delivery string
	// Alert is the identity of what fires, the same when it is resolved. Receivers that keep alerts are told it.
	Alert    string
	Status   Status
	Severity Severity
	Rule     string // the rule's name, as a person wrote it
	Kind     string // what the rule watches, see kinds; an unknown one is shown as it is
	Subject  string // what it fires for, as a key or a budget; "" for all
	Value    Quantity
	Limit    Quantity // zero where there is none
	Causes   []Cause  // most important first; the first three are told
	// StartedAt is when it began to fire, EndedAt when it ended, zero while it fires.
	StartedAt, EndedAt time.Time
	// Link is the address of the page with the right filters; "" where the page's own is not known.
	Link string
}

// Cause is a part of the figure.
type Cause struct {
	Dimension string // model, key, user, ...
	Name      string // of the model, key, user, ...
	Value     Quantity
}

// Quantity is a figure with its unit. The zero Quantity is none.
type Quantity struct {
	Unit  Unit
	Value float64
}

// Unit is what a Quantity counts.
type Unit string

// The units.
const (
	USD          Unit = "USD"
	Tokens       Unit = "tokens"
	Calls        Unit = "calls"
	Percent      Unit = "percent"
	Multiple     Unit = "multiple" // 2 is twice as much as usual
	Milliseconds Unit = "ms"
	Seconds      Unit = "s" // shown as days, hours and minutes
	Days         Unit = "days"
)
