package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestForecast: on the traffic of the demo, the total of a month is forecast on its tenth day with a median error below 5%.
// Each history is one of a demo that was started on another day of the month or after it, so that its incidents, the
// model that came lately and the trial key lie elsewhere.
func TestForecast(t *testing.T) {
	racetest.Single(t)
	book, err := pricing.Default()
	require.NoError(t, err)
	const histories = 16
	var errs []float64
	held := 0
	for seed := range uint64(histories) {
		month := forecast.Month(time.Date(2026, time.Month(1+seed%12), 1, 0, 0, 0, 0, time.UTC), 1)
		start := month.From.AddDate(0, 0, int(4*seed))
		hours := demoHours(t, newCompany(start), book, seed, month.From.AddDate(0, 0, -80), month.To)
		total, known := int64(0), []forecast.Hour{}
		now := month.From.AddDate(0, 0, 9).Add(12 * time.Hour)
		for _, h := range hours {
			if h.Start.Before(now) {
				known = append(known, h)
			}
			if !h.Start.Before(month.From) {
				total += int64(h.Cost)
			}
		}
		f, err := forecast.New(forecast.Input{Hours: known, Now: now})
		require.NoError(t, err)
		e := f.Period(forecast.Cost, month)
		require.Positive(t, total)
		off := float64(e.Expected-total) / float64(total)
		t.Logf("%s, demo started %s: %+.1f%%", month.From.Format("2006-01"), start.Format(time.DateOnly), 100*off)
		errs = append(errs, math.Abs(off))
		if e.Low <= total && total <= e.High {
			held++
		}
	}
	slices.Sort(errs)
	median := (errs[histories/2-1] + errs[histories/2]) / 2
	t.Logf("median error %.1f%%, largest %.1f%%; %d of %d in the band", 100*median, 100*errs[histories-1], held, histories)
	require.Less(t, median, 0.05)
	require.GreaterOrEqual(t, held, histories/2)
}

// demoHours draws the traffic of the demo as backfill does, one of three calls, and sums it by hour.
func demoHours(t *testing.T, c *company, book *pricing.Book, seed uint64, from, to time.Time) []forecast.Hour {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 90))
	var hours []forecast.Hour
	for at := from; at.Before(to); at = at.Add(quarter) {
		if at.Minute() == 0 {
			hours = append(hours, forecast.Hour{Start: at})
		}
		h := &hours[len(hours)-1]
		for range int(busy(at)*(0.7+0.6*rng.Float64())/3 + 0.5) {
			x, calls := c.draw(rng, at.Add(time.Duration(rng.Int64N(int64(quarter)))))
			if !calls || x.silent || x.status != 200 {
				continue
			}
			call := usage.Call{Provider: x.model.provider, Model: x.model.name, Start: x.at, Tokens: usage.Tokens{
				Fields:        usage.HasInput | usage.HasOutput,
				InputUncached: x.input - x.read - x.write, CacheRead: x.read, CacheWrite: x.write, OutputText: x.output - x.reasoning, Reasoning: x.reasoning,
			}}
			if cost, priced := book.Price(&call); priced {
				h.Cost += cost
			}
			h.Tokens += call.Tokens.Total()
		}
	}
	return hours
}
