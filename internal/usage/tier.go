package usage

import "strings"

// Tier is the service tier that a call was served in: what providers charge the same tokens at different prices for.
// Names that are not listed here are TierOther, so that emitters cannot make further ones.
type Tier uint8

// The tiers. Their numbers are stored.
const (
	TierUnknown  Tier = iota // the telemetry names none
	TierStandard             // also "default" and "auto"
	TierBatch
	TierFlex
	TierPriority
	TierScale
	TierOther // one that is not listed here
	tierCount
)

var tierNames = [tierCount]string{"", "standard", "batch", "flex", "priority", "scale", "other"}

// String returns the name of the tier, as in the API; "" where none is known.
func (t Tier) String() string {
	if t >= tierCount {
		return tierNames[TierOther]
	}
	return tierNames[t]
}

// TierNames lists the names of the tiers, except for TierUnknown's.
func TierNames() []string { return append([]string(nil), tierNames[TierStandard:]...) }

// TierNamed returns the tier of a name that String returns; false where it is none.
func TierNamed(name string) (Tier, bool) {
	for i, n := range tierNames {
		if n == name {
			return Tier(i), true
		}
	}
	return TierUnknown, false
}

// tierAliases are the names of tiers that providers and SDKs use, in lower case and without prefixes of enumerations.
var tierAliases = map[string]Tier{
	"": TierUnknown, "none": TierUnknown, "null": TierUnknown, "undefined": TierUnknown, "unknown": TierUnknown, "unspecified": TierUnknown,
	"standard": TierStandard, "default": TierStandard, "auto": TierStandard, "standard_only": TierStandard, "on_demand": TierStandard,
	"batch": TierBatch, "batches": TierBatch,
	"flex": TierFlex, "on_demand_flex": TierFlex,
	"priority": TierPriority, "on_demand_priority": TierPriority,
	"scale": TierScale,
}

// ParseTier reads what telemetry calls a tier.
func ParseTier(s string) Tier {
	const longest = 64 // bytes; no name of a tier is longer
	s = strings.TrimSpace(s)
	if len(s) > longest {
		return TierOther
	}
	t, known := tierAliases[strings.TrimPrefix(strings.ToLower(s), "service_tier_")]
	if !known {
		return TierOther
	}
	return t
}
