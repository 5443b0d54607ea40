package focus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// maxRows bounds the rows that are in memory: each takes about a kilobyte. A variable for tests.
var maxRows = 10_000

// group is what the calls of a row have in common.
type group struct {
	day                              int64 // days since 1970-01-01
	provider, model                  string
	tier                             usage.Tier
	key                              string // fingerprint
	user, service, project, environs string
}

func (g *group) compare(o *group) int {
	return cmp.Or(cmp.Compare(g.day, o.day), strings.Compare(g.provider, o.provider), strings.Compare(g.model, o.model), cmp.Compare(g.tier, o.tier),
		strings.Compare(g.key, o.key), strings.Compare(g.user, o.user), strings.Compare(g.service, o.service), strings.Compare(g.project, o.project),
		strings.Compare(g.environs, o.environs))
}

const day = 24 * time.Hour

// rows adds up calls to rows and writes these day by day.
type rows struct {
	index *keyindex.Index
	limit int
	day   int64
	sums  map[group]*usage.Counts
	write func(*row) error
}

func (s *rows) add(r *store.Record) error {
	at := r.Start.UTC().Truncate(day).Unix() / int64(day/time.Second)
	g := group{
		day: at, provider: r.Provider, model: r.Model, tier: r.Tier, key: r.KeyFingerprint,
		user: r.User, service: r.Service, project: r.Project, environs: r.Environment,
	}
	sum := s.sums[g]
	if sum == nil {
		if at != s.day || len(s.sums) >= s.limit {
			if err := s.flush(); err != nil {
				return err
			}
		}
		s.day = at
		// A record is valid during its visit only.
		for _, text := range []*string{&g.provider, &g.model, &g.key, &g.user, &g.service, &g.project, &g.environs} {
			*text = strings.Clone(*text)
		}
		sum = &usage.Counts{}
		s.sums[g] = sum
	}
	sum.Add(&r.Call, 1)
	return nil
}

// flush writes the rows in memory, in order.
func (s *rows) flush() error {
	groups := make([]group, 0, len(s.sums))
	for g := range s.sums {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int { return a.compare(&b) })
	for i := range groups {
		r, err := s.row(&groups[i])
		if err == nil {
			err = s.write(&r)
		}
		if err != nil {
			return err
		}
	}
	clear(s.sums)
	return nil
}

const (
	unknown  = "unknown" // for what must not be null
	standard = "standard"
	tokens   = "Tokens"
)

// row makes the row of a group.
func (s *rows) row(g *group) (row, error) {
	sum := s.sums[*g]
	begin := time.Unix(g.day*int64(day/time.Second), 0).UTC()
	month := time.Date(begin.Year(), begin.Month(), 1, 0, 0, 0, 0, time.UTC)
	provider, model, tier := cmp.Or(g.provider, unknown), cmp.Or(g.model, unknown), cmp.Or(g.tier.String(), standard)
	sku := provider + "/" + model
	t := sum.Tokens
	out := row{
		BilledCost: int64(sum.Cost), ContractedCost: int64(sum.Cost), EffectiveCost: int64(sum.Cost), ListCost: int64(sum.Cost),
		BillingAccountID: provider, BillingCurrency: "USD", BillingPeriodStart: millis(month), BillingPeriodEnd: millis(month.AddDate(0, 1, 0)),
		ChargeCategory: "Usage", ChargeDescription: text(tokens + " of " + model), ChargeFrequency: "Usage-Based",
		ChargePeriodStart: millis(begin), ChargePeriodEnd: millis(begin.Add(day)),
		ConsumedQuantity: t.Total(), ConsumedUnit: tokens, PricingQuantity: t.Total(), PricingUnit: tokens,
		InvoiceIssuerName: provider, ProviderName: provider, PublisherName: provider, PricingCategory: "Standard",
		ServiceCategory: "AI and Machine Learning", ServiceSubcategory: "Generative AI", ServiceName: provider,
		SKUID: sku, SKUPriceID: sku + "/" + tier, SKUMeter: tokens,
		Calls: sum.Calls, FailedCalls: sum.Errors, UnpricedCalls: sum.Unpriced, CallsWithoutUsage: sum.NoUsage,
		Input: t.Input(), CacheRead: t.CacheRead, CacheWrite: t.CacheWrite, Output: t.Output(), Reasoning: t.Reasoning,
		Tier: text(g.tier.String()),
	}
	if tier != standard {
		out.PricingCategory = "Other"
	}
	if g.key != "" {
		out.SubAccountID, out.SubAccountType = text(s.index.ID(g.key)), text("API Key")
		if k := s.index.Key(g.key); k != nil {
			out.SubAccountName = text(k.Name)
		}
	}
	tags := map[string]string{}
	for name, value := range map[string]string{"user": g.user, "service": g.service, "project": g.project, "environment": g.environs} {
		if value != "" {
			tags[name] = value
		}
	}
	if len(tags) > 0 {
		b, err := json.Marshal(tags) // in the order of the names
		if err != nil {
			return out, fmt.Errorf("encode tags: %w", err)
		}
		out.Tags = text(string(b))
	}
	return out, nil
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
