// Package rollup keeps exact sums of calls by base buckets and by the values of a few
// dimensions, in little memory. All totals are read from it.
//
// The sums of one dimension and one UTC day are a page. Its values' (models', keys', users') figures of the whole day
// are columns of narrow numbers, in memory always. The figures of each quarter in which a value made calls, and large
// histograms, are packed bytes. They are read from disk when a question cuts the day, except for the last days, which
// stay in memory. For a time zone whose days begin within UTC days, the part before that is kept as columns too.
// Changes are kept separately from a page, and merged into it when there are many.
//
// It has neither a store nor locks: the ledger calls it.
package rollup
