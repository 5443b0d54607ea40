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
)

// Total is the sums of the calls that share the values of some fields.
type Total struct {
	Values                                                    []string // in the order of the fields asked for
	Calls, Errors, NoUsage, Unpriced, Inconsistent, Estimated int64
	Tokens                                                    usage.Tokens // Fields is not set
	Cost                                                      usage.NanoUSD
}

// Addend is what one call adds to a Total.
type Addend struct {
	Failed  bool
	Quality usage.Quality
	Tokens  usage.Tokens
	Cost    usage.NanoUSD
}

// Add adds a call: the one rule of what a total counts. The cost of a call without a price is not part of a sum.
func (t *Total) Add(a *Addend) {
	t.Calls++
	addIf(&t.Errors, a.Failed)
	addIf(&t.NoUsage, !a.Tokens.Reported())
	addIf(&t.Unpriced, a.Quality&usage.Unpriced != 0)
	addIf(&t.Inconsistent, a.Quality&usage.Inconsistent != 0)
	addIf(&t.Estimated, a.Quality&usage.Estimated != 0)
	if a.Quality&usage.Unpriced == 0 {
		t.Cost = t.Cost.Add(a.Cost)
	}
	t.Tokens.Add(&a.Tokens, 1)
}

func addIf(n *int64, is bool) {
	if is {
		*n++
	}
}
