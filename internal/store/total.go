package store

import "github.com/tokenboard/tokenboard/internal/usage"

// Field is a property of a call that totals can be grouped by.
type Field uint8

// The fields.
const (
	FieldModel Field = iota
	FieldProvider
	FieldKey // key fingerprint
	FieldUser
	FieldService
	FieldProject
	FieldStatus // HTTP status code as a decimal number; "ok" or "error" where it is not known
	FieldOperation
	FieldTier // name of usage.Tier
	FieldAccount
)

// Total is the sums of the calls that share the values of some fields.
type Total struct {
	Values []string // in the order of the fields asked for
	usage.Counts
}
