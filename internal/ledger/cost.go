package ledger

import "github.com/tokenboard/tokenboard/internal/usage"

// settle gives a call its cost: the computed one where the model has a price, else what the
// telemetry reported (or the other way round), else none.
func (l *Ledger) settle(c *usage.Call) {
	c.Quality &^= usage.Unpriced | usage.ReportedCost | usage.NoUsage
	c.Cost, c.PriceVersion = 0, ""
	var computed usage.NanoUSD
	priced := false
	if l.o.Prices != nil && c.Tokens.Reported() {
		computed, priced = l.o.Prices.Price(c)
		priced = priced && computed.Possible()
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
