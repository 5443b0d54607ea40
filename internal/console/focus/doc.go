// Package focus exports costs in the FinOps Open Cost and Usage Specification (FOCUS), version 1.2
// (https://focus.finops.org/focus-specification/v1-2/), the format in which FinOps tools take the charges of clouds and
// SaaS providers.
//
// A row is the usage of one day (UTC) by one combination of provider, model, service tier, key, user, service, project and
// environment. The columns are those that the specification makes mandatory, the conditional ones that apply (sub account,
// SKU, consumed quantity, pricing category, tags), and custom ones with the prefix x_. Unit prices are left out: a row adds up
// tokens of several kinds, which have a price each.
//
// The tool knows no invoice. So the four costs of a row are equal: what its calls cost by the prices of the ledger, or as
// their telemetry reports it. A call without a known cost adds its tokens and nothing to the costs; x_UnpricedCalls counts it.
//
// The rows of a day are added up in memory, at most maxRows. Where a day has more, what was added up so far is written and
// the rest of the day begins anew: a combination can have several rows, and the sums of the file are exact.
package focus
