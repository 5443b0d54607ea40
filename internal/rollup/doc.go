// Package rollup keeps exact sums of calls by quarters of an hour and by the values of a few
// dimensions, in little memory. It is what every reader of totals is answered from.
//
// The sums of one dimension and one UTC day are a page: bytes that hold, for each member (a model, a
// key, a user), the day's total and the sums of each quarter in which it made calls, as varints. What
// changes is kept beside the bytes and folded into them when it is much. A page is also what is
// written to disk, so that nothing has to be added up again at start.
//
// It knows neither the store nor locks: the ledger calls it.
package rollup
