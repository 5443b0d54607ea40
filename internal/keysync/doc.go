// Package keysync keeps the client keys of proxies as the console has them: a key that is made,
// rotated, disabled, enabled, revoked or expires takes effect in each proxy at once, and what differs
// is put right or shown.
//
// It must never leave a proxy without keys, which would let everybody in. It must never write a
// secret anywhere: secrets are in memory only, because the store has none, and only as long as a proxy
// may still need one.
package keysync
