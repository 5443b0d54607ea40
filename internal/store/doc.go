// Package store is the seam between the ledger and the databases that keep its records. It is split by
// guarantee, so that each part can be kept by an engine of one process or of many:
//
//   - Calls keeps call records. A commit that was acknowledged is on stable storage as a whole, and every later
//     read of any process sees it. A commit that returned an error may have been made: Committed returns whether it
//     was, and its answer is final. A repeat of a write id that was committed returns nil and changes nothing,
//     whatever it holds, as long as the id is among the last RememberedWrites. A read sees the state after some commit,
//     never a part of one; Scan, which may take long, sees that of several commits, each record at most once.
//     Changes are numbered in the order of commits: there is none to come before one that was read.
//   - Leases let one process at a time do a task. Each new holder gets a greater epoch, and a write that names an
//     older one fails with ErrFenced in its own transaction: a holder that was suspended for longer than its lease
//     changes nothing.
//   - Directory keeps API keys, users, sessions, tokens, alerts and the audit log. A change is on stable storage with its
//     audit entry when its method returns, or neither is. A key or a user is changed as of the version that the caller
//     has read: ErrChanged where that is not the stored one any more. Every read sees the last change of any process.
//
// The interfaces that not every engine has (Sums, Maintenance, Backup, Shared) are found by type assertion; without Sums the
// ledger reads its sums from the records at each start, without Shared one process at a time has the store.
// A batch that a Shared engine accepted is on stable storage until the transaction that commits its effects removes it, so
// that it is neither lost nor applied twice.
//
// An engine stores, finds and removes. It never decides what counts, and prices nothing: that is the ledger's work. No
// type of an engine crosses the seam.
package store
