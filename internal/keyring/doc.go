// Package keyring decides from memory whether an API key may be used: whether it is valid, for which models, and how
// much of its limits is left. It learns from the ledger's commits how much was spent. For a call in flight it holds a
// reservation, until the ledger commits the call or the reservation expires.
//
// It must never keep or log a key: only fingerprints are looked up and compared. It must never ask
// the ledger for anything while it holds a lock that a commit needs.
package keyring
