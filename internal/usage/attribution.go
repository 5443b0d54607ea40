package usage

// Attribution is for whom a call was made: the facts that a gateway or an application has and the layers
// below it do not: for whom the call was made, from which account, and in which service tier.
type Attribution struct {
	KeyFingerprint, KeyDisplay, User, Project, Session, Account string
	Tier                                                        Tier
	ErrorMessage                                                string // what one of a failed call's records says of the failure
}

// Inherited is the facts of a record that come from another record of the same call: a span of a
// gateway has the key, the span below it that counts does not.
type Inherited uint8

// The facts that can be inherited.
const (
	InheritedKey Inherited = 1 << iota // fingerprint and display form together
	InheritedUser
	InheritedProject
	InheritedSession
	InheritedAccount
	InheritedTier
	InheritedErrorMessage
)

// OwnAttribution returns the facts that a record has itself.
func (c *Call) OwnAttribution() Attribution {
	var w Attribution
	if c.Inherited&InheritedKey == 0 {
		w.KeyFingerprint, w.KeyDisplay = c.KeyFingerprint, c.KeyDisplay
	}
	if c.Inherited&InheritedUser == 0 {
		w.User = c.User
	}
	if c.Inherited&InheritedProject == 0 {
		w.Project = c.Project
	}
	if c.Inherited&InheritedSession == 0 {
		w.Session = c.Session
	}
	if c.Inherited&InheritedAccount == 0 {
		w.Account = c.Account
	}
	if c.Inherited&InheritedTier == 0 {
		w.Tier = c.Tier
	}
	if c.Inherited&InheritedErrorMessage == 0 {
		w.ErrorMessage = c.ErrorMessage
	}
	return w
}

// InheritedAttribution returns the facts that a record has from others.
func (c *Call) InheritedAttribution() Attribution {
	var w Attribution
	if c.Inherited&InheritedKey != 0 {
		w.KeyFingerprint, w.KeyDisplay = c.KeyFingerprint, c.KeyDisplay
	}
	if c.Inherited&InheritedUser != 0 {
		w.User = c.User
	}
	if c.Inherited&InheritedProject != 0 {
		w.Project = c.Project
	}
	if c.Inherited&InheritedSession != 0 {
		w.Session = c.Session
	}
	if c.Inherited&InheritedAccount != 0 {
		w.Account = c.Account
	}
	if c.Inherited&InheritedTier != 0 {
		w.Tier = c.Tier
	}
	if c.Inherited&InheritedErrorMessage != 0 {
		w.ErrorMessage = c.ErrorMessage
	}
	return w
}

// Inherit replaces the facts that were inherited before by the ones in w. The record's own facts stay.
func (c *Call) Inherit(w Attribution) {
	own := c.OwnAttribution()
	c.Inherited = 0
	c.KeyFingerprint, c.KeyDisplay = own.KeyFingerprint, own.KeyDisplay
	c.User, c.Project, c.Session, c.Account, c.Tier = own.User, own.Project, own.Session, own.Account, own.Tier
	c.ErrorMessage = own.ErrorMessage
	if c.Tier == TierUnknown && w.Tier != TierUnknown {
		c.Tier = w.Tier
		c.Inherited |= InheritedTier
	}
	if c.KeyFingerprint == "" && w.KeyFingerprint != "" {
		c.KeyFingerprint, c.KeyDisplay = w.KeyFingerprint, w.KeyDisplay
		c.Inherited |= InheritedKey
	}
	for _, f := range [...]struct {
		into *string
		from string
		is   Inherited
	}{{&c.User, w.User, InheritedUser}, {&c.Project, w.Project, InheritedProject}, {&c.Session, w.Session, InheritedSession}, {&c.Account, w.Account, InheritedAccount},
		{&c.ErrorMessage, w.ErrorMessage, InheritedErrorMessage}} {
		if *f.into == "" && f.from != "" && (f.is != InheritedErrorMessage || c.Failed) {
			*f.into = f.from
			c.Inherited |= f.is
		}
	}
}

// FillFrom copies the fields of o that are empty in w.
func (w *Attribution) FillFrom(o Attribution) {
	if w.KeyFingerprint == "" {
		w.KeyFingerprint, w.KeyDisplay = o.KeyFingerprint, o.KeyDisplay
	}
	if w.Tier == TierUnknown {
		w.Tier = o.Tier
	}
	for _, f := range [...]struct {
		into *string
		from string
	}{{&w.User, o.User}, {&w.Project, o.Project}, {&w.Session, o.Session}, {&w.Account, o.Account}, {&w.ErrorMessage, o.ErrorMessage}} {
		if *f.into == "" {
			*f.into = f.from
		}
	}
}

// Without returns what w has beyond o.
func (w Attribution) Without(o Attribution) Attribution {
	if o.KeyFingerprint != "" {
		w.KeyFingerprint, w.KeyDisplay = "", ""
	}
	if o.User != "" {
		w.User = ""
	}
	if o.Project != "" {
		w.Project = ""
	}
	if o.Session != "" {
		w.Session = ""
	}
	if o.Account != "" {
		w.Account = ""
	}
	if o.Tier != TierUnknown {
		w.Tier = TierUnknown
	}
	if o.ErrorMessage != "" {
		w.ErrorMessage = ""
	}
	return w
}
