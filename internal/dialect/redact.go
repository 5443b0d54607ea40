package dialect

import (
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// secrets are the secrets in the attributes of a record; for a span, also in its events and links.
type secrets struct {
	keys     secret.Keys
	gathered bool
}

func (s *secrets) reset() {
	if s.gathered {
		s.keys.Reset()
		s.gathered = false
	}
}

// gather finds the secrets of the record, once.
func (r *record) gather() *secret.Keys {
	if r.secrets.gathered {
		return &r.secrets.keys
	}
	r.secrets.gathered = true
	if r.own.kinds&r.secretKinds != 0 {
		gather(r.names, r.secretKinds, r.attrs, &r.secrets.keys)
	}
	if r.isSpan {
		for _, e := range r.spanned.Events().All() {
			gather(r.names, r.secretKinds, e.Attributes(), &r.secrets.keys)
		}
		for _, l := range r.spanned.Links().All() {
			gather(r.names, r.secretKinds, l.Attributes(), &r.secrets.keys)
		}
	}
	return &r.secrets.keys
}

// gather adds the secrets that attributes of some kinds hold.
func gather(n *names, kinds Kind, attrs pcommon.Map, into *secret.Keys) {
	for name, v := range attrs.All() {
		if k := n.kindOf(name) & kinds; k != 0 && HoldsSecret(name, k, v) {
			gatherValue(v, into, deepest)
		}
	}
}

// deepest is how deep values are looked into. Deeper values are treated as secrets.
const deepest = 32

func gatherValue(v pcommon.Value, into *secret.Keys, depth int) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		into.Add(v.Str())
	case pcommon.ValueTypeSlice:
		for _, item := range v.Slice().All() {
			if depth > 0 {
				gatherValue(item, into, depth-1)
			}
		}
	case pcommon.ValueTypeMap:
		for _, item := range v.Map().All() {
			if depth > 0 {
				gatherValue(item, into, depth-1)
			}
		}
	case pcommon.ValueTypeBytes:
		into.Add(string(v.Bytes().AsRaw()))
	case pcommon.ValueTypeInt:
		into.Add(v.AsString())
	default:
	}
}

// HoldsSecret reports whether an attribute of a kind holds a secret: one whose name leaves no doubt always,
// another ("token") where its value looks like one.
func HoldsSecret(name string, kind Kind, v pcommon.Value) bool {
	switch {
	case kind&KindKey != 0:
		return true
	case kind&KindSecret == 0:
		return false
	default:
		return secret.Name(name) == secret.Sure || looksSecret(v)
	}
}

func looksSecret(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return secret.Looks(secret.Bare(v.Str()))
	case pcommon.ValueTypeBytes:
		return true
	case pcommon.ValueTypeSlice:
		for _, item := range v.Slice().All() {
			if item.Type() == pcommon.ValueTypeStr && looksSecret(item) {
				return true
			}
		}
	default:
	}
	return false
}

// Secrets are those that attributes with the names of secrets hold: in the resource, the scope, and the
// record that was read last. They must be asked for before the record is changed.
func (rd *Reader) Secrets() [3]*secret.Keys {
	return [3]*secret.Keys{&rd.origin.secrets, &rd.scoped, rd.record.gather()}
}

// SecretCache cuts secrets out of the texts of the records that are read.
func (rd *Reader) SecretCache() *secret.Seen { return &rd.seen }

// KnownSecrets are the secrets of the resource and the scope.
func (rd *Reader) KnownSecrets() [3]*secret.Keys {
	return [3]*secret.Keys{&rd.origin.secrets, &rd.scoped, nil}
}

// Removed returns the number of secrets that were taken out of what the records say, since it was asked last:
// by the processor before, and here.
func (rd *Reader) Removed() (n int64) {
	n, rd.removed = rd.removed, 0
	return n
}

// maxMarked is the greatest number that a record is believed to say of its secrets.
const maxMarked = 1 << 20

// conceal removes secrets from the kept part of the record that was read last: secrets that its other attributes hold,
// and secrets that are known by their shape. A call without them stays as it is.
func (rd *Reader) conceal(c *usage.Call) {
	if v, ok := rd.record.own.get(secretsRef.id); ok && v.Type() == pcommon.ValueTypeInt {
		rd.removed += max(0, min(v.Int(), maxMarked))
	}
	if c.Role == usage.RoleNone {
		return
	}
	keys := rd.Secrets()
	known := !keys[0].Empty() || !keys[1].Empty() || !keys[2].Empty()
	for _, t := range texts(c) {
		if len(*t) < shortestSecret || (rd.decoder.scrubs && !cutOff(*t)) {
			continue
		}
		for i := 0; known && i < len(keys); i++ {
			rd.removed += cut(keys[i], t)
		}
		if out, n := rd.seen.Text(*t); n > 0 {
			*t = value.Clean(out)
			rd.removed += int64(n)
		}
	}
	if known {
		var n int64
		c.ErrorMessage, n = failure.Without(c.ErrorMessage, keys)
		rd.removed += n
	}
}

var secretsRef = refTo(usage.AttrSecrets)

// shortestSecret is the length of the shortest text that can hold a secret, in bytes.
const shortestSecret = 6

// cutOff reports whether a text may have been longer than what is kept of it.
func cutOff(s string) bool { return len(s) > value.MaxText-utf8.UTFMax }

// cut removes known secrets from a text, and also the beginning of one that was cut off at the end of the text.
func cut(k *secret.Keys, t *string) int64 {
	out, n := k.Cut(*t)
	if cutOff(*t) {
		var more int
		out, more = k.CutEnd(out)
		n += more
	}
	if n > 0 {
		*t = value.Clean(out)
	}
	return int64(n)
}

func concealText(t *string) int64 {
	out, n := secret.Text(*t)
	if n > 0 {
		*t = value.Clean(out)
	}
	return int64(n)
}

// texts are all texts of a call that come from an emitter, but the fingerprint.
func texts(c *usage.Call) [16]*string {
	return [...]*string{
		&c.Operation, &c.Provider, &c.RequestModel, &c.Model, &c.KeyDisplay, &c.User, &c.Service, &c.Environment, &c.Project, &c.Session,
		&c.Method, &c.Path, &c.ErrorType, &c.ResponseID, &c.RequestID, &c.SignalGroup,
	}
}

// Conceal takes the secrets that are known by their shape out of a call, and returns their number.
func Conceal(c *usage.Call) (n int64) {
	for _, t := range texts(c) {
		n += concealText(t)
	}
	if said := failure.Message(c.ErrorMessage); said != c.ErrorMessage {
		c.ErrorMessage = said
		n++
	}
	return n + concealText(&c.Scope)
}

// cleanScope is the name of a scope as it is kept.
func cleanScope(name string) string {
	name = value.Clean(name)
	concealText(&name)
	return name
}
