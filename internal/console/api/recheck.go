package api

import (
	"context"
)

// ViaOpen is how everybody signs in where access is open.
const ViaOpen = "open"

// againKey is a context's key of what finds out again who a request acts for.
type againKey struct{}

// WithRecheck returns a context with what finds out again who a request acts for: whether it is still the same.
func WithRecheck(ctx context.Context, same func() bool) context.Context {
	return context.WithValue(ctx, againKey{}, same)
}

// StillIn reports whether a request that has gone on for a while acts for the same principal in the same
// role as when it began: its session may have ended, its token may be revoked.
func StillIn(ctx context.Context) bool {
	again, ok := ctx.Value(againKey{}).(func() bool)
	return !ok || again()
}
