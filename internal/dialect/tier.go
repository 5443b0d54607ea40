package dialect

import (
	"github.com/tokenboard/tokenboard/internal/usage"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
)

// tier returns the service tier of a record.
func (r *record) tier(f *Family) usage.Tier {
	name := r.text(f, tables.Tier)
	if name == "" {
		return usage.TierUnknown
	}
	return usage.ParseTier(name)
}

// conventionalTier returns the value of the conventions' attribute of the service tier, which they have for OpenAI's
// API only; "" where there is none.
func conventionalTier(c *usage.Call) string {
	switch {
	case c.Provider != "openai" && c.Provider != "azure.ai.openai", c.Tier == usage.TierOther:
		return ""
	case c.Tier == usage.TierStandard:
		return "default"
	}
	return c.Tier.String()
}
