package main

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIncidents: whenever the demo starts, its incidents are in the past, on working days, and have enough calls to be
// seen.
func TestIncidents(t *testing.T) {
	first := time.Date(2026, 11, 23, 0, 30, 0, 0, time.UTC)
	for hour := range 7 * 24 {
		start := first.Add(time.Duration(hour) * time.Hour)
		c := newCompany(start)
		failed := map[int]int{}
		for _, s := range []span{c.overloaded, c.badDeployment} {
			require.True(t, s.to.Before(start), "%s: %s", start, s.to)
			require.Less(t, start.Sub(s.from), 9*day)
			require.NotContains(t, []time.Weekday{time.Saturday, time.Sunday}, s.from.Weekday())
			rng := rand.New(rand.NewPCG(uint64(hour), 1))
			for at := s.from; at.Before(s.to); at = at.Add(15 * time.Minute) {
				for range int(busy(at)) {
					if x, ok := c.draw(rng, at); ok {
						failed[x.status]++
					}
				}
			}
		}
		require.Greater(t, failed[statusOverloaded], 40, start)
		require.Greater(t, failed[http.StatusBadRequest], 40, start)
	}
}
