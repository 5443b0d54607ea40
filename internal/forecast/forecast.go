package forecast

import (
	"fmt"
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Input is the input of a forecast.
type Input struct {
	Hours []Hour         // in any order; those after Now or more than historyDays before it are used by Period's sum only
	Since time.Time      // since when calls are recorded; zero: since the first of Hours
	Now   time.Time      // what is after it is estimated
	Zone  *time.Location // whose days, weekdays and hours of the day count; nil: UTC
}

// MinDays is how many complete days of history a forecast needs.
const MinDays = 3

// ShortHistoryError reports that there is not enough history for any forecast.
type ShortHistoryError struct {
	Days   int       // complete days that are there
	Enough time.Time // when there will be MinDays; zero where nothing is recorded yet
}

// Error says how much history is there, and when it is enough.
func (e *ShortHistoryError) Error() string {
	if e.Enough.IsZero() {
		return fmt.Sprintf("not enough history: nothing is recorded yet; a forecast needs %d complete days", MinDays)
	}
	return fmt.Sprintf("not enough history: %d complete days are recorded and a forecast needs %d; they are there at %s",
		e.Days, MinDays, e.Enough.Format(time.RFC3339))
}

// Forecaster answers questions about one history at one moment. It is not for concurrent use.
type Forecaster struct {
	in     Input
	dates  dates
	fitted [measures]*fitted
}

// New returns a forecaster, or a *ShortHistoryError.
func New(in Input) (*Forecaster, error) {
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	in.Now = in.Now.In(in.Zone)
	if in.Since.IsZero() {
		for i := range in.Hours {
			if start := in.Hours[i].Start; in.Since.IsZero() || start.Before(in.Since) {
				in.Since = start
			}
		}
	}
	if in.Since.IsZero() || !in.Since.Before(in.Now) {
		return nil, &ShortHistoryError{}
	}
	f := &Forecaster{in: in, dates: datesUntil(in.Now, in.Since)}
	if days := f.dates.complete(); days < MinDays {
		return nil, &ShortHistoryError{Days: days, Enough: enough(in.Since.In(in.Zone))}
	}
	return f, nil
}

// enough returns when MinDays days are complete.
func enough(since time.Time) time.Time {
	first := calendar.Midnight(since, 0)
	if first.Before(since) {
		return calendar.Midnight(since, MinDays+1)
	}
	return calendar.Midnight(since, MinDays)
}

// Days is the number of complete days that the forecasts are based on.
func (f *Forecaster) Days() int { return f.dates.complete() }

// Estimate is a figure that is known in part, in nano-dollars or tokens. The band from Low to High is meant to hold in
// 80 of 100 cases.
type Estimate struct {
	Actual   int64 // of the period until now, exact
	Expected int64 // of the whole period
	Low      int64 // not below Actual
	High     int64
}

// Period estimates the sum of a measure over a period that contains Now, or lies before it. A period that begins after
// Now is estimated as a whole. Its end is at most maxAhead days away: later days are not counted.
func (f *Forecaster) Period(m Measure, p Period) Estimate {
	e := Estimate{Actual: f.sum(m, p)}
	e.Expected, e.Low, e.High = e.Actual, e.Actual, e.Actual
	if !p.To.After(f.in.Now) {
		return e
	}
	from := f.in.Now
	if p.From.After(from) {
		from = p.From
	}
	fit := f.of(m)
	rest, days := fit.between(f.in.Now, from, p.To)
	reach := math.Exp(width * fit.errorOf(days))
	e.Expected = usage.AddSat(e.Actual, rounded(rest))
	e.Low = usage.AddSat(e.Actual, rounded(rest/reach))
	e.High = usage.AddSat(e.Actual, rounded(rest*reach))
	return e
}

// sum adds up the hours that start in a period, saturated, up to now.
func (f *Forecaster) sum(m Measure, p Period) int64 {
	var sum int64
	for i := range f.in.Hours {
		if h := &f.in.Hours[i]; !h.Start.Before(p.From) && h.Start.Before(p.To) && !h.Start.After(f.in.Now) {
			sum = usage.AddSat(sum, h.of(m))
		}
	}
	return sum
}

// rounded returns a whole figure, saturated.
func rounded(v float64) int64 {
	if v >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(math.Round(max(v, 0)))
}

// fitted is the state of the forecast of one measure.
type fitted struct {
	dates   *dates
	series  *series
	shares  [daysOfWeek][hoursOfDay]float64
	model   model
	clock   float64 // time of day of now, in hours
	today   float64 // ratio of today to its value in the model
	earlier []origin
	spacing int // days between the origins
}

// of fits a measure when it is asked for first.
func (f *Forecaster) of(m Measure) *fitted {
	if f.fitted[m] != nil {
		return f.fitted[m]
	}
	d := &f.dates
	x := &fitted{dates: d, series: d.calendarOf(f.in.Hours, m, f.in.Now), clock: clockOf(f.in.Now)}
	n := d.complete()
	x.shares = hourShares(x.series, d)
	x.model = fit(x.series.total[:n], d.weekday[:n])
	x.today = x.pace(&x.model, n)
	const fewest = 7 // days before the first origin
	x.spacing = max(1, (n-fewest+origins-1)/origins)
	for at := n - 1; at >= fewest; at -= x.spacing {
		x.earlier = append(x.earlier, origin{at, fit(x.series.total[:at], d.weekday[:at])})
	}
	f.fitted[m] = x
	return x
}

// restOfDay estimates the usage of a day after the current time of day; m is the model of the day before.
func (f *fitted) restOfDay(m *model, day int) float64 {
	w := f.dates.weekday[day]
	return m.day(1, w) * (1 - f.shareBefore(w, f.clock)) * f.pace(m, day)
}

// pace returns the ratio of a day to its value in the model, estimated from its hours before the current time of day.
// The less of the day is over, the less weight its pace has for the rest.
func (f *fitted) pace(m *model, day int) float64 {
	const believed, most = 0.6, 4.0
	w := f.dates.weekday[day]
	share := f.shareBefore(w, f.clock)
	usual := m.day(1, w) * share
	if usual <= 0 {
		return 1
	}
	return 1 + believed*share*(min(f.series.before(day, f.clock)/usual, most)-1)
}

// shareBefore returns the share of a weekday that usually lies before a time of day.
func (f *fitted) shareBefore(w time.Weekday, clock float64) float64 {
	sum := 0.0
	for h, share := range f.shares[w] {
		sum += share * min(max(clock-float64(h), 0), 1)
	}
	return sum
}

// maxAhead is how many days ahead is looked at most: a budget without period that lasts longer is not used up.
const maxAhead = 400

// between estimates the sum from one time to another, neither of them before now, and reports how many days after today
// it touches.
func (f *fitted) between(now, from, to time.Time) (sum float64, days int) {
	f.walk(now, to, func(begin, _ time.Time, value float64) bool {
		if !begin.Before(from) {
			sum += value
		}
		return true
	})
	for day := calendar.Midnight(now, 1); day.Before(to) && days < maxAhead; day = calendar.Midnight(day, 1) {
		days++
	}
	return sum, days
}

// walk estimates each hour, or part of one, from now to an end, until visit returns false. Hours that the clock skips do
// not come, those that it repeats come twice.
func (f *fitted) walk(now, end time.Time, visit func(begin, end time.Time, value float64) bool) {
	midnight, ahead := calendar.Midnight(now, 1), 1
	value := f.model.day(1, now.Weekday()) * f.today
	if last := calendar.Midnight(now, maxAhead); end.After(last) {
		end = last
	}
	for t := now; t.Before(end); {
		if !t.Before(midnight) {
			ahead++
			midnight = calendar.Midnight(t, 1)
			value = f.model.day(ahead, t.Weekday())
		}
		next := t.Add(time.Hour - sinceHour(t))
		if next.After(midnight) {
			next = midnight
		}
		if next.After(end) {
			next = end
		}
		share := f.shares[t.Weekday()][t.Hour()] * next.Sub(t).Hours()
		if !visit(t, next, value*share) {
			return
		}
		t = next
	}
}

// sinceHour returns the time since the hour on the wall began.
func sinceHour(t time.Time) time.Duration {
	_, m, s := t.Clock()
	return time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}
