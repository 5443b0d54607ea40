package stats

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Quota is the intended spending of all calls in a period. The console shows it, but does not
// enforce it.
type Quota struct {
	Tokens int64         // 0: none
	Cost   usage.NanoUSD // 0: none
	Period store.Period
}

// Limits returns a quota as limits of a key.
func (q Quota) Limits() (l store.Limits) {
	if q.Period < store.PeriodCount {
		l.Tokens[q.Period], l.Cost[q.Period] = q.Tokens, int64(q.Cost)
	}
	return l
}

// ParsePeriod reads the name of a period.
func ParsePeriod(name string) (store.Period, error) {
	for p := range store.PeriodCount {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%q is not day, week, month or total", name)
}

// QuotaUse is how much of a quota is used.
type QuotaUse struct {
	Period   string     `json:"period" enum:"day,week,month,total"`
	ResetsAt *time.Time `json:"resets_at" doc:"null: never"`
	Tokens   *QuotaPart `json:"tokens" doc:"null where tokens have no quota"`
	USD      *QuotaCost `json:"usd" doc:"null where money has no quota"`
}

// QuotaPart is tokens of a quota.
type QuotaPart struct {
	Limit     int64   `json:"limit"`
	Used      int64   `json:"used" doc:"in the period, whatever from and to say"`
	Remaining int64   `json:"remaining" doc:"never less than 0"`
	Percent   float64 `json:"usage_percent" doc:"may be over 100"`
}

// QuotaCost is money of a quota.
type QuotaCost struct {
	Limit     api.Money `json:"limit"`
	Used      api.Money `json:"used" doc:"in the period, whatever from and to say"`
	Remaining api.Money `json:"remaining" doc:"never less than 0"`
	Percent   float64   `json:"usage_percent" doc:"may be over 100"`
}

// quotaFor finds the quota that filters ask for: the console's where there are none, a key's where
// they name just that key. from and to choose no other quota. Others have none.
func (c *Handlers) quotaFor(ctx context.Context, f *filter.Filters, index *keyindex.Index) *QuotaUse {
	only := *f
	only.From, only.To, only.Key = "", "", nil
	if only.IsSet() {
		return nil
	}
	if len(f.Key) == 0 {
		if access.From(ctx).OwnOnly() {
			return nil // of all calls, which a member does not see
		}
		return quotaUse(c.Keys.Ring.Quota())
	}
	key := oneKey(ctx, f.Key, index)
	if key == nil {
		return nil
	}
	return quotaUse(c.Keys.Ring.Left(key.ID))
}

// oneKey returns the key that the values of a filter name; nil where they name several, one that is not stored here, or
// one that the principal may not see.
func oneKey(ctx context.Context, values []string, index *keyindex.Index) *store.Key {
	var key *store.Key
	for _, value := range values {
		for _, fingerprint := range index.Fingerprints(value) {
			k := index.Key(fingerprint)
			if k == nil || key != nil && k.ID != key.ID || !index.MaySee(ctx, fingerprint) {
				return nil
			}
			key = k
		}
	}
	return key
}

// quotaUse shows the budget of tokens that is used up most, and the money of its period; where tokens
// have none, the budget of money that is used up most.
func quotaUse(l *keyring.Left) *QuotaUse {
	if l == nil {
		return nil
	}
	most, share := store.PeriodCount, -1.0
	for _, budgets := range [][store.PeriodCount]*keyring.Allowance{l.Tokens, l.Cost} {
		for p := range store.PeriodCount {
			if a := budgets[p]; a != nil && percent(a) >= share {
				most, share = p, percent(a)
			}
		}
		if most < store.PeriodCount {
			break
		}
	}
	if most == store.PeriodCount {
		return nil
	}
	u := &QuotaUse{Period: most.String()}
	if a := l.Tokens[most]; a != nil {
		u.ResetsAt = api.OptionalTime(a.ResetsAt)
		u.Tokens = &QuotaPart{Limit: a.Limit, Used: a.Used, Remaining: max(a.Limit-a.Used, 0), Percent: percent(a)}
	}
	if a := l.Cost[most]; a != nil {
		u.ResetsAt = api.OptionalTime(a.ResetsAt)
		u.USD = &QuotaCost{Limit: api.Money(a.Limit), Used: api.Money(a.Used), Remaining: api.Money(max(a.Limit-a.Used, 0)), Percent: percent(a)}
	}
	return u
}

// percent has two places.
func percent(a *keyring.Allowance) float64 {
	return math.Round(float64(a.Used)/float64(a.Limit)*1e4) / 100
}

// put fills the fields that stats always had for the quota of tokens.
func (u *QuotaUse) put(s *Stats) {
	if s.QuotaUse = u; u != nil && u.Tokens != nil {
		s.Quota, s.Remaining, s.UsagePercent = &u.Tokens.Limit, &u.Tokens.Remaining, &u.Tokens.Percent
	}
}
