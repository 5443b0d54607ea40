package forecast

import (
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Budget is a limit on a measure, in its unit.
type Budget struct {
	Measure Measure
	Limit   int64
	Used    int64
	Resets  time.Time // when Used becomes zero; zero: never
}

// Exhaustion says when a budget will be used up. A zero time means: not before it is reset or, for a budget that is not
// reset, not in the next 400 days.
type Exhaustion struct {
	Now      bool      // it is used up already; the times are zero
	Expected time.Time // with what is expected
	Earliest time.Time // with the upper end of the band; the budget is used up before it in about 10 of 100 cases
	Latest   time.Time // with the lower end
}

// Exhaustion estimates when a budget will be used up, to a second.
func (f *Forecaster) Exhaustion(b Budget) Exhaustion {
	if b.Used >= b.Limit {
		return Exhaustion{Now: true}
	}
	now := f.in.Now
	end := b.Resets
	if end.IsZero() {
		end = calendar.Midnight(now, maxAhead)
	}
	fit := f.of(b.Measure)
	left := float64(usage.SubSat(b.Limit, max(b.Used, 0)))
	var out Exhaustion
	sum, days, day, reach := 0.0, 0, calendar.Midnight(now, 1), math.Exp(width*fit.errorOf(0))
	fit.walk(now, end, func(begin, until time.Time, value float64) bool {
		if !begin.Before(day) {
			days++
			day = calendar.Midnight(begin, 1)
			reach = math.Exp(width * fit.errorOf(days))
		}
		for _, x := range []struct {
			at     *time.Time
			factor float64
		}{{&out.Expected, 1}, {&out.Earliest, reach}, {&out.Latest, 1 / reach}} {
			if x.at.IsZero() && (sum+value)*x.factor >= left {
				part := 0.0
				if value > 0 {
					part = min(max((left/x.factor-sum)/value, 0), 1)
				}
				*x.at = begin.Add(time.Duration(part * float64(until.Sub(begin)))).Truncate(time.Second)
			}
		}
		sum += value
		return out.Latest.IsZero()
	})
	return out
}
