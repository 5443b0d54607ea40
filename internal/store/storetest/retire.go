package storetest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// spent returns what Retired visits, added up by fingerprint: retired sums, and of records that start before a time.
func (s *opened) spent(before time.Time) map[string]store.Spent {
	out := map[string]store.Spent{}
	add := func(p store.Spent) {
		sum := out[p.Fingerprint]
		out[p.Fingerprint] = store.Spent{
			Fingerprint: p.Fingerprint, Start: p.Start, Calls: sum.Calls + p.Calls, Tokens: usage.AddSat(sum.Tokens, p.Tokens), Cost: sum.Cost.Add(p.Cost),
		}
	}
	require.NoError(s.t, s.Retired(ctx, before, func(p store.Spent) error {
		add(p)
		return nil
	}, func(r *store.Record) error {
		require.True(s.t, r.Counted && r.Start.Before(before))
		add(store.Spent{Fingerprint: "", Calls: 1, Tokens: r.Tokens.Total(), Cost: r.Cost})
		return nil
	}))
	return out
}

// testRetire: records go oldest first up to a bound, the watermark only rises, and what was spent is kept of stored keys
// and of all, by start, until it is put together.
func testRetire(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 20 {
		s.put(record(i+1, start.Add(time.Duration(i)*time.Minute)))
	}
	superseded := record(50, start)
	superseded.Counted, superseded.Reason = false, store.ReasonEcho
	s.put(superseded)
	require.NoError(t, s.AddKeys(ctx, 9, []store.Key{
		{ID: "1", Name: "a", Fingerprint: "fp", CreatedAt: start, Older: []store.Secret{{Fingerprint: "older"}}},
	}, audited))
	require.Equal(t, map[string]store.Spent{"": {Calls: 10, Tokens: 55}}, s.spent(start.Add(10*time.Minute)), "what counts and is about to go")
	retire := func(before, floor time.Duration, spent ...store.Spent) {
		t.Helper()
		require.NoError(t, s.Retire(ctx, store.Retirement{
			ID: store.NewWriteID(), Before: store.Ref{Start: start.Add(before)}, Watermark: start.Add(floor), Spent: spent,
		}))
	}
	one := store.Spent{Fingerprint: "fp", Start: start, Calls: 1, Tokens: 2, Cost: 3}
	external, older, everything, next := one, one, one, one
	external.Fingerprint, older.Fingerprint, everything.Fingerprint, next.Start = "external", "older", "", start.Add(15*time.Minute)
	retire(5*time.Minute, 10*time.Minute, one, external, older, everything)
	retire(6*time.Minute, 8*time.Minute, one, next)
	for range 2 {
		require.Len(t, s.scan(all), 14)
		info, err := s.Info(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 14, info.Records)
		require.True(t, info.Watermark.Equal(start.Add(10*time.Minute)))
		require.True(t, info.Oldest.Equal(start.Add(6*time.Minute)))
		require.Equal(t, map[string]store.Spent{
			"": everything, "older": older, "fp": {Fingerprint: "fp", Start: next.Start, Calls: 3, Tokens: 6, Cost: 9},
		}, s.spent(time.Time{}))
		s.restart()
	}
	together := start.Add(20 * time.Minute) // of those that start together, the ones with smaller ids go
	s.put(record(1, together), record(2, together), record(3, together))
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), Before: store.Ref{ID: record(2, together).ID, Start: together}}))
	require.Equal(t, []store.Record{record(2, together), record(3, together)}, s.scan(all))
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), JoinBefore: start.Add(time.Minute)}))
	starts := map[time.Time]int64{}
	require.NoError(t, s.Retired(ctx, time.Time{}, func(p store.Spent) error {
		if p.Fingerprint == "fp" {
			starts[p.Start] += p.Calls
		}
		return nil
	}, nil))
	require.Equal(t, map[time.Time]int64{{}: 2, next.Start: 1}, starts)
}

// testSaturation: what removed records spent stays at the end of 63 bits.
func testSaturation(t *testing.T, open Open) {
	s := fresh(t, open)
	for range 3 {
		require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), Spent: []store.Spent{
			{Start: start, Calls: 1, Tokens: math.MaxInt64 / 2, Cost: 7}, {Start: start.Add(time.Hour), Calls: 1, Tokens: math.MaxInt64 - 1, Cost: math.MaxInt64},
		}}))
	}
	sums := func() (out []store.Spent) {
		require.NoError(t, s.Retired(ctx, time.Time{}, func(p store.Spent) error {
			out = append(out, p)
			return nil
		}, nil))
		return out
	}
	require.ElementsMatch(t, []store.Spent{
		{Start: start, Calls: 3, Tokens: math.MaxInt64, Cost: 21}, {Start: start.Add(time.Hour), Calls: 3, Tokens: math.MaxInt64, Cost: math.MaxInt64},
	}, sums())
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), JoinBefore: start.AddDate(1, 0, 0)}))
	require.Equal(t, []store.Spent{{Calls: 6, Tokens: math.MaxInt64, Cost: math.MaxInt64}}, sums())
}
