package forecast

import "math"

// The band is the forecast of what is still to come, divided and multiplied by exp(width · error), where error is the
// usual size of the logarithm of (what came / what was forecast), over as many days as are still to come. It is measured
// on the same history (measured) and mixed with a prior that weighs as much as priorWeight measurements which do not
// overlap. The constants were chosen with the calibration set of internal/forecast/backtest, and with nothing else.
const (
	width         = 1.1 // for 80 of 100; it would be 1.28 if errors were distributed normally, but theirs has heavier tails
	priorWeight   = 1.2
	priorBase     = 0.005 // error that no amount of days averages out
	priorLevel    = 0.12  // part of a day's error that lasts: of the level
	priorGrowth   = 0.007 // per day ahead: levels change
	priorShort    = 0.4   // divided by the root of the number of complete days: a level and a trend hardly known
	priorWeekdays = 0.45  // where weekdays were not seen yet: a weekend may have as much as other days, or nothing
	priorDay      = 0.5   // error of one day, where none was measured
	maxError      = 1.5   // of one measurement: a day without any use has no logarithm
	origins       = 28    // at how many earlier days the method is asked
)

// errorOf returns the usual error of a forecast for the rest of today and a number of days after it.
func (f *fitted) errorOf(days int) float64 {
	n := float64(max(f.dates.complete(), 1))
	day := math.Sqrt((f.model.scatter*f.model.scatter*n + priorDay*priorDay) / (n + 1))
	ahead := float64(days) + 1 - f.clock/hoursOfDay
	growth := priorGrowth * math.Sqrt(ahead)
	short := priorShort / math.Sqrt(n)
	if n < daysOfWeek && days > 0 {
		short += priorWeekdays
	}
	prior := priorBase*priorBase + day*day*(1/max(ahead, 1)+priorLevel*priorLevel) + growth*growth + short*short
	measured, m := f.measured(days)
	return math.Sqrt((prior*priorWeight + measured*measured*m) / (priorWeight + m))
}

// measured returns the root of the mean square of the errors that the method would have made on earlier days, and how
// many forecasts that do not overlap they are worth.
func (f *fitted) measured(days int) (size, n float64) {
	today := f.dates.complete()
	squares, count := 0.0, 0
	for _, o := range f.earlier {
		if o.day+days >= today {
			continue
		}
		forecast := f.restOfDay(&o.model, o.day)
		actual := f.series.total[o.day] - f.series.before(o.day, f.clock)
		for ahead := 1; ahead <= days; ahead++ {
			forecast += o.model.day(ahead+1, f.dates.weekday[o.day+ahead])
			actual += f.series.total[o.day+ahead]
		}
		if forecast <= 0 {
			continue
		}
		e := min(math.Abs(math.Log(max(actual, tiny)/forecast)), maxError)
		squares += e * e
		count++
	}
	if count == 0 {
		return 0, 0
	}
	n = max(1, float64(count*f.spacing)/float64(days+1))
	return math.Sqrt(squares / float64(count)), min(n, float64(count))
}

// origin is an earlier day on which the method is asked, with what was known at its beginning.
type origin struct {
	day   int
	model model
}
