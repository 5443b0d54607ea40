// Package correlation decides which records of one call counts. Its index has the recent records and the spans between
// them, and finds the records that are related to one: the other records of its trace, records that share a response or
// request id, and possible twins of other libraries. The decision over such a set is a pure function of the set: the
// order in which its records came has no influence.
//
// The index is in memory and bounded. It has no locks, reads no store and no clock: the ledger's writer owns it, and
// all that one write changes in it can be taken back.
package correlation
