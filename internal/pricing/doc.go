// Package pricing says what calls cost by the published prices of their providers.
//
// The price book is data: prices.json, made by `make prices` from the npm package
// @pydantic/genai-prices (MIT, see NOTICE), with the version of that package. Arithmetic is in
// integers: a rate is a whole number of 10^-18 USD per token, a cost is rounded once, to nano-USD.
// A model that the book does not have, or a kind of token that it has no rate for, has no cost
// at all: a guess would be taken for a price.
package pricing
