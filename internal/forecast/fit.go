package forecast

import (
	"math"
	"slices"
	"time"
)

const fitDays = 56 // complete days that a model is fitted to at most: eight weeks

// model describes a usual day, as known at one time.
type model struct {
	weekday [daysOfWeek]float64 // factor of a weekday, relative to an average day; their mean is 1
	level   float64             // of a day whose factor is 1, at the end of the last complete day
	slope   float64             // change of the logarithm of the level, per day
	scatter float64             // standard deviation of the days, relative to a usual day
	unusual float64             // mean of the days, relative to a usual day: about 1
}

// day returns what is expected of a day; ahead is 1 for the day after the last complete one.
func (m *model) day(ahead int, w time.Weekday) float64 {
	return m.level * m.unusual * math.Exp(m.slope*faded(ahead)) * m.weekday[w]
}

// fade is how much of a trend is left a day later: a trend is not expected to last.
const fade = 0.98

func faded(days int) float64 { return fade * (1 - math.Pow(fade, float64(days))) / (1 - fade) }

// fit fits a model to complete days, of which the last fitDays are used.
func fit(totals []float64, weekdays []time.Weekday) model {
	from := max(0, len(totals)-fitDays)
	totals, weekdays = totals[from:], weekdays[from:]
	m := model{weekday: weekdayFactors(totals, weekdays), unusual: 1}
	all := m.adjusted(totals, weekdays)
	if sparse(all) {
		m.level = meanOf(all)
		m.scatter = scatter(all, func(*day) float64 { return m.level })
		return m
	}
	usual := withoutPauses(all)
	last := sinceStep(usual)
	m.slope = trend(last)
	m.level = levelOf(last, m.slope)
	before := levelOf(usual[:len(usual)-len(last)], 0)
	fitted := func(d *day) float64 {
		if d.age > last[0].age {
			return before
		}
		return m.level * math.Exp(-m.slope*float64(d.age))
	}
	m.unusual = unusual(all, fitted)
	m.scatter = scatter(all, fitted)
	return m
}

// A pause is a row of days that have less than quiet of what is usual: a holiday, a closed office. It says nothing about
// the level, unless it has lasted longer than maxPause days, counted from the last day.
const (
	quiet    = 0.4
	maxPause = 14
)

func withoutPauses(days []day) []day {
	values := make([]float64, len(days))
	for i := range days {
		values[i] = days[i].value
	}
	least := quiet * median(values)
	if len(days) > 0 {
		for i := len(days) - 1; i >= 0 && days[i].value < least; i-- {
			if days[i].age >= maxPause {
				return days
			}
		}
	}
	out := make([]day, 0, len(days))
	for i := range days {
		if days[i].value >= least {
			out = append(out, days[i])
		}
	}
	return out
}

// scatter returns the root mean square of the relative differences between days and their values in the model.
func scatter(days []day, fitted func(*day) float64) float64 {
	const most = 5.0
	squares, weight := 0.0, tiny
	for i := range days {
		if usual := fitted(&days[i]); usual > 0 {
			e := min(days[i].value/usual, most) - 1
			squares, weight = squares+days[i].weight*e*e, weight+days[i].weight
		}
	}
	return math.Sqrt(squares / weight)
}

// day is a complete day, adjusted for its weekday.
type day struct {
	age    int // 0: the last one
	value  float64
	log    float64 // of value
	weight float64
}

const tiny = 1e-9

// adjusted divides days by the factors of their weekdays. Weekdays on which next to nothing happens say nothing about
// the level and are left out.
func (m *model) adjusted(totals []float64, weekdays []time.Weekday) []day {
	const least = 0.25
	out := make([]day, 0, len(totals))
	values := make([]float64, 0, len(totals))
	for i, total := range totals {
		f := m.weekday[weekdays[i]]
		if f < least {
			continue
		}
		x := day{age: len(totals) - 1 - i, value: total / f, weight: min(f, 1)}
		out, values = append(out, x), append(values, x.value)
	}
	const smallest = 0.02 // of the median: a day without calls has no logarithm
	floor := max(smallest*median(values), tiny)
	for i := range out {
		out[i].log = math.Log(max(out[i].value, floor))
	}
	return out
}

