package ledger

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// fullness orders what different records, or different deliveries of one record, tell of
// the same call: the greater is the one to believe. It is a total order (equal only where
// the contents are equal), so that the outcome does not depend on the order of arrival.
type fullness struct {
	rank   uint64
	digest uint64
}

func (f fullness) less(o fullness) bool { return f.compare(o) < 0 }

func (f fullness) compare(o fullness) int {
	return cmp.Or(cmp.Compare(f.rank, o.rank), cmp.Compare(f.digest, o.digest))
}

// fullnessOf ranks a call. From the most weighty: it bears usage; its figures are neither
// inconsistent nor estimated; more kinds of figures; more tokens (a partial record of a
// stream has fewer); more of who and what.
func fullnessOf(c *usage.Call) fullness {
	var rank uint64
	if c.Tokens.Reported() {
		rank |= 1 << 63
	}
	if c.Quality&(usage.Inconsistent|usage.Estimated) == 0 {
		rank |= 1 << 62
	}
	rank |= uint64(bits.OnesCount8(uint8(c.Tokens.Fields))) << 59
	rank |= min(uint64(c.Tokens.Total()), 1<<54-1) << 5 //nolint:gosec // a sum of checked counts is not negative
	rank |= uint64(knownDetails(c))
	return fullness{rank: rank, digest: digestOf(c)}
}

// knownDetails counts descriptive facts, at most 31. The name of the model, that of the very model
// that answered, and a reported cost weigh more: sums are shown by the one, and need the other.
func knownDetails(c *usage.Call) int {
	n := 0
	if c.Model != "" {
		n += 4
	}
	if undated(c.Model) != c.Model {
		n += 4
	}
	if c.HasReportedCost {
		n += 4
	}
	for _, known := range [...]bool{
		c.Model != "" && c.Model != c.RequestModel, // the answering model is known
		c.KeyFingerprint != "", c.User != "", c.Service != "", c.Project != "", c.Session != "",
		c.TTFT != 0, c.Duration != 0, c.Stream != usage.Unknown, c.Provider != "", c.Operation != "",
		c.ResponseID != "", c.RequestID != "", c.Status != 0, c.Path != "", c.ErrorType != "" && c.ErrorType != "_OTHER", c.Environment != "",
	} {
		if known {
			n++
		}
	}
	return n
}

// digestOf hashes everything a delivery says. Cost, price version and the flags that the
// ledger itself sets are left out. It is the same in every process: it decides which of two deliveries
// stays.
func digestOf(c *usage.Call) uint64 {
	h := digest(digestStart)
	h.bytes(c.ID[:])
	h.bytes(c.Parent[:])
	h.num(uint64(c.Role) | uint64(c.Stream)<<8 | flag(c.Echo)<<16 | flag(c.Failed)<<17 | flag(c.HasReportedCost)<<18 |
		uint64(c.Tokens.Fields)<<24 | uint64(c.Quality&^(usage.Unpriced|usage.ReportedCost|usage.NoUsage))<<32)
	h.ints(c.Start.UnixNano(), int64(c.Duration), int64(c.TTFT), int64(c.Status), int64(c.ReportedCost))
	t := &c.Tokens
	h.ints(t.InputUncached, t.CacheRead, t.CacheWrite, t.CacheWrite1h, t.OutputText, t.Reasoning)
	if m := &c.Modalities; !m.IsZero() {
		h.ints(m.AudioInput, m.AudioCacheRead, m.AudioOutput, m.ImageInput, m.ImageCacheRead, m.ImageOutput, m.VideoInput, m.VideoOutput)
	}
	for _, s := range [...]*string{
		&c.Group, &c.Operation, &c.Provider, &c.RequestModel, &c.Model, &c.KeyFingerprint, &c.KeyDisplay, &c.User,
		&c.Service, &c.Environment, &c.Project, &c.Session, &c.Method, &c.Path, &c.ErrorType, &c.ResponseID, &c.RequestID,
	} {
		h.text(*s)
	}
	return uint64(h)
}

// digest hashes by words: each is multiplied to 128 bits, of which the halves are put together.
type digest uint64

const (
	digestStart  = 0x9E3779B97F4A7C15
	digestFactor = 0xD6E8FEB86659FD93
)

func (h *digest) num(v uint64) {
	hi, lo := bits.Mul64(uint64(*h)^v, digestFactor)
	*h = digest((hi ^ lo) + v)
}

func (h *digest) ints(vs ...int64) {
	for _, v := range vs {
		h.num(uint64(v)) //nolint:gosec // bits, not a number
	}
}

func (h *digest) bytes(b []byte) {
	for len(b) >= 8 {
		h.num(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		h.num(binary.LittleEndian.Uint64(rest[:]))
	}
}

func (h *digest) text(s string) {
	h.num(uint64(len(s)) + digestStart) // texts that follow one another cannot be divided another way
	for len(s) >= 8 {
		h.num(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	if len(s) > 0 {
		var rest [8]byte
		copy(rest[:], s)
		h.num(binary.LittleEndian.Uint64(rest[:]))
	}
}

func flag(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}
