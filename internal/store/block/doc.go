// Package block keeps up to 256 call records as two strings of bytes: one with the figures and the
// numbers of texts, column by column, which is all that sums and most filters read, and one with what
// only single records have: their ids and free texts. Records are in the order of their starts, then
// of their ids.
//
// A column of few different values is a dictionary and an index of as few bits as it needs; a column of
// numbers is their distance from the least, likewise packed. So a record takes about a third of the
// bytes that it takes as a row of a database, and a column of a block is read in a fraction of a
// microsecond. Checksums end both strings.
package block
