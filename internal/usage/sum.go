package usage

import "math"

// Sums of hostile figures must not wrap: a used-up budget would be negative. So every sum of tokens, money
// or calls is made with AddSat and SubSat. A sum over the range of 64 bits becomes math.MaxInt64 and stays
// so, whatever is added or taken away: by how much it is over is not known, and it must not seem less than
// it is. A sum below the range becomes math.MinInt64. Within the range they are exact.

// near is half of the range: sums of two figures within it do not overflow.
const near = uint64(1) << 62

// AddSat returns a + b, saturated.
func AddSat(a, b int64) int64 {
	if (uint64(a)+near)|(uint64(b)+near) < 2*near {
		return a + b
	}
	return addFar(a, b)
}

// SubSat returns a - b, saturated.
func SubSat(a, b int64) int64 {
	if (uint64(a)+near)|(uint64(b)+near) < 2*near {
		return a - b
	}
	return subFar(a, b)
}

// TimesSat returns n * v, saturated.
func TimesSat(n, v int64) int64 {
	switch n {
	case 1:
		return v
	case -1:
		return SubSat(0, v)
	}
	if n == 0 || v == 0 {
		return 0
	}
	p := n * v
	if p/v != n || v == math.MinInt64 || n == math.MinInt64 {
		if (n < 0) == (v < 0) {
			return math.MaxInt64
		}
		return math.MinInt64
	}
	return p
}

func addFar(a, b int64) int64 {
	sum := a + b
	switch {
	case a == math.MaxInt64 || b == math.MaxInt64 || (a > 0 && b > 0 && sum < 0):
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

func subFar(a, b int64) int64 {
	difference := a - b
	switch {
	case a == math.MaxInt64 || (a >= 0 && b < 0 && difference < 0):
		return math.MaxInt64
	case b == math.MaxInt64 || (a < 0 && b > 0 && difference >= 0):
		return math.MinInt64
	}
	return difference
}

// Add returns m + o, saturated.
func (m NanoUSD) Add(o NanoUSD) NanoUSD { return NanoUSD(AddSat(int64(m), int64(o))) }

// Add counts the figures of o n times. Its Fields are left as they are.
func (t *Tokens) Add(o *Tokens, n int64) {
	t.InputUncached = AddSat(t.InputUncached, TimesSat(n, o.InputUncached))
	t.CacheRead = AddSat(t.CacheRead, TimesSat(n, o.CacheRead))
	t.CacheWrite = AddSat(t.CacheWrite, TimesSat(n, o.CacheWrite))
	t.CacheWrite1h = AddSat(t.CacheWrite1h, TimesSat(n, o.CacheWrite1h))
	t.OutputText = AddSat(t.OutputText, TimesSat(n, o.OutputText))
	t.Reasoning = AddSat(t.Reasoning, TimesSat(n, o.Reasoning))
}
