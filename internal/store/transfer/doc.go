// Package transfer moves everything that a stopped database holds into an empty one of another engine, and verifies the
// copy. An engine offers its tables as rows in a common form (Source), and takes such rows (Target); nothing here knows SQL.
//
// Blocks, memtable log and sums have the same bytes in every engine, so that a copy of the rows is a copy of the ledger:
// records are not decided again. Leases are not moved: they are by the clock of their database.
//
// A target stores all that Move gave it, or nothing: that is the engine's part (one transaction, or a new file that gets its
// name last). So a move that was interrupted can be run again.
package transfer
