package usage

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// NanoUSD is an amount of money in units of 10^-9 US dollars. Sums of integers are
// exact in any order, which sums of binary fractions are not.
type NanoUSD int64

const nanosPerUSD = 1_000_000_000

// MaxCost is the largest cost of one call that is believed: a million US dollars.
const MaxCost = NanoUSD(1_000_000 * nanosPerUSD)

// Possible reports whether this can be the cost of one call.
func (m NanoUSD) Possible() bool { return m >= 0 && m <= MaxCost }

// String returns the amount as a decimal number of US dollars with at most nine
// places and no trailing zeros: "0.029634", "12", "-0.5".
func (m NanoUSD) String() string {
	var room [24]byte
	return string(m.Append(room[:0]))
}

// Append appends what String returns.
func (m NanoUSD) Append(b []byte) []byte {
	v := uint64(m)
	if m < 0 {
		b, v = append(b, '-'), -v
	}
	b = strconv.AppendUint(b, v/nanosPerUSD, 10)
	frac := v % nanosPerUSD
	if frac == 0 {
		return b
	}
	b = append(b, '.')
	for unit := uint64(nanosPerUSD / 10); frac > 0; unit /= 10 {
		b = append(b, byte('0'+frac/unit))
		frac %= unit
	}
	return b
}

// MarshalJSON writes the amount as a JSON number, exactly.
func (m NanoUSD) MarshalJSON() ([]byte, error) {
	const digits = 24 // of most
	return m.Append(make([]byte, 0, digits)), nil
}

// ErrMoney reports an amount that is not a finite, non-negative number of dollars
// that fits in NanoUSD (about 9.2 thousand million dollars).
var ErrMoney = errors.New("not a usable amount of US dollars")

// ParseUSD reads a decimal number of US dollars ("0.029634", "1e-05"), rounded half
// away from zero to nine places.
func ParseUSD(s string) (NanoUSD, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0, fmt.Errorf("read amount: %w", ErrMoney)
	}
	return USD(f)
}

// USD converts a floating-point number of US dollars, rounded to nine places.
func USD(f float64) (NanoUSD, error) {
	if math.IsNaN(f) || f < 0 || f >= math.MaxInt64/nanosPerUSD {
		return 0, ErrMoney
	}
	return NanoUSD(math.Round(f * nanosPerUSD)), nil
}
