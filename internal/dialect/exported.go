package dialect

import (
	"github.com/tokenboard/tokenboard/internal/dialect/providers"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
)

// Provider returns the GenAI conventions' name of a provider, whatever an emitter calls it; a name that
// is unknown stays.
func Provider(name string) string { return providers.Map(Clean(name)) }

// Clean makes hostile text fit to keep: valid UTF-8, no control characters, at most 256 bytes.
func Clean(s string) string { return value.Clean(s) }
