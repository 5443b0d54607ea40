// Package cell has exact sums of calls with the histograms of their times, and the bytes in which they are stored: single
// cells, the packed buckets of a page, and columns of narrow numbers.
package cell
