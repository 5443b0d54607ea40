package console

import "context"

// viaOpen is how everybody signs in where access is open.
const viaOpen = "open"

// againKey is a context's key of what finds out again who a request acts for.
type againKey struct{}

// withRecheck returns a context with what finds out again who a request acts for: whether it is still the same.
func withRecheck(ctx context.Context, same func() bool) context.Context {
	return context.WithValue(ctx, againKey{}, same)
}

// stillIn tells whether a request that has gone on for a while acts for the same principal in the same
// role as when it began: its session may have ended, its token may be revoked.
func stillIn(ctx context.Context) bool {
	again, ok := ctx.Value(againKey{}).(func() bool)
	return !ok || again()
}
