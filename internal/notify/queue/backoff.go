package queue

import (
	"math/rand/v2"
	"time"
)

const (
	// MaxAttempts is how often a delivery is tried: over about 20 hours, so that one night's outage loses nothing.
	MaxAttempts = 20
	firstWait   = 5 * time.Second
	longestWait = 2 * time.Hour
)

// backoff is how long to wait after a number of tries that failed: twice as long each time, less up to a fifth, so that
// channels of one server do not come back together. It is at least what the receiver asked for.
func backoff(attempts int, asked time.Duration) time.Duration {
	wait := longestWait
	if attempts < 12 {
		wait = min(firstWait<<max(attempts-1, 0), longestWait)
	}
	wait -= time.Duration(rand.Int64N(int64(wait)/5 + 1)) //nolint:gosec // no secret
	return max(wait, asked)
}
