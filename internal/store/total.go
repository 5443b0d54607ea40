package store

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

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
	FieldEnvironment
	FieldErrorType // error.type; "" of calls that did not fail
	FieldEmitter   // instrumentation scope
	FieldQuality   // names of the quality flags with commas between, see QualityName; "" of a call that has none
	FieldSession   // a text of single records: their names are read for it
)

// Total is the sums of the calls that share the values of some fields.
type Total struct {
	Values []string // in the order of the fields asked for
	usage.Counts
}

// QualityName returns the value of quality flags in totals by FieldQuality and in Filter.Qualities.
func QualityName(q usage.Quality) string { return strings.Join(q.Names(), ",") }

// ParseQualityName is the reverse of QualityName, whatever the order of the names; false where a name is no flag.
func ParseQualityName(s string) (usage.Quality, bool) {
	if s == "" {
		return 0, true
	}
	var q usage.Quality
	for name := range strings.SplitSeq(s, ",") {
		one := usage.ParseQuality([]string{name})
		if one == 0 {
			return 0, false
		}
		q |= one
	}
	return q, true
}
