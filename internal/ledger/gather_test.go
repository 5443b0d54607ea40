package ledger

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// gathering makes a ledger that has nothing but what gather needs.
func gathering(expected int) *Ledger {
	return &Ledger{
		requests: make(chan *request, maxWaiting), gathering: time.NewTimer(time.Hour), expected: expected,
	}
}

func requestOf(records int) *request { return &request{records: make([]store.Record, records)} }

// TestGatherWaits: requests of the senders that were answered last share a group, although they do not come at once.
func TestGatherWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := gathering(3)
		go func() {
			for range 3 { // one more than is waited for
				time.Sleep(gatherTime / 4)
				l.requests <- requestOf(1)
			}
		}()
		begun := time.Now()
		require.Len(t, l.gather(requestOf(1)), 3)
		require.Equal(t, gatherTime/2, time.Since(begun))
		require.Len(t, l.gather(<-l.requests), 1, "whoever is late is not lost")
	})
}

// TestGatherIsBounded: what does not come is waited for once, for a millisecond at most; a group that is large, or of a
// sender alone, waits for nothing.
func TestGatherIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		expected, records int
		longest           time.Duration
	}{
		"the others are gone": {expected: 8, records: 1, longest: gatherTime},
		"a sender alone":      {expected: 1, records: 1},
		"a large request":     {expected: 8, records: smallGroup},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := gathering(c.expected)
				begun := time.Now()
				require.Len(t, l.gather(requestOf(c.records)), 1)
				require.Equal(t, c.longest, time.Since(begun))
			})
		})
	}
}

// TestGatherTakesWhatWaits: all that wait already are taken, and none whose sender has left.
func TestGatherTakesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := gathering(0)
		gone := requestOf(1)
		require.True(t, gone.leave())
		l.requests <- gone
		l.requests <- requestOf(2)
		require.Len(t, l.gather(requestOf(1)), 2)
		require.Empty(t, l.requests)
	})
}
