package usage

// Who is for whom a call was made: the facts that a gateway or an application knows and the layers
// below it do not.
type Who struct {
	KeyFingerprint, KeyDisplay, User, Project, Session string
}

// Lent says which facts of a record were told by another record of the same call: a span of a
// gateway knows the key, the span below it that counts does not.
type Lent uint8

// The facts that can be lent.
const (
	LentKey Lent = 1 << iota // fingerprint and display form together
	LentUser
	LentProject
	LentSession
)

// Who gives the facts that a record knows itself.
func (c *Call) Who() Who {
	var w Who
	if c.Lent&LentKey == 0 {
		w.KeyFingerprint, w.KeyDisplay = c.KeyFingerprint, c.KeyDisplay
	}
	if c.Lent&LentUser == 0 {
		w.User = c.User
	}
	if c.Lent&LentProject == 0 {
		w.Project = c.Project
	}
	if c.Lent&LentSession == 0 {
		w.Session = c.Session
	}
	return w
}

// LentFacts gives the facts that a record has from others.
func (c *Call) LentFacts() Who {
	var w Who
	if c.Lent&LentKey != 0 {
		w.KeyFingerprint, w.KeyDisplay = c.KeyFingerprint, c.KeyDisplay
	}
	if c.Lent&LentUser != 0 {
		w.User = c.User
	}
	if c.Lent&LentProject != 0 {
		w.Project = c.Project
	}
	if c.Lent&LentSession != 0 {
		w.Session = c.Session
	}
	return w
}

// Lend puts facts of others in the place of what was lent before. What the record knows itself stays.
func (c *Call) Lend(w Who) {
	own := c.Who()
	c.Lent = 0
	c.KeyFingerprint, c.KeyDisplay = own.KeyFingerprint, own.KeyDisplay
	c.User, c.Project, c.Session = own.User, own.Project, own.Session
	if c.KeyFingerprint == "" && w.KeyFingerprint != "" {
		c.KeyFingerprint, c.KeyDisplay = w.KeyFingerprint, w.KeyDisplay
		c.Lent |= LentKey
	}
	for _, f := range [...]struct {
		into *string
		from string
		is   Lent
	}{{&c.User, w.User, LentUser}, {&c.Project, w.Project, LentProject}, {&c.Session, w.Session, LentSession}} {
		if *f.into == "" && f.from != "" {
			*f.into = f.from
			c.Lent |= f.is
		}
	}
}

// Fill takes from o what w lacks.
func (w *Who) Fill(o Who) {
	if w.KeyFingerprint == "" {
		w.KeyFingerprint, w.KeyDisplay = o.KeyFingerprint, o.KeyDisplay
	}
	for _, f := range [...]struct {
		into *string
		from string
	}{{&w.User, o.User}, {&w.Project, o.Project}, {&w.Session, o.Session}} {
		if *f.into == "" {
			*f.into = f.from
		}
	}
}

// Less gives what w has beyond o.
func (w Who) Less(o Who) Who {
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
	return w
}
