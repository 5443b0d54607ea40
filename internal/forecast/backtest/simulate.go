// Package backtest measures how good the forecasts of internal/forecast are, on simulated histories whose end is known.
// The same seed gives the same histories. There are two lists of kinds: the constants of the forecast were chosen with
// Calibration; Unseen is for checking only.
package backtest

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// History is a simulated one: all hours from its beginning to the end of the month that is to be forecast.
type History struct {
	Hours []forecast.Hour
	Month forecast.Period
	Zone  *time.Location
}

// total returns the exact cost of a period.
func (h *History) total(p forecast.Period) int64 {
	var sum int64
	for i := range h.Hours {
		if start := h.Hours[i].Start; !start.Before(p.From) && start.Before(p.To) {
			sum += int64(h.Hours[i].Cost)
		}
	}
	return sum
}

// scene has the parameters that a history is drawn from. Kinds change it.
type scene struct {
	rng     *rand.Rand
	zone    *time.Location
	month   forecast.Period
	begin   []time.Time // of the days, and of the day after the last
	factor  []float64   // of each day, 1 unless its kind says otherwise
	weekday [7]float64  // Sunday first
	hour    [24]float64 // shares of the hours of a day
	daily   float64     // nano-USD of a day whose factors are 1
	calls   float64     // of such a day
	noise   float64     // standard deviation of the logarithm of a day
	persist float64     // correlation of a day's noise with that of the day before
}

// zones: with and without daylight saving, with offsets that are no whole hours.
var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Asia/Kolkata", "Australia/Lord_Howe"}

// newScene returns a scene with random values of the properties that all kinds have: the time zone, the cost and calls
// of a day, the noise, the days before the month.
func newScene(rng *rand.Rand, months []time.Month, places []string) *scene {
	zone, err := time.LoadLocation(places[rng.IntN(len(places))])
	if err != nil {
		zone = time.UTC
	}
	month := months[rng.IntN(len(months))]
	s := &scene{rng: rng, zone: zone}
	s.month = forecast.Month(time.Date(2022+rng.IntN(5), month, 1, 12, 0, 0, 0, zone), 1)
	const shortest, longest = 20, 150
	for day := calendar.Midnight(s.month.From, -(shortest + rng.IntN(longest-shortest))); day.Before(s.month.To); day = calendar.Midnight(day, 1) {
		s.begin, s.factor = append(s.begin, day), append(s.factor, 1)
	}
	s.begin = append(s.begin, s.month.To)
	s.daily = 1e9 * math.Exp(rng.Float64()*8) // from 1 USD to 3,000 USD
	s.calls = math.Exp(5 + rng.Float64()*5)   // from 150 to 22,000
	s.noise = 0.04 + 0.26*rng.Float64()*rng.Float64()
	s.office(0.1 + 0.8*rng.Float64())
	return s
}

// office makes people who work by day, and who do a part of that on weekends.
func (s *scene) office(weekend float64) {
	s.weekday = [7]float64{weekend, 1, 1.05, 1.1, 1.05, 0.9, weekend}
	level := 0.1 + 0.6*s.rng.Float64() // machines at all times
	total := 0.0
	for h := range s.hour {
		morning, afternoon := float64(h)-10.5, float64(h)-15.5
		s.hour[h] = level + math.Exp(-morning*morning/6) + 0.9*math.Exp(-afternoon*afternoon/7)
		total += s.hour[h]
	}
	for h := range s.hour {
		s.hour[h] /= total
	}
}

// days is the number of days.
func (s *scene) days() int { return len(s.factor) }

// draw makes the hours.
func (s *scene) draw() *History {
	h := &History{Month: s.month, Zone: s.zone}
	deviation, cost := 0.0, s.daily/s.calls
	for d, factor := range s.factor {
		deviation = s.persist*deviation + math.Sqrt(1-s.persist*s.persist)*s.noise*s.rng.NormFloat64()
		level := factor * math.Exp(deviation-s.noise*s.noise/2)
		for t := s.begin[d]; t.Before(s.begin[d+1]); t = t.Add(time.Hour) {
			local := t.In(s.zone)
			calls := s.poisson(level * s.calls * s.weekday[local.Weekday()] * s.hour[local.Hour()])
			if calls == 0 {
				continue
			}
			// The costs of single calls scatter as much as they are large: of n calls, by one part in the root of n.
			each := cost * max(0.05, 1+s.rng.NormFloat64()/math.Sqrt(calls))
			h.Hours = append(h.Hours, forecast.Hour{Start: t, Cost: usage.NanoUSD(calls * each), Tokens: int64(calls * 2000)})
		}
	}
	return h
}

// poisson draws a number of events.
func (s *scene) poisson(mean float64) float64 {
	const many = 50
	if mean > many {
		return max(0, math.Round(mean+math.Sqrt(mean)*s.rng.NormFloat64()))
	}
	n, p := 0.0, s.rng.Float64()
	for limit := math.Exp(-mean); p > limit; p *= s.rng.Float64() {
		n++
	}
	return n
}
