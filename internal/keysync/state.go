package keysync

import "time"

// Status is how a proxy's keys compare with the console's.
type Status string

// The statuses.
const (
	Pending     Status = "pending"     // not asked yet
	InSync      Status = "in_sync"     // the same
	Drifted     Status = "drift"       // see State.Drift
	Unreachable Status = "unreachable" // see State.Error; tried again
	Refused     Status = "refused"     // the management key is wrong; not tried again
)

// Kind is a kind of difference.
type Kind string

// The kinds of differences that a person has to resolve.
const (
	Missing   Kind = "missing" // a key of the console that the proxy lacks, and whose secret is not available
	Unmanaged Kind = "unknown" // a key of the proxy that the console does not have
	Locked    Kind = "locked"  // no key is left, and a made-up one keeps the proxy from letting everybody in
	NoKeys    Kind = "no_keys" // the proxy has no keys, and lets everybody in
)

// Drift is one difference.
type Drift struct {
	Kind        Kind
	KeyID       string // of Missing
	KeyName     string // of Missing
	Fingerprint string // of Unknown: what to import it by
	Display     string // of Missing and Unknown
	Remedy      string // what to do
}

// State is the state of one proxy. It has no secrets.
type State struct {
	Name      string
	Endpoint  string
	Version   string // of the proxy, "" where it did not say
	Status    Status
	Error     string    // why it is not in sync, or ""
	CheckedAt time.Time // when the proxy's keys were last read; zero: never
	Keys      int       // in the proxy
	Synced    int       // of them, those that the console wants there
	Drift     []Drift   // never nil
}

var remedies = map[Kind]string{
	Missing:   "nobody holds its secret any more: rotate the key, which puts a new secret into the proxy",
	Unmanaged: "import it by its fingerprint to give it a name, or remove it (repair with remove_unknown)",
	Locked:    "make or enable a key: the made-up one goes then",
	NoKeys:    "the proxy lets everybody in: make a key, which turns its authentication on",
}
