package alerting

import "time"

// Clock tells the time. It is for tests to replace.
type Clock interface {
	Now() time.Time         // on the wall
	Elapsed() time.Duration // since some moment; it never jumps
}

type systemClock struct{ start time.Time }

func (c systemClock) Now() time.Time         { return time.Now() }
func (c systemClock) Elapsed() time.Duration { return time.Since(c.start) }

// drift finds out by how much the clock on the wall was set.
type drift struct {
	clock   Clock
	wall    time.Time
	elapsed time.Duration
}

// jumps smaller than this are corrections that a clock makes all the time.
const smallestJump = 2 * time.Second

// now returns the time on the wall, and by how much the clock was set since the last call.
func (d *drift) now() (now time.Time, jump time.Duration) {
	now, elapsed := d.clock.Now().Round(0).UTC(), d.clock.Elapsed()
	if !d.wall.IsZero() {
		jump = now.Sub(d.wall) - (elapsed - d.elapsed)
	}
	d.wall, d.elapsed = now, elapsed
	if jump.Abs() < smallestJump {
		jump = 0
	}
	return now, jump
}
