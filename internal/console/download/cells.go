// Package download writes exports: files with a name and a type, as CSV, JSON or Parquet.
package download

import (
	"fmt"
	"strconv"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Optional returns a value as text, "" for none.
func Optional[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// Decimal returns a number in plain decimal notation, "" for none.
func Decimal(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// Money returns an amount of US dollars as a decimal number, "" for none.
func Money(m *api.Money) string {
	if m == nil {
		return ""
	}
	b, _ := m.MarshalJSON() // never fails
	return string(b)
}
