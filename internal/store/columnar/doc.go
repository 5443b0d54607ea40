// Package columnar keeps call records in blocks of columns (internal/store/block), for any engine that can store bytes.
// It finds, lists, sums, writes and compacts records; the engine stores blocks, the log of the memtable and the texts
// of the dictionary, in transactions, and reads the bytes of blocks for it (Source).
//
// Records that were written since blocks last changed are in memory, in the memtable, and in a log, from which they are
// loaded at the next start. Blocks and memtable together at one moment are a Snapshot, which never changes: a write
// makes another. A Table has the newest one. A write to an engine goes in four steps:
//
//  1. Table.Write, Table.Compact or Table.Retire works out the change, and changes nothing yet;
//  2. the engine stores the change in a transaction;
//  3. the transaction is committed;
//  4. Publish makes it the newest snapshot.
//
// A Reader is a snapshot with a Source that sees its blocks; Queries answers the reading methods of store.Calls.
package columnar
