// Package promapi answers PromQL questions from the ledger: a storage.Queryable whose samples are the true cumulative
// sums of the calls that count, and Prometheus' HTTP API over it.
//
// A scrape shows what a counter is now; the ledger has when each call started, so that the value of a counter at any
// time of the past can be computed. The value at time t is the sum over the calls that started before t. Samples lie
// where a query needs them, at the edges of its windows, so that the increase over a window is the exact sum of the
// calls in it: rate, increase and delta are evaluated without extrapolation (PromQL's anchored selectors).
//
// It only reads. It never changes what a scrape of /metrics returns.
package promapi
