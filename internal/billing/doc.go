// Package billing has what people set about bills, and the arithmetic of them: internal prices (a factor on costs, or prices
// of tokens), credits, and the currency in which amounts are shown beside US dollars. All of it is stored as documents of
// the kind billing.
//
// Costs are facts of the ledger and stay what they are. What a bill charges for them is worked out when the bill is asked
// for, from the terms that hold for its month: terms that begin later leave earlier bills as they were.
package billing
