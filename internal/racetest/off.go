//go:build !race

package racetest

// Enabled is whether the race detector is compiled in.
const Enabled = false