// sparse says whether days without any use are so many that medians say nothing.
func sparse(days []day) bool {
	const share = 0.4
	zero := 0
	for i := range days {
		if days[i].value <= 0 {
			zero++
		}
	}
	return float64(zero) > share*float64(len(days))
}

// meanOf returns the mean of days, in which later days count more.
func meanOf(days []day) float64 {
	const life = 2 * halfLife
	sum, weight := 0.0, tiny
	for i := range days {
		w := days[i].weight * math.Exp2(-float64(days[i].age)/life)
		sum, weight = sum+w*days[i].value, weight+w
	}
	return sum / weight
}

// weekdayFactors returns the usual ratio of each weekday to an average day: the median, over the weeks, of the day's
// share of the seven days around it.
func weekdayFactors(totals []float64, weekdays []time.Weekday) [daysOfWeek]float64 {
	var ratios [daysOfWeek][]float64
	if len(totals) >= daysOfWeek {
		for i, total := range totals {
			from := min(max(i-daysOfWeek/2, 0), len(totals)-daysOfWeek)
			if week := sum(totals[from : from+daysOfWeek]); week > 0 {
				ratios[weekdays[i]] = append(ratios[weekdays[i]], total*daysOfWeek/week)
			}
		}
	}
	var factors [daysOfWeek]float64
	for w, r := range ratios {
		switch len(r) {
		case 0:
			factors[w] = 1
		case 1: // seen once
			factors[w] = (3*r[0] + 1) / 4
		default:
			factors[w] = median(r)
		}
	}
	total := sum(factors[:])
	for w := range factors {
		if total <= 0 {
			factors[w] = 1
		} else {
			factors[w] *= daysOfWeek / total
		}
	}
	return factors
}

// A step is a lasting change of the level: more than stepNoise times what the noise of the days explains, and more than
// stepSize (of the logarithm). It is recognised when stepDays days of it are there.
const (
	stepDays  = 4
	stepNoise = 2.0
	stepSize  = 0.2
	maxSteps  = 3
)

// sinceStep returns the days since the last lasting step. Days that grow steadily have none.
func sinceStep(days []day) []day {
	for range maxSteps {
		at, ok := step(days)
		if !ok {
			break
		}
		days = days[at:]
	}
	return days
}

func step(days []day) (at int, found bool) {
	if len(days) < 2*stepDays {
		return 0, false
	}
	noise := noiseOf(days)
	logs := logsOf(days)
	best := math.Inf(1)
	for b := stepDays; b <= len(days)-stepDays; b++ {
		before, after := median(logs[:b]), median(logs[b:])
		n, m := float64(b), float64(len(logs)-b)
		if change := math.Abs(after - before); change < stepSize || change < stepNoise*noise*math.Sqrt(1/n+1/m) {
			continue
		}
		if d := deviation(logs[:b], before) + deviation(logs[b:], after); d < best {
			at, best = b, d
		}
	}
	if at == 0 {
		return 0, false
	}
	slope := theilSen(days)
	line := make([]float64, len(days))
	for i := range days {
		line[i] = logs[i] + slope*float64(days[i].age)
	}
	const clearly = 0.9
	return at, best < clearly*deviation(line, median(line))
}

// noiseOf returns the standard deviation of the logarithm of a day, from the differences of neighbours: steps and trends
// do not enlarge it.
func noiseOf(days []day) float64 {
	const least, toDeviation = 0.01, 1.4826 / math.Sqrt2
	differences := make([]float64, 0, len(days))
	for i := 1; i < len(days); i++ {
		differences = append(differences, math.Abs(days[i].log-days[i-1].log))
	}
	return max(toDeviation*median(differences), least)
}

