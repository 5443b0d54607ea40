package throttle

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)

// tries counts how many of n attempts get through.
func tries(l *Limiter, n int, at time.Time, who func(i int) (source, user string)) (through int) {
	for i := range n {
		source, user := who(i)
		if wait, _ := l.Attempt(source, user, at); wait == 0 {
			through++
		}
	}
	return through
}

func TestEachLimitHolds(t *testing.T) {
	limits := Limits{Source: Limit{3, time.Minute}, User: Limit{4, time.Minute}, All: Limit{6, time.Second}}
	same := func(int) (string, string) { return "192.0.2.1", "alice" }
	l := New(limits)
	require.Equal(t, 3, tries(l, 100, now, same), "one source")
	require.Equal(t, 1, tries(l, 100, now.Add(time.Minute), same), "one more a minute")
	wait, _ := l.Attempt("192.0.2.1", "alice", now.Add(90*time.Second))
	require.Equal(t, 30*time.Second, wait)
	require.Equal(t, 3, tries(l, 100, now.Add(24*time.Hour), same), "all of it again")

	require.Equal(t, 4, tries(New(limits), 100, now, func(i int) (string, string) { return fmt.Sprint("192.0.2.", i), "alice" }), "one user")
	require.Equal(t, 6, tries(New(limits), 100, now, func(i int) (string, string) { return fmt.Sprint("192.0.2.", i), fmt.Sprint("user", i) }), "in all")
	require.Equal(t, 3, tries(New(limits), 100, now, func(i int) (string, string) {
		return fmt.Sprintf("2001:db8::%x", i+1), fmt.Sprint("user", i)
	}), "addresses of one IPv6 network are one source")
	require.Equal(t, 100, tries(New(Limits{}), 100, now, same), "no limits")
}

func TestForgottenAttemptsDoNotCount(t *testing.T) {
	l := New(Limits{Source: Limit{2, time.Minute}, User: Limit{2, time.Minute}, All: Limit{2, time.Minute}})
	for range 100 {
		wait, forget := l.Attempt("192.0.2.1", "alice", now)
		require.Zero(t, wait)
		forget()
	}
	require.Equal(t, 2, tries(l, 10, now, func(int) (string, string) { return "192.0.2.1", "alice" }))
	wait, forget := l.Attempt("192.0.2.1", "alice", now)
	require.Positive(t, wait)
	forget()
	again, _ := l.Attempt("192.0.2.1", "alice", now)
	require.Equal(t, wait, again, "what was not counted is not taken back")
}

func TestMemoryIsBounded(t *testing.T) {
	l := New(Limits{Source: Limit{1, time.Hour}, User: Limit{1, time.Hour}})
	for i := range 3 * maxKept {
		l.Attempt(fmt.Sprint("s", i), fmt.Sprint("u", i), now)
	}
	require.Equal(t, maxKept, l.sources.Len())
	require.Equal(t, maxKept, l.users.Len())
}
