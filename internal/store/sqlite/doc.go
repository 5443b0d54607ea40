// Package sqlite is the default store.Engine: one SQLite file in WAL mode, through
// modernc.org/sqlite, which needs no C. One connection writes, others read beside it.
//
// Call records are not rows: they are blocks of columns in the table block_data, and until they are compacted into
// blocks, bytes in the table recent; internal/store/columnar finds and changes them there. Texts that many records
// share are stored once, in dims. docs/store.md describes the tables, docs/formats the bytes, docs/decisions/0001 the
// reasons.
//
// The package must never acknowledge what is not synced, and never change a file that it does not understand.
package sqlite
