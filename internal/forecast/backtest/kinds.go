package backtest

import (
	"math"
	"math/rand/v2"
	"time"
)

// Kind is a kind of history.
type Kind struct {
	Name   string
	months []time.Month // in which the month lies; nil: any
	places []string     // time zones; nil: all
	shape  func(s *scene)
}

// History draws one history.
func (k *Kind) History(seed uint64) *History {
	salt := uint64(0)
	for _, b := range []byte(k.Name) {
		salt = salt*31 + uint64(b)
	}
	rng := rand.New(rand.NewPCG(seed, salt))
	months, places := k.months, k.places
	if months == nil {
		for m := time.January; m <= time.December; m++ {
			months = append(months, m)
		}
	}
	if places == nil {
		places = zones
	}
	s := newScene(rng, months, places)
	k.shape(s)
	return s.draw()
}

// Calibration are the kinds that the constants of the forecast were chosen with.
func Calibration() []Kind {
	return []Kind{
		{Name: "steady", shape: func(*scene) {}},
		{Name: "weekends", shape: func(s *scene) { s.office(0.15 * s.rng.Float64()) }},
		{Name: "growth", shape: growth},
		{Name: "step", shape: step},
		{Name: "new users", shape: newUsers},
		{Name: "bursts", shape: bursts},
		{Name: "holidays", shape: holidays},
		{Name: "zero weeks", shape: zeroWeeks},
		{
			Name: "daylight saving", months: []time.Month{time.March, time.April, time.October, time.November},
			places: []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}, shape: func(*scene) {},
		},
	}
}

// growth of up to 12% a week, seldom a decline.
func growth(s *scene) {
	week := -0.03 + 0.15*s.rng.Float64()
	for d := range s.factor {
		s.factor[d] *= math.Exp(week / 7 * float64(d-s.days()))
	}
}

// step: a lasting change on a day, from a half to twice as much; in one of four histories in the month itself.
func step(s *scene) {
	at := s.rng.IntN(s.days())
	change := math.Exp2(2*s.rng.Float64() - 1)
	for d := at; d < s.days(); d++ {
		s.factor[d] *= change
	}
}

// newUsers come one after the other, each with a use of their own, which they take up within a week.
func newUsers(s *scene) {
	use := make([]float64, s.days())
	for d := range use {
		use[d] = 1
	}
	for range 3 + s.rng.IntN(10) {
		at, size := s.rng.IntN(s.days()), 0.2*s.rng.ExpFloat64()*0.6
		for d := at; d < s.days(); d++ {
			use[d] += size * min(1, float64(d-at+1)/7)
		}
	}
	for d := range use {
		s.factor[d] *= use[d]
	}
}

// bursts: on one day of about fifteen the use is two to four times the usual one.
func bursts(s *scene) {
	for d := range s.factor {
		if s.rng.Float64() < 1.0/15 {
			s.factor[d] *= 2 + 2*s.rng.Float64()
		}
	}
}

// holidays: single days, and in one of two histories a row of up to ten, on which next to nothing happens.
func holidays(s *scene) {
	quiet := func(from, days int) {
		for d := from; d < min(from+days, s.days()); d++ {
			s.factor[d] *= 0.05 + 0.2*s.rng.Float64()
		}
	}
	for d := range s.factor {
		if s.rng.Float64() < 1.0/30 {
			quiet(d, 1)
		}
	}
	if s.rng.IntN(2) == 0 {
		quiet(s.rng.IntN(s.days()), 3+s.rng.IntN(8))
	}
}

// zeroWeeks sets once or twice the use of a week or up to ten days to zero.
func zeroWeeks(s *scene) {
	for range 1 + s.rng.IntN(2) {
		from := s.rng.IntN(s.days())
		for d := from; d < min(from+7+s.rng.IntN(4), s.days()); d++ {
			s.factor[d] = 0
		}
	}
}

// Unseen are kinds that no constant was chosen with.
func Unseen() []Kind {
	return []Kind{
		{Name: "drift", shape: func(s *scene) {
			level, size := 0.0, 0.01+0.03*s.rng.Float64()
			for d := range s.factor {
				level += size * s.rng.NormFloat64()
				s.factor[d] *= math.Exp(level)
			}
		}},
		{Name: "persistent noise", shape: func(s *scene) { s.noise, s.persist = 0.15+0.1*s.rng.Float64(), 0.5+0.3*s.rng.Float64() }},
		{Name: "one person", shape: func(s *scene) {
			s.calls, s.noise = 5+20*s.rng.Float64(), 0.6
			for d := range s.factor {
				if s.rng.Float64() < 0.3 {
					s.factor[d] = 0
				}
			}
		}},
		{Name: "Sunday batch", shape: func(s *scene) {
			s.weekday[time.Sunday] = 4
			for h := range s.hour {
				s.hour[h] = 1.0 / 24
			}
		}},
		{Name: "price cut", shape: func(s *scene) { // a cheaper model takes over within two weeks
			at, left := s.rng.IntN(s.days()), 0.4+0.4*s.rng.Float64()
			for d := at; d < s.days(); d++ {
				s.factor[d] *= 1 - (1-left)*min(1, float64(d-at)/14)
			}
		}},
		{Name: "saturating growth", shape: func(s *scene) {
			middle, pace := float64(s.rng.IntN(s.days())), 8+12*s.rng.Float64()
			for d := range s.factor {
				s.factor[d] *= 0.3 + 0.7/(1+math.Exp((middle-float64(d))/pace))
			}
		}},
		{Name: "two-week sprints", shape: func(s *scene) {
			size := 0.1 + 0.3*s.rng.Float64()
			for d := range s.factor {
				s.factor[d] *= 1 + size*math.Sin(2*math.Pi*float64(d)/14)
			}
		}},
		{Name: "Sunday to Thursday", shape: func(s *scene) {
			s.weekday = [7]float64{1, 1.05, 1.1, 1.05, 0.9, 0.2, 0.3}
		}},
		{Name: "leisure", shape: func(s *scene) {
			s.weekday = [7]float64{1.6, 0.8, 0.8, 0.8, 0.9, 1.2, 1.7}
		}},
	}
}
