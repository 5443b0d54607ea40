package throttle

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)

// begin begins an attempt whose counts can be kept.
func begin(t *testing.T, s *SignIns, a Attempt, at time.Time) (time.Duration, func()) {
	t.Helper()
	wait, right, err := s.Begin(t.Context(), a, at)
	require.NoError(t, err)
	return wait, func() { require.NoError(t, right(t.Context())) }
}

// tries counts how many of n attempts get through.
func tries(t *testing.T, s *SignIns, n int, at time.Time, who func(i int) Attempt) (through int) {
	for i := range n {
		if wait, _ := begin(t, s, who(i), at); wait == 0 {
			through++
		}
	}
	return through
}

func guess(source, account string) Attempt {
	return Attempt{Source: source, Account: account, Known: true}
}

func TestGuessesOfOneSourceCostMoreAndMore(t *testing.T) {
	s := NewSignIns(Limits{Pair: Default.Pair})
	at := now
	var waits []time.Duration
	for range 20 {
		wait, _ := begin(t, s, guess("192.0.2.1", "alice"), at)
		if wait > 0 {
			again, _ := begin(t, s, guess("192.0.2.1", "alice"), at.Add(wait-time.Nanosecond))
			require.Equal(t, time.Nanosecond, again, "to wait is what it takes")
			waits, at = append(waits, wait), at.Add(wait)
			wait, _ = begin(t, s, guess("192.0.2.1", "alice"), at)
			require.Zero(t, wait)
		}
	}
	require.Equal(t, []time.Duration{
		10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 320 * time.Second, 640 * time.Second, 15 * time.Minute, 15 * time.Minute,
	}, waits[:9])
	require.Zero(t, tries(t, s, 3, at, func(int) Attempt { return guess("192.0.2.1", "alice") }))
	require.Equal(t, 5, tries(t, s, 10, at, func(int) Attempt { return guess("192.0.2.1", "bob") }), "another account")
	require.Equal(t, 5, tries(t, s, 10, at, func(int) Attempt { return guess("192.0.2.2", "alice") }), "another source")
	require.Equal(t, 5, tries(t, s, 10, at.Add(time.Hour), func(int) Attempt { return guess("192.0.2.1", "alice") }), "forgotten")
}

func TestLimitsOfSourcesAndAccounts(t *testing.T) {
	many := Limit{Burst: 6, Every: time.Hour}
	s := NewSignIns(Limits{Source: Limit{3, time.Minute}, SourceFresh: many})
	require.Equal(t, 3, tries(t, s, 100, now, func(int) Attempt { return guess("192.0.2.1", "alice") }), "one source, one account")
	require.Equal(t, 3, tries(t, s, 100, now, func(i int) Attempt { return guess("192.0.2.1", fmt.Sprint("user", i)) }), "its first attempts at others")
	require.Equal(t, 1, tries(t, s, 100, now.Add(time.Minute), func(i int) Attempt { return guess("192.0.2.1", fmt.Sprint("more", i)) }), "one a minute")
	require.Equal(t, 6, tries(t, NewSignIns(s.limits), 100, now, func(i int) Attempt {
		return guess(fmt.Sprintf("2001:db8::%x", i+1), fmt.Sprint("user", i))
	}), "addresses of one IPv6 network are one source")

	s = NewSignIns(Limits{Account: Limit{3, time.Minute}, AccountFresh: many})
	require.Equal(t, 6, tries(t, s, 100, now, func(i int) Attempt { return guess(fmt.Sprint("192.0.2.", i), "alice") }), "one account, every source")
	require.Equal(t, 3, tries(t, s, 100, now, func(int) Attempt { return Attempt{Source: "192.0.2.1", Account: "alice"} }), "one that is not there of this name, from one source")
	require.Equal(t, 100, tries(t, NewSignIns(Limits{}), 100, now, func(int) Attempt { return guess("192.0.2.1", "alice") }), "no limits")
}

// TestOwnersGetIn: whatever unknown sources do, a known device is not kept out, and the right password on a new device
// from an address of its own is accepted at the first attempt.
func TestOwnersGetIn(t *testing.T) {
	s := NewSignIns(Default)
	for i := range 500 { // guesses at the account, from everywhere
		begin(t, s, guess(fmt.Sprintf("198.51.%d.%d", i/250, i%250), "admin"), now)
	}
	for i := range 500 { // of one source, at everybody
		begin(t, s, guess("203.0.113.9", fmt.Sprint("user", i)), now)
	}
	for range 16 {
		wait, right := begin(t, s, Attempt{Source: "203.0.113.9", Account: "admin", Known: true, Device: "d"}, now)
		require.Zero(t, wait)
		right()
		wait, right = begin(t, s, guess("192.0.2.77", "admin"), now)
		require.Zero(t, wait, "a new device at an address that guessed nothing")
		right()
	}
	device := func(d string) func(int) Attempt {
		return func(int) Attempt { return Attempt{Source: "x", Account: "admin", Device: d} }
	}
	require.Equal(t, 10, tries(t, s, 100, now, device("stolen")), "who has the cookie guesses no faster")
	require.Equal(t, 10, tries(t, s, 100, now, device("another")))
}

