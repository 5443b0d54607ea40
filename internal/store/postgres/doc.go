// Package postgres is a store.Engine on PostgreSQL 13 and newer, which several processes can have open.
//
// One row of the table state serialises the writes of the ledger, another one the writes of the directory. A write
// takes two round trips. The first begins a transaction, locks the row, looks for the write id and compares the epoch
// of the lease; the second sends what is written, the id and COMMIT. Since COMMIT is only sent after the lock was
// confirmed, whoever has the lock later knows the outcome of every write before it: that is how Committed and Leases
// keep their promises, whichever connections end and whichever process stops meanwhile. Times to live are measured by
// the database's clock only.
//
// Records are blocks and a memtable log in the formats of internal/store/block and internal/store/columnar, as in SQLite.
// Every process has the summaries of the blocks, the dictionary and the memtable in memory; a read compares the number of
// the last write with its own and reads what it lacks, so that it sees every commit that was acknowledged before.
//
// Only the process with the ledger's lease calls Commit, SaveSums, Retire and Compact. Every process reads,
// and changes the directory (package directory); these changes are compared and set by version and serialised by
// their row.
//
// Only plain SQL is used, see package database. docs/decisions/0014 has the reasons, docs/store.md the settings.
package postgres
