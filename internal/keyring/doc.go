// Package keyring decides whether an API key is valid, from memory: what it opens, for which models,
// and what is left of its limits. What was spent comes from the ledger's commits; what is in flight
// is reserved, until the ledger commits the call or the reservation expires.
//
// It must never keep or log a key: only fingerprints are looked up and compared. It must never ask
// the ledger for anything while it holds a lock that a commit needs.
package keyring
