// Package sqlite is the default store.Engine: one SQLite file in WAL mode, through
// modernc.org/sqlite, which needs no C. One connection writes, others read beside it.
//
// The schema follows measurements (docs/store.md): rows in time order under an integer key, texts in
// tables of their own, few and narrow indexes. It must never acknowledge what is not synced, and
// never touch a file that it does not understand.
package sqlite
