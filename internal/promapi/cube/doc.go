// Package cube has the sums of calls by all labels of the counter series and by quarter of an hour, read from the
// ledger's records and kept in memory as long as no call of the hour changes. It adds them up for samples at any
// times. It decides nothing about names: which series of /metrics a sum belongs to is its caller's.
package cube
