package console

import (
	"fmt"
	"strconv"
)

func optional[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

func decimal(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func money(m *Money) string {
	if m == nil {
		return ""
	}
	b, _ := m.MarshalJSON() // never fails
	return string(b)
}
