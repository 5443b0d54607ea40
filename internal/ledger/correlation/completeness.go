package correlation

import (
	"cmp"
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// completeness orders what different records, or different deliveries of one record, report of
// the same call: the greater is the one to believe. It is a total order (equal only where
// the contents are equal), so that the outcome does not depend on the order of arrival.
type completeness struct {
	rank   uint64
	digest uint64
}

func (f completeness) less(o completeness) bool { return f.compare(o) < 0 }

func (f completeness) compare(o completeness) int {
	return cmp.Or(cmp.Compare(f.rank, o.rank), cmp.Compare(f.digest, o.digest))
}

// MoreComplete reports whether a describes its call more completely than b does, as the emitter sent both.
func MoreComplete(a, b *usage.Call) bool { return completenessOf(b).less(completenessOf(a)) }

// MoreComplete reports whether a delivery is more complete than the record that the index has.
func (p *Precomputed) MoreComplete(n *Node) bool { return n.completeness.less(p.completeness) }

// completenessOf ranks a call. From the most weighty: it has usage; its figures are neither
// inconsistent nor estimated; more kinds of figures; more tokens (a partial record of a
// stream has fewer); more of who and what.
func completenessOf(c *usage.Call) completeness {
	var rank uint64
	if c.Tokens.Reported() {
		rank |= 1 << 63
	}
	if c.Quality&(usage.Inconsistent|usage.Estimated) == 0 {
		rank |= 1 << 62
	}
	rank |= uint64(bits.OnesCount8(uint8(c.Tokens.Fields))) << 59
	rank |= min(uint64(c.Tokens.Total()), 1<<54-1) << 5
	rank |= uint64(knownDetails(c))
	return completeness{rank: rank, digest: digestOf(c)}
}

// mostDetails is the most that the rank has room for.
const mostDetails = 1<<5 - 1

// knownDetails counts descriptive facts, at most mostDetails. The name of the model, the name of the version that answered, and
// a reported cost weigh more: sums are shown by model, and need the cost.
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
		c.Tier != usage.TierUnknown, c.Account != "", c.ErrorMessage != "",
	} {
		if known {
			n++
		}
	}
	return min(n, mostDetails)
}

// digestOf hashes everything a delivery says. Cost, price version and the flags that the ledger itself sets are left
// out. It is the same in every process: it decides which of two deliveries stays. It is stored nowhere: the digest of a
// stored call is computed again from the call.
func digestOf(c *usage.Call) uint64 {
	var room [1024]byte // enough for most calls, so that nothing is allocated
	d := digest(room[:0])
	d = append(d, c.ID[:]...)
	d = append(d, c.Parent[:]...)
	d = d.ints(int64(c.Role), int64(c.Stream), flag(c.SecondarySignal), flag(c.Failed), flag(c.HasReportedCost),
		int64(c.Tokens.Fields), int64(c.Quality&^(usage.Unpriced|usage.ReportedCost|usage.NoUsage|usage.TierUnpriced)),
		c.Start.UnixNano(), int64(c.Duration), int64(c.TTFT), int64(c.Status), int64(c.ReportedCost))
	t := &c.Tokens
	d = d.ints(t.InputUncached, t.CacheRead, t.CacheWrite, t.CacheWrite1h, t.OutputText, t.Reasoning)
	m := &c.Modalities
	d = d.ints(m.AudioInput, m.AudioCacheRead, m.AudioOutput, m.ImageInput, m.ImageCacheRead, m.ImageOutput, m.VideoInput, m.VideoOutput)
	for _, s := range [...]*string{
		&c.SignalGroup, &c.Operation, &c.Provider, &c.RequestModel, &c.Model, &c.KeyFingerprint, &c.KeyDisplay, &c.User,
		&c.Service, &c.Environment, &c.Project, &c.Session, &c.Method, &c.Path, &c.ErrorType, &c.ResponseID, &c.RequestID,
	} {
		d = append(d.ints(int64(len(*s))), *s...) // with their lengths, texts that follow one another cannot be divided another way
	}
	if c.Tier != usage.TierUnknown {
		d = d.ints(int64(c.Tier))
	}
	if c.Account != "" {
		d = append(d.ints(int64(len(c.Account))), c.Account...)
	}
	if c.ErrorMessage != "" {
		d = append(d.ints(-int64(len(c.ErrorMessage))), c.ErrorMessage...) // no account has a length below 0
	}
	return xxhash.Sum64(d)
}

// digest is the input of a hash.
type digest []byte

func (d digest) ints(vs ...int64) digest {
	for _, v := range vs {
		d = binary.LittleEndian.AppendUint64(d, uint64(v))
	}
	return d
}

func flag(v bool) int64 {
	if v {
		return 1
	}
	return 0
}