// TestGuesserOfOneAccount: as many sources as there are, for a day.
func TestGuesserOfOneAccount(t *testing.T) {
	s := NewSignIns(Default)
	through, source := 0, 0
	for second := range 24 * 3600 {
		for range 3 {
			source++
			wait, _ := begin(t, s, guess(fmt.Sprintf("10.%d.%d.%d", source>>16, source>>8&255, source&255), "admin"), now.Add(time.Duration(second)*time.Second))
			if wait == 0 {
				through++
			}
		}
	}
	require.LessOrEqual(t, through, 3_500)
	require.GreaterOrEqual(t, through, 1_000)
}

func TestRightAttemptsDoNotCount(t *testing.T) {
	limits := Limits{Pair: Rising{2, time.Minute, time.Hour, 2 * time.Hour}, Source: Limit{2, time.Minute}, Account: Limit{2, time.Minute}, Device: Limit{2, time.Minute}}
	for _, device := range []string{"", "d"} {
		s := NewSignIns(limits)
		of := func(int) Attempt { return Attempt{Source: "192.0.2.1", Account: "alice", Known: true, Device: device} }
		for range 100 {
			wait, right := begin(t, s, of(0), now)
			require.Zero(t, wait)
			right()
		}
		require.Equal(t, 2, tries(t, s, 10, now, of))
		wait, right := begin(t, s, of(0), now)
		require.Positive(t, wait)
		right()
		again, _ := begin(t, s, of(0), now)
		require.Equal(t, wait, again, "what was not counted is not taken back")
	}
}

func TestRate(t *testing.T) {
	r := NewRate(Limit{3, time.Minute})
	for _, who := range []string{"alice", "bob"} {
		for range 3 {
			require.Zero(t, r.Take(who, now))
		}
		require.Equal(t, time.Minute, r.Take(who, now))
	}
	require.Zero(t, r.Take("alice", now.Add(time.Minute)))
	require.Zero(t, NewRate(Limit{}).Take("alice", now))
}

// TestManySources: sources beyond those that are remembered share one limit, until counts expire.
func TestManySources(t *testing.T) {
	r := NewRate(Limit{2, time.Minute})
	for i := range MaxKept {
		require.Zero(t, r.Wait(fmt.Sprint(i), now))
		r.Add(fmt.Sprint(i), now)
	}
	for i := range 2 {
		who := fmt.Sprint("more", i)
		require.Zero(t, r.Wait(who, now), "a limit of all further ones")
		r.Add(who, now)
	}
	require.Equal(t, time.Minute, r.Wait("another", now))
	require.Equal(t, time.Minute, r.Take("another", now))
	require.Zero(t, r.Wait("0", now), "with a count of its own")
	require.Zero(t, r.Take("another", now.Add(time.Minute)), "counts have expired")
	require.True(t, r.free.lru.Contains("another"))
}

func TestNetwork(t *testing.T) {
	for source, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64", "unix": "unix", "": "",
	} {
		require.Equal(t, want, Network(source), source)
	}
	require.Empty(t, NetworkOf(netip.Addr{}))
}

func TestMemoryIsBounded(t *testing.T) {
	s, r := NewSignIns(Limits{Source: Limit{9, time.Hour}, Account: Limit{9, time.Hour}, Device: Limit{1, time.Hour}}), NewRate(Limit{1, time.Hour})
	begin(t, s, guess("s", "alice"), now)
	for i := range 3 * MaxKept {
		begin(t, s, Attempt{Source: fmt.Sprint("s", i), Account: fmt.Sprint("u", i)}, now)
		begin(t, s, Attempt{Device: fmt.Sprint("d", i)}, now)
		r.Take(fmt.Sprint("w", i), now)
	}
	books := s.counts.(*memory).books
	for _, kind := range []Kind{OfPair, OfSource, AtImagined, WithDevice} {
		require.Equal(t, MaxKept, books[kind].lru.Len(), kind)
	}
	require.Equal(t, MaxKept, r.free.lru.Len())
	require.True(t, books[AtAccount].lru.Contains("alice"), "names of no account evict no account")
}
