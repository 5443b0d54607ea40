package mcptools

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadTime(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	now := time.Date(2026, 11, 3, 13, 20, 42, 7, zone)
	for text, want := range map[string]string{
		"2026-11-24T12:00:00Z": "2026-11-24T12:00:00Z", "2026-11-24T12:00:00.5+02:00": "2026-11-24T10:00:00.5Z", "2026-11-24": "2026-11-24T05:00:00Z",
		"90m": "2026-11-03T16:50:00Z", "24h": "2026-11-02T18:20:00Z", "1d": "2026-11-02T18:20:00Z",
		"7d": "2026-10-27T17:20:00Z", // the same hour of the clock, before the change of the hour
		"1w": "2026-10-27T17:20:00Z",
	} {
		got, err := readTime(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got.UTC().Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{"yesterday", "0d", "-1d", "1y", "7 d", "2026-13-01", "1000000d", strings.Repeat("9", 300)} {
		_, err := readTime(text, now)
		require.Error(t, err, text)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestValues(t *testing.T) {
	c := &caller{location: time.UTC}
	now := time.Date(2026, 11, 3, 18, 20, 0, 0, time.UTC)
	q, err := (&filters{From: "1d", Model: []string{"a&b=c", "d"}, Status: []string{"429"}}).values(now, c)
	require.NoError(t, err)
	require.Equal(t, url.Values{"from": {"2026-11-02T18:20:00Z"}, "model": {"a&b=c", "d"}, "status": {"429"}}, q)
	require.Equal(t, "from=2026-11-02T18%3A20%3A00Z&model=a%26b%3Dc&model=d&status=429", q.Encode(), "a name is no parameter")
	for _, bad := range []filters{{TimeZone: "Local"}, {TimeZone: "../../etc/passwd"}, {To: "x"}} {
		_, err := bad.values(now, c)
		require.Error(t, err)
	}
}

func TestQualityWords(t *testing.T) {
	for want, c := range map[string]counts{
		"Every call": {Calls: 3}, "At least: 1 of 3 calls reported no token figures": {Calls: 3, NoUsage: 1},
		"At least: the price of 2 of 3": {Calls: 3, Unpriced: 2}, "and the price of 2 is not known": {Calls: 3, NoUsage: 1, Unpriced: 2},
	} {
		q := c.quality()
		require.Contains(t, q.Note, want)
		require.Equal(t, want == "Every call", q.Complete)
	}
}
