package backtest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/racetest"
)

// TestLimits: with seeds and kinds of histories that no constant was chosen with, the median error of a month's total,
// forecast on its tenth day, is below 5%, and the band holds in 75 to 85 of 100 months.
func TestLimits(t *testing.T) {
	racetest.Single(t)
	for _, set := range Sets() {
		t.Run(set.Name, func(t *testing.T) {
			const each = 60
			_, all, err := Run(set.Kinds, set.Seed, each, OfMonth(10))
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(all), 200)
			s := Summarise(all)
			t.Logf("%d histories: median error %.1f%%, mean %.1f%%, in the band %.1f%%", s.Histories, 100*s.MedianError, 100*s.MeanError, 100*s.Coverage)
			require.Less(t, s.MedianError, 0.05)
			require.GreaterOrEqual(t, s.Coverage, 0.75)
			require.LessOrEqual(t, s.Coverage, 0.85)
		})
	}
}

// TestNoFuture: what comes after the moment of the question does not change the answer.
func TestNoFuture(t *testing.T) {
	for _, set := range Sets() {
		for i := range set.Kinds {
			h := set.Kinds[i].History(7)
			q := OfMonth(10)
			before, asked, err := h.Ask(q)
			require.NoError(t, err)
			require.True(t, asked)
			total := h.total(h.Month)
			now := h.Month.From.In(h.Zone).AddDate(0, 0, 9).Add(12 * time.Hour)
			for j := range h.Hours {
				if !h.Hours[j].Start.Before(now) {
					h.Hours[j].Cost *= 3
				}
			}
			after, _, err := h.Ask(q)
			require.NoError(t, err)
			changed := h.total(h.Month)
			require.Greater(t, changed, total)
			require.InDelta(t, before.Error*float64(total)+float64(total), after.Error*float64(changed)+float64(changed), 1e-6*float64(total), set.Kinds[i].Name)
		}
	}
}

// TestSeeds: the same seed gives the same history, another one another.
func TestSeeds(t *testing.T) {
	for _, set := range Sets() {
		for i := range set.Kinds {
			k := &set.Kinds[i]
			require.Equal(t, k.History(1), k.History(1), k.Name)
			require.NotEqual(t, k.History(1), k.History(2), k.Name)
		}
	}
}

// TestHistories: a history is in order, begins at least 20 days before its month, and ends with it.
func TestHistories(t *testing.T) {
	racetest.Single(t)
	for _, set := range Sets() {
		for i := range set.Kinds {
			for seed := range uint64(5) {
				h := set.Kinds[i].History(seed)
				for j := range h.Hours {
					require.Positive(t, h.Hours[j].Cost)
					if j > 0 {
						require.True(t, h.Hours[j-1].Start.Before(h.Hours[j].Start))
					}
				}
				require.True(t, h.Hours[len(h.Hours)-1].Start.Before(h.Month.To))
				require.Equal(t, forecast.Month(h.Month.From.In(h.Zone), 1), h.Month)
			}
		}
	}
	clocks := map[int]bool{}
	for seed := range uint64(20) {
		for _, k := range Calibration() {
			if k.Name == "daylight saving" {
				h := k.History(seed)
				days := int(math.Round(h.Month.To.Sub(h.Month.From).Hours() / 24))
				clocks[int(h.Month.To.Sub(h.Month.From).Minutes())-days*24*60] = true
			}
		}
	}
	require.Contains(t, clocks, 60)
	require.Contains(t, clocks, -60)
}

// TestSummarise: the figures of three outcomes, by hand.
func TestSummarise(t *testing.T) {
	s := Summarise([]Outcome{{Error: -0.1, Width: 0.2, Held: true}, {Error: 0.4, Width: 0.1}, {Error: 0.3, Width: 0.6, Held: true}})
	require.Equal(t, 3, s.Histories)
	require.InDelta(t, 0.3, s.MedianError, 1e-9)
	require.InDelta(t, 0.8/3, s.MeanError, 1e-9)
	require.InDelta(t, 0.2, s.Bias, 1e-9)
	require.InDelta(t, 0.4, s.P90Error, 1e-9)
	require.InDelta(t, 2.0/3, s.Coverage, 1e-9)
	require.InDelta(t, 0.2, s.MedianWidth, 1e-9)
	require.Equal(t, Summary{}, Summarise(nil))
}

// TestKnown: with three days of history only these are used, and with two there is no answer.
func TestKnown(t *testing.T) {
	k := Calibration()[0]
	q := OfMonth(10)
	q.Known = 2
	_, asked, err := k.History(1).Ask(q)
	require.NoError(t, err)
	require.False(t, asked)
	q.Known = 3
	short, asked, err := k.History(1).Ask(q)
	require.NoError(t, err)
	require.True(t, asked)
	all, _, err := k.History(1).Ask(OfMonth(10))
	require.NoError(t, err)
	require.Greater(t, short.Width, 2*all.Width)
}
