package ledger

import (
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Bucket is the length of the base buckets of all sums. It divides every time zone's offset,
// so that local days and hours are sums of whole buckets.
const Bucket = 15 * time.Minute

// bucketOfTime numbers the base buckets from the Unix epoch.
func bucketOfTime(t time.Time) int64 {
	ns := t.UnixNano()
	b := ns / int64(Bucket)
	if ns%int64(Bucket) < 0 {
		b--
	}
	return b
}

func bucketStart(b int64) time.Time { return time.Unix(0, b*int64(Bucket)).UTC() }

// aligned tells whether a time is the start of a base bucket.
func aligned(t time.Time) bool { return bucketStart(bucketOfTime(t)).Equal(t) }

// axis is one of the narrow sums that are kept: a sum over every dimension at once would
// have as many rows as there are calls.
type axis uint8

const (
	axisAll axis = iota
	axisModel
	axisKey
	axisUser
	axisService
	axisProject
	axisStatus
	axisCount
)

// member is a value on an axis: model and provider together on axisModel, else value alone.
type member struct{ value, provider string }

// memberOf places a call on an axis.
func memberOf(a axis, c *usage.Call) member {
	switch a {
	case axisModel:
		return member{value: c.Model, provider: c.Provider}
	case axisKey:
		return member{value: c.KeyFingerprint}
	case axisUser:
		return member{value: c.User}
	case axisService:
		return member{value: c.Service}
	case axisProject:
		return member{value: c.Project}
	case axisStatus:
		return member{value: statusOf(c)}
	default:
		return member{}
	}
}

// statusOf names a call's outcome: "ok" or "error", with the HTTP status where it is known.
func statusOf(c *usage.Call) string {
	outcome := "ok"
	if c.Failed {
		outcome = "error"
	}
	if c.Status == 0 {
		return outcome
	}
	return outcome + " " + strconv.Itoa(c.Status)
}

// add counts a call n times (1 or -1).
func (s *Sums) add(c *usage.Call, n int64) {
	s.Calls += n
	if c.Failed {
		s.Errors += n
	}
	if !c.Tokens.Reported() {
		s.NoUsage += n
	}
	if c.Quality&usage.Inconsistent != 0 {
		s.Inconsistent += n
	}
	if c.Quality&usage.Estimated != 0 {
		s.Estimated += n
	}
	if c.Quality&usage.Unpriced != 0 {
		s.Unpriced += n
	} else {
		s.Cost += usage.NanoUSD(n) * c.Cost
	}
	t := &s.Tokens
	t.InputUncached += n * c.Tokens.InputUncached
	t.CacheRead += n * c.Tokens.CacheRead
	t.CacheWrite += n * c.Tokens.CacheWrite
	t.CacheWrite1h += n * c.Tokens.CacheWrite1h
	t.OutputText += n * c.Tokens.OutputText
	t.Reasoning += n * c.Tokens.Reasoning
	t.Fields |= c.Tokens.Fields
	if c.Duration > 0 {
		s.Duration.Add(c.Duration, n)
	}
	if c.TTFT > 0 {
		s.TTFT.Add(c.TTFT, n)
	}
}

// Merge adds the sums of o.
func (s *Sums) Merge(o *Sums) {
	s.mergeCounts(o)
	s.Duration.Merge(&o.Duration)
	s.TTFT.Merge(&o.TTFT)
}

// mergeCounts adds the sums of o without its histograms.
func (s *Sums) mergeCounts(o *Sums) {
	s.Calls += o.Calls
	s.Errors += o.Errors
	s.NoUsage += o.NoUsage
	s.Unpriced += o.Unpriced
	s.Inconsistent += o.Inconsistent
	s.Estimated += o.Estimated
	s.Cost += o.Cost
	s.Tokens.InputUncached += o.Tokens.InputUncached
	s.Tokens.CacheRead += o.Tokens.CacheRead
	s.Tokens.CacheWrite += o.Tokens.CacheWrite
	s.Tokens.CacheWrite1h += o.Tokens.CacheWrite1h
	s.Tokens.OutputText += o.Tokens.OutputText
	s.Tokens.Reasoning += o.Tokens.Reasoning
	s.Tokens.Fields |= o.Tokens.Fields
}

// rolling holds the sums of every base bucket, by axis and member. It is what readers are
// answered from, and equals the stored records that count. It does no locking.
type rolling struct {
	buckets  map[int64]*cells
	lastUsed map[string]time.Time // by key fingerprint: start of the last call that counted
}

type cells [axisCount]map[member]*Sums

func newRolling() *rolling {
	return &rolling{buckets: map[int64]*cells{}, lastUsed: map[string]time.Time{}}
}

// add counts a call n times (1 or -1).
func (r *rolling) add(c *usage.Call, n int64) {
	if n > 0 && c.KeyFingerprint != "" && c.Start.After(r.lastUsed[c.KeyFingerprint]) {
		r.lastUsed[c.KeyFingerprint] = c.Start
	}
	b := bucketOfTime(c.Start)
	cs := r.buckets[b]
	if cs == nil {
		cs = &cells{}
		r.buckets[b] = cs
	}
	for a := range axisCount {
		m := memberOf(a, c)
		s := cs[a][m]
		if s == nil {
			if cs[a] == nil {
				cs[a] = map[member]*Sums{}
			}
			s = &Sums{}
			cs[a][m] = s
		}
		if s.add(c, n); s.Calls == 0 {
			delete(cs[a], m)
		}
	}
	if len(cs[axisAll]) == 0 {
		delete(r.buckets, b)
	}
}

// drop forgets the buckets before one.
func (r *rolling) drop(before int64) {
	for b := range r.buckets {
		if b < before {
			delete(r.buckets, b)
		}
	}
}

// settle gives a call its cost: the computed one where the model has a price, else what the
// telemetry reported (or the other way round), else none.
func (l *Ledger) settle(c *usage.Call) {
	c.Quality &^= usage.Unpriced | usage.ReportedCost | usage.NoUsage
	c.Cost, c.PriceVersion = 0, ""
	var computed usage.NanoUSD
	priced := false
	if l.o.Prices != nil && c.Tokens.Reported() {
		computed, priced = l.o.Prices.Price(c)
	}
	switch {
	case c.HasReportedCost && (l.o.PreferReported || !priced):
		c.Cost = c.ReportedCost
		c.Quality |= usage.ReportedCost
	case priced:
		c.Cost, c.PriceVersion = computed, l.o.Prices.Version()
	case c.Tokens.Reported():
		c.Quality |= usage.Unpriced
	}
	if !c.Tokens.Reported() {
		c.Quality |= usage.NoUsage
	}
}
