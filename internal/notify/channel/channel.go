package channel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tokenboard/tokenboard/internal/notify/message"
)

// Channel is where notifications are sent.
type Channel struct {
	ID, Kind string
	Language message.Language
	Settings map[string]string
	Secrets  Secrets
}

// Secrets are the secret fields of a channel. They print as their names only.
type Secrets map[string]string

// String lists which secrets are set.
func (s Secrets) String() string { return fmt.Sprint(slices.Sorted(maps.Keys(s))) }

// GoString is String.
func (s Secrets) GoString() string { return s.String() }

// Problem says what is wrong with a field. It never holds the field's value.
type Problem struct {
	Field, Message string
	Secret         bool // the field is a secret
}

// Error is what is wrong.
func (p *Problem) Error() string { return p.Field + " " + p.Message }

// Check returns all that is wrong with a channel, as Problems.
func (c *Channel) Check() error {
	kind, ok := Find(c.Kind)
	if !ok {
		return &Problem{Field: "kind", Message: "must be one of those that GET /alerts/channels/kinds lists"}
	}
	var errs []error
	known := map[string]Field{}
	for _, f := range kind.Fields {
		known[f.Name] = f
		value := c.Settings[f.Name]
		if f.Secret {
			value = c.Secrets[f.Name]
		}
		errs = append(errs, f.check(value))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Settings)) {
		if f, ok := known[name]; !ok || f.Secret {
			errs = append(errs, &Problem{Field: "settings", Message: "has a field that this kind has not; secrets belong in \"secrets\""})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		if f, ok := known[name]; !ok || !f.Secret {
			errs = append(errs, &Problem{Field: "secrets", Message: "has a field that this kind has not"})
		}
	}
	if c.Language != message.English && c.Language != message.Chinese {
		errs = append(errs, &Problem{Field: "language", Message: "must be en or zh"})
	}
	return errors.Join(errs...)
}

func (f *Field) check(value string) error {
	switch {
	case value == "" && f.Required:
		return &Problem{f.Name, "must be set: " + f.form.want, f.Secret}
	case value == "":
		return nil
	case f.Values != nil && !slices.Contains(f.Values, value):
		return &Problem{f.Name, fmt.Sprintf("must be one of %v", f.Values), f.Secret}
	case f.Values == nil && !f.form.valid(value):
		return &Problem{f.Name, "must be " + f.form.want, f.Secret}
	}
	return nil
}

// Moves reports whether other settings would make another server get the channel's secrets.
func (c *Channel) Moves(settings map[string]string) bool {
	kind, _ := Find(c.Kind)
	other := Channel{Kind: c.Kind, Settings: settings}
	for _, f := range kind.Fields {
		if !f.Secret && !f.elsewhere && c.Setting(f.Name) != other.Setting(f.Name) {
			return true
		}
	}
	return false
}

// Setting returns a setting, or what is meant where it is not set.
func (c *Channel) Setting(name string) string {
	if value := c.Settings[name]; value != "" {
		return value
	}
	kind, _ := Find(c.Kind)
	for _, f := range kind.Fields {
		if f.Name == name && len(f.Values) > 0 {
			return f.Values[0]
		}
	}
	return ""
}
