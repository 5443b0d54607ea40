package alert

import "time"

// State is what became of an alert.
type State string

// The states that are sent.
const (
	Firing   State = "firing"
	Resolved State = "resolved"
)

// MaxCauses is how many causes a notification has at most.
const MaxCauses = 3

// Cause is a part of what made an alert fire: a model, a key, a user with the most of it.
type Cause struct {
	Dimension string  `json:"dimension"` // model, key, user, service, status, ...
	Name      string  `json:"name"`      // as the API shows it; never a fingerprint
	Value     float64 `json:"value"`
	Unit      Unit    `json:"unit"`
}

// SchemaName is the name in the description of the API.
func (Cause) SchemaName() string { return "AlertCause" }

// Notification is what is told to people about one state of one alert. It is stored as JSON with each delivery of it, so that
// every try says the same.
type Notification struct {
	// ID is the alert's: its firing, repeated and resolved notifications share it. The delivery has an id of its own.
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`      // id
	RuleName string   `json:"rule_name"` // as it was then
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`
	State    State    `json:"state"`
	// Repeated says that this state was sent before.
	Repeated bool `json:"repeated,omitempty"`
	// Test says that nothing happened: a person asked for it.
	Test bool `json:"test,omitempty"`
	// Subject names what the rule tells apart: a key, a budget, a receiver; "" where it is the rule as a whole.
	Subject   string    `json:"subject,omitempty"`
	Value     float64   `json:"value"`
	Limit     float64   `json:"limit"`
	Unit      Unit      `json:"unit"`
	Window    string    `json:"window,omitempty"` // as Rule.Window
	Causes    []Cause   `json:"causes,omitempty"` // the largest first, at most MaxCauses
	Filter    Filter    `json:"filter,omitzero"`
	Path      string    `json:"path"` // of the console's page with the filters, below its root: /logs?model=m
	StartedAt time.Time `json:"started_at"`
	At        time.Time `json:"at"` // of this state
}
