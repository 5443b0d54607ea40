package message

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// quantity is a quantity for people; "" of an unknown unit or no number.
func (w *words) quantity(q Quantity) string {
	if math.IsNaN(q.Value) || math.IsInf(q.Value, 0) {
		return ""
	}
	switch q.Unit {
	case USD:
		return dollars(q.Value)
	case Tokens:
		return fmt.Sprintf(w.tokens, grouped(q.Value, 0))
	case Calls:
		return fmt.Sprintf(w.calls, grouped(q.Value, 0))
	case Percent:
		return trimZeros(grouped(q.Value, 2)) + "%"
	case Multiple:
		return fmt.Sprintf(w.times, trimZeros(grouped(q.Value, 2)))
	case Milliseconds:
		return fmt.Sprintf(w.ms, grouped(q.Value, 0))
	case Seconds:
		return w.duration(seconds(q.Value))
	case Days:
		return w.duration(seconds(q.Value * 24 * 3600))
	}
	return ""
}

const maxSeconds = 10_000 * 24 * 3600 // so that no duration overflows

func seconds(n float64) time.Duration {
	return time.Duration(math.Round(min(max(n, 0), maxSeconds))) * time.Second
}

// dollars shows cents, and of less than a dime as many places as its first two digits need, up to nine.
func dollars(n float64) string {
	places := 2
	for edge := 0.1; places < 9 && n != 0 && math.Abs(n) < edge; edge /= 10 {
		places++
	}
	text := grouped(n, places)
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		return "-$" + rest
	}
	return "$" + text
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// grouped is a number with so many places and with groups of thousands.
func grouped(n float64, places int) string {
	whole, rest, fraction := strings.Cut(strconv.FormatFloat(n, 'f', places, 64), ".")
	sign := ""
	if whole[0] == '-' {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	for i, d := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if fraction {
		return sign + b.String() + "." + rest
	}
	return sign + b.String()
}

// duration shows the two largest parts of a duration.
func (w *words) duration(d time.Duration) string {
	d = max(d, 0)
	parts := []struct {
		format string
		n      int64
	}{
		{w.day, int64(d / (24 * time.Hour))}, {w.hour, int64(d / time.Hour % 24)}, {w.minute, int64(d / time.Minute % 60)}, {w.second, int64(d / time.Second % 60)},
	}
	for len(parts) > 1 && parts[0].n == 0 {
		parts = parts[1:]
	}
	text := fmt.Sprintf(parts[0].format, parts[0].n)
	if len(parts) > 1 && parts[1].n > 0 {
		text += w.pairSeparator + fmt.Sprintf(parts[1].format, parts[1].n)
	}
	return text
}