// trendDays is over how many days a trend is looked for.
const trendDays = 49

// trend returns the change of the logarithm of the level per day, as far as it is larger than its uncertainty.
func trend(days []day) float64 {
	days = days[max(0, len(days)-trendDays):]
	const fewest, cautious, most = 8, 2.5, 0.05
	if len(days) < fewest {
		return 0
	}
	mean, spread := 0.0, 0.0
	for i := range days {
		mean += float64(days[i].age) / float64(len(days))
	}
	for i := range days {
		spread += (float64(days[i].age) - mean) * (float64(days[i].age) - mean)
	}
	slope := theilSen(days)
	if slope == 0 {
		return 0
	}
	uncertain := cautious * noiseOf(days) / math.Sqrt(spread) / slope
	return min(max(slope*max(0, 1-uncertain*uncertain), -most), most)
}

// theilSen returns the median of the slopes between all pairs of days.
func theilSen(days []day) float64 {
	slopes := make([]float64, 0, len(days)*(len(days)-1)/2)
	for i := range days {
		for j := range i {
			slopes = append(slopes, (days[i].log-days[j].log)/float64(days[j].age-days[i].age))
		}
	}
	return median(slopes)
}

// halfLife is after how many days a day counts half for the level.
const halfLife = 8.0

// levelOf returns the level at the last day: a mean in which later days count more and days far from the median count
// no more than those at its edge.
func levelOf(days []day, slope float64) float64 {
	type weighted struct{ value, weight float64 }
	all := make([]weighted, len(days))
	values := make([]float64, len(days))
	for i := range days {
		age := float64(days[i].age)
		all[i] = weighted{days[i].value * math.Exp(slope*age), days[i].weight * math.Exp2(-age/halfLife)}
	}
	middle := func() float64 { // the weighted median
		slices.SortFunc(all, func(a, b weighted) int {
			switch {
			case a.value < b.value:
				return -1
			case a.value > b.value:
				return 1
			}
			return 0
		})
		total, seen := 0.0, 0.0
		for _, x := range all {
			total += x.weight
		}
		for _, x := range all {
			if seen += x.weight; seen >= total/2 {
				return x.value
			}
		}
		return 0
	}()
	for i, x := range all {
		values[i] = math.Abs(x.value - middle)
	}
	const edge, toDeviation, least = 2.0, 1.4826, 0.05
	reach := edge * max(toDeviation*median(values), least*middle)
	sum, weight := 0.0, 0.0
	for _, x := range all {
		sum += x.weight * min(max(x.value, middle-reach), middle+reach)
		weight += x.weight
	}
	if weight <= 0 {
		return 0
	}
	return sum / weight
}

// unusual returns the mean ratio of the days to their values in the model: above 1 where there are occasional bursts,
// below where holidays do. Few days say little about that, so that they are mixed with days as the model says.
func unusual(days []day, fitted func(*day) float64) float64 {
	const most, mixed = 5.0, 14.0
	sum, n := 0.0, 0.0
	for i := range days {
		if usual := fitted(&days[i]); usual > 0 {
			sum += min(days[i].value/usual, most)
			n++
		}
	}
	return (sum + mixed) / (n + mixed)
}

func logsOf(days []day) []float64 {
	out := make([]float64, len(days))
	for i := range days {
		out[i] = days[i].log
	}
	return out
}

func deviation(values []float64, from float64) float64 {
	d := 0.0
	for _, v := range values {
		d += math.Abs(v - from)
	}
	return d
}

func sum(values []float64) float64 {
	s := 0.0
	for _, v := range values {
		s += v
	}
	return s
}

// median returns the median of values, and 0 of none. It leaves their order.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	var room [64]float64
	sorted := append(room[:0], values...)
	slices.Sort(sorted)
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
