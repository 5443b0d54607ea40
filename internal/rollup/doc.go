// Package rollup keeps exact sums of calls by base buckets and by the values of a few
// dimensions, in little memory. All totals are read from it.
//
// The sums of one dimension and one UTC day are a page. Its values' (models', keys', users') figures of
// the whole day are columns of narrow numbers, in memory always. Those of each quarter in which a value
// made calls, and histograms that are large, are packed bytes that are read from disk when a question cuts
// the day, apart from those of the last days; of a zone whose days begin within UTC days, the part before
// is kept as columns too. Changes are kept separately from a page, and merged into it when there are many.
//
// It has neither a store nor locks: the ledger calls it.
package rollup
