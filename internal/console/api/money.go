package api

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Money is an amount in US dollars: a JSON number with at most nine places.
type Money usage.NanoUSD

// MarshalJSON writes the amount exactly.
func (m Money) MarshalJSON() ([]byte, error) { return usage.NanoUSD(m).MarshalJSON() }

// UnmarshalJSON reads an amount exactly; more than nine places are rounded.
func (m *Money) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		return nil
	}
	// what is not a plain JSON number of a sensible size is refused before it is worked out
	const longest, largest = 40, 30
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if n, err := strconv.Atoi(exponent); len(text) > longest || strings.Trim(text, "+-.0123456789eE") != "" || (exponent != "" && (err != nil || n > largest || n < -largest)) {
		return usage.ErrMoney
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok {
		return usage.ErrMoney
	}
	v.Mul(v, big.NewRat(1_000_000_000, 1))
	half := big.NewRat(1, 2)
	if v.Sign() < 0 {
		half.Neg(half)
	}
	v.Add(v, half)
	n := new(big.Int).Quo(v.Num(), v.Denom())
	if !n.IsInt64() {
		return usage.ErrMoney
	}
	*m = Money(n.Int64())
	return nil
}

// Schema describes it.
func (Money) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "US dollars, at most nine places"}
}

// Rate is a price for a million tokens: a JSON number of US dollars with at most twelve places.
type Rate string

// MarshalJSON writes the number.
func (r Rate) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// UnmarshalJSON keeps the number as it is written.
func (r *Rate) UnmarshalJSON(b []byte) error {
	*r = Rate(b)
	return nil
}

// Schema describes it.
func (Rate) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Description: "US dollars for a million tokens"}
}
