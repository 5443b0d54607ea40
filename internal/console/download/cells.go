package download

import (
	"fmt"
	"strconv"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

func Optional[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

func Decimal(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

func Money(m *api.Money) string {
	if m == nil {
		return ""
	}
	b, _ := m.MarshalJSON() // never fails
	return string(b)
}
