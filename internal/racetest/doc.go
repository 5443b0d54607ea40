// Package racetest says whether a test runs under the race detector. A test that computes for seconds in one goroutine
// can find no race there, and takes five times as long: it skips itself with Single, and `make test-unit` runs its
// package once more without the detector.
package racetest

import "testing"

// Single skips a test of one goroutine under the race detector.
func Single(t *testing.T) {
	t.Helper()
	if Enabled {
		t.Skip("one goroutine computes: make test-unit runs this without the race detector")
	}
}
