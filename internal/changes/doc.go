// Package changes explains the difference between the costs of two ranges of time: which groups (models, keys, users,
// services, projects) it comes from, and how much of it is volume, mix, cache and price.
//
// # Method
//
// The four effects come from the variance analysis of cost accounting. The cost of a group is taken from what it was
// before to what it is after in four steps, one thing being changed in each. An effect is the difference that its step
// makes:
//
//	C0  the cost before
//	A1  the tokens after, at the group's average cost per token before                           volume = A1 - C0
//	A2  the tokens of each model after, at that model's cost per token before; besides, the
//	    model's split between input and output, and between text and reasoning, as it is after   mix    = A2 - A1
//	A3  the input as it is after: read from a cache, written to one, or neither                  cache  = A3 - A2
//	C1  the cost after                                                                           price  = C1 - A3
//
// The order decides where joint effects go (twice the tokens at twice the price cost four times as much): each effect is
// valued at the old state of what comes behind it, and at the new state of what comes before it. Volume is first because
// it is what people decide on, and is valued at the prices they knew; price is last, and so applies to the tokens that
// were really used. This is the usual order (quantity at old prices, price at new quantities).
//
// The breakdown of the ledger has one cost per cell, not one per kind of token. So kinds are weighed with the relative
// list prices of the model (Rates), scaled to what the cell really cost before: discounts and own prices do not matter
// as long as they apply to all kinds. Where no list prices are known, cache is 0 and the effect of the cache is a part
// of price.
//
// # Edges
//
//   - A group that appears has no old average. Its tokens are valued at the old prices of their models in other groups,
//     and all of A2 is volume. A model that appears is valued at its old price in other groups; where there is none, at what it
//     cost after, so that the price has no part in the difference.
//   - A group that disappears, and a model that a group no longer uses, has no effect of price or cache.
//   - Calls without tokens that have a cost (priced per request) are counted by calls instead of tokens; they have volume
//     and price only.
//   - Calls without a known price have tokens, but no cost. They are shown (Sums.Unpriced). A model that was unpriced and has
//     a price now is a difference of price.
//
// # Exactness
//
// Each of A1, A2, A3 is rounded to a whole nano-dollar (half up), per group or per cell; the effects are the
// differences of rounded amounts and so add up to C1 - C0 to the nano-dollar. Rounding moves at most a nano-dollar per
// cell from one effect to the next, always in the same way. The differences of the groups add up to the difference of
// the whole. The effects of the whole are not the sums of the groups' effects: if one group grew and another shrank,
// this is volume in both, and mix in the whole.
//
// Sums and steps saturate at 64 bits, as all sums do. Effects add up to the difference of the costs all the same; a row
// says that it is saturated, and the differences of groups need not add up to that of a whole that is.
package changes
