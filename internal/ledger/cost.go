package ledger

import "github.com/tokenboard/tokenboard/internal/usage"

// tierPrices is a price book that has prices of service tiers.
type tierPrices interface {
	// PricesTier reports whether the price of the call's service tier is known.
	PricesTier(c *usage.Call) bool
}

// setCost sets the cost of a call: the computed one where the model has a price, else what the
// telemetry reported (or the other way round), else none.
func (l *Ledger) setCost(c *usage.Call) { l.setCostBy(l.Prices(), c) }

// setCostBy sets the cost of a call by a price book; nil: only what the telemetry reported.
func (l *Ledger) setCostBy(prices Prices, c *usage.Call) {
	c.Quality &^= usage.Unpriced | usage.ReportedCost | usage.NoUsage | usage.TierUnpriced
	c.Cost, c.PriceVersion = 0, ""
	var computed usage.NanoUSD
	priced := false
	if prices != nil && c.Tokens.Reported() {
		computed, priced = prices.Price(c)
		priced = priced && computed.Possible()
	}
	switch {
	case c.HasReportedCost && (l.o.PreferReported || !priced):
		c.Cost = c.ReportedCost
		c.Quality |= usage.ReportedCost
	case priced:
		c.Cost, c.PriceVersion = computed, prices.Version()
		if tiers, is := prices.(tierPrices); is && !tiers.PricesTier(c) {
			c.Quality |= usage.TierUnpriced
		}
	case c.Tokens.Reported():
		c.Quality |= usage.Unpriced
	}
	if !c.Tokens.Reported() {
		c.Quality |= usage.NoUsage
	}
}
