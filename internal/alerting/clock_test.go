package alerting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestClockIsSet: whatever the clock on the wall is set to, an alert neither begins nor ends by it, nothing is sent again, and
// what is due comes when the time has passed.
func TestClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour on": time.Hour, "an hour back": -time.Hour, "a day on": 24*time.Hour + 17*time.Second, "minutes back": -7 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			held := alert.Rule{Kind: alert.Spend, Limit: 3, Window: "1h", For: 1200, Repeat: 3600, Resolved: true}
			b.rule("held", held)
			b.rule("now", alert.Rule{Kind: alert.Spend, Limit: 3, Window: "1h", Repeat: 3600, Resolved: true})
			b.rule("silence", alert.Rule{Kind: alert.Silence, Limit: 900, Resolved: true})
			b.rule("latency", alert.Rule{Kind: alert.LatencyP95, Limit: 500, Window: "30m"})
			b.channel("c")
			b.tick()
			for range 3 {
				b.commit()
			}
			b.wait(10 * time.Minute)
			require.ElementsMatch(t, []string{"now +", "latency +"}, b.history())
			before, sent := b.history(), b.sent()
			b.clock.set(jump)
			b.tick()
			b.wait(4 * time.Minute) // 14 minutes are over
			require.Equal(t, before, b.history())
			require.Equal(t, sent, b.sent())
			b.wait(2 * time.Minute) // 16
			require.ElementsMatch(t, []string{"now +", "latency +", "silence +"}, b.history())
			b.wait(5 * time.Minute) // 21
			require.ElementsMatch(t, []string{"now +", "latency +", "silence +", "held +"}, b.history())
			b.wait(12 * time.Minute) // 33
			require.ElementsMatch(t, []string{"now +", "latency", "silence +", "held +"}, b.history())
			b.commit()
			b.tick()
			require.ElementsMatch(t, []string{"now +", "latency", "latency +", "silence", "held +"}, b.history(), "a call starts by the clock as it is set now")
			b.wait(30 * time.Minute) // 63
			require.ElementsMatch(t, []string{"now", "latency", "latency", "silence", "silence +", "held"}, b.history())
		})
	}
}

// TestDaylightSaving: an hour that the clock on the wall skips or repeats changes nothing for durations and windows; a day is
// as long as it is.
func TestDaylightSaving(t *testing.T) {
	for name, at := range map[string]time.Time{
		"autumn": time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), // Berlin repeats 02:00 to 03:00 at 01:00 UTC
		"spring": time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC),  // Berlin skips it
		"usual":  time.Date(2026, 5, 6, 0, 30, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			b := &bed{T: t, dir: t.TempDir(), clock: &handClock{wall: at}}
			b.open()
			t.Cleanup(b.close)
			b.rule("held", alert.Rule{Kind: alert.Spend, Limit: 3, Window: "6h", TimeZone: "Europe/Berlin", For: 3000})
			b.rule("day", alert.Rule{Kind: alert.Spend, Limit: 4, Window: "day", TimeZone: "Europe/Berlin"})
			b.rule("hour", alert.Rule{Kind: alert.Spend, Limit: 3, Window: "1h", TimeZone: "Europe/Berlin"})
			b.rule("silence", alert.Rule{Kind: alert.Silence, Limit: 5400, TimeZone: "Europe/Berlin"})
			b.tick()
			for range 3 {
				b.commit()
			}
			b.wait(49 * time.Minute) // over the change
			require.Equal(t, []string{"hour +"}, b.history())
			b.wait(2 * time.Minute)
			require.ElementsMatch(t, []string{"hour +", "held +"}, b.history())
			b.commit()
			b.tick()
			require.ElementsMatch(t, []string{"hour +", "held +", "day +"}, b.history(), "it is one day")
			b.wait(15 * time.Minute)
			require.ElementsMatch(t, []string{"hour", "held +", "day +"}, b.history())
			b.wait(70 * time.Minute)
			require.NotContains(t, b.history(), "silence +")
			b.wait(10 * time.Minute)
			require.Contains(t, b.history(), "silence +")
		})
	}
}

// TestCalendarBegins: with a new day of the rule's time zone the sum begins again, and late calls of the old one are none of
// the new one's.
func TestCalendarBegins(t *testing.T) {
	b := &bed{T: t, dir: t.TempDir(), clock: &handClock{wall: time.Date(2026, 11, 23, 22, 50, 0, 0, time.UTC)}}
	b.open()
	t.Cleanup(b.close)
	b.rule("day", alert.Rule{Kind: alert.Spend, Limit: 2, Window: "day", TimeZone: "Europe/Berlin"})
	b.tick()
	b.commit()
	b.commit()
	b.tick()
	require.Equal(t, []string{"day +"}, b.history())
	b.wait(11 * time.Minute)
	require.Equal(t, []string{"day"}, b.history())
	for range 2 {
		b.commit(func(c *usage.Call) { c.Start = c.Start.Add(-5 * time.Minute) })
	}
	b.commit()
	b.tick()
	require.Equal(t, []string{"day"}, b.history())
	b.commit()
	b.tick()
	require.Equal(t, []string{"day", "day +"}, b.history())
}
