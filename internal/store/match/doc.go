// Package match finds the records of a filter: in the columns of a block, and among records that are in no block yet.
// Both follow store.Filter.Matches, which is for records that are not in an engine.
package match
