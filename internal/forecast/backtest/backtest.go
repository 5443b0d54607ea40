package backtest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/forecast"
)

// Set is kinds of histories and the seed of the first one of each kind.
type Set struct {
	Name  string
	Kinds []Kind
	Seed  uint64
}

// Sets returns the calibration set, with which the constants of the forecast were chosen, and two for checking: the same
// kinds with other seeds, and other kinds.
func Sets() []Set {
	const calibration, test = 1, 1_000_001
	return []Set{{"calibration", Calibration(), calibration}, {"test", Calibration(), test}, {"unseen", Unseen(), test}}
}

// Outcome rates one forecast of the total of a month.
type Outcome struct {
	Error float64 // (forecast - total) / total
	Width float64 // (high - low) / total
	Held  bool    // the total lies in the band
}

// Question is a forecast that is asked of a history.
type Question struct {
	Day    int // of the month, at noon
	Period func(now time.Time) forecast.Period
	Known  int // complete days of history that are known; 0: all
}

// OfMonth asks for the total of the month on one of its days.
func OfMonth(day int) Question {
	return Question{Day: day, Period: func(now time.Time) forecast.Period { return forecast.Month(now, 1) }}
}

// OfWeek asks on the tenth of the month for the total of that week, which begins on Monday.
func OfWeek() Question {
	return Question{Day: 10, Period: func(now time.Time) forecast.Period { return forecast.Week(now, time.Monday) }}
}

// OfDay asks on the tenth of the month at noon for the total of that day.
func OfDay() Question { return Question{Day: 10, Period: forecast.Day} }

// Ask forecasts a total from the figures that were known at a time. It returns false where there was not enough history
// or where nothing at all was used in the period.
func (h *History) Ask(q Question) (Outcome, bool, error) {
	now := calendar.Midnight(h.Month.From, q.Day-1).Add(12 * time.Hour)
	known := h.Hours
	for len(known) > 0 && known[len(known)-1].Start.Add(time.Hour).After(now) {
		known = known[:len(known)-1]
	}
	since := h.Hours[0].Start
	if q.Known > 0 {
		since = calendar.Midnight(now.In(h.Zone), -q.Known)
		for len(known) > 0 && known[0].Start.Before(since) {
			known = known[1:]
		}
	}
	f, err := forecast.New(forecast.Input{Hours: known, Since: since, Now: now, Zone: h.Zone})
	if short := (*forecast.ShortHistoryError)(nil); errors.As(err, &short) {
		return Outcome{}, false, nil
	}
	if err != nil {
		return Outcome{}, false, fmt.Errorf("forecast a period: %w", err)
	}
	p := q.Period(now.In(h.Zone))
	if p.From.Before(since) { // what was used before the history began is not asked for
		p.From = since
	}
	e, total := f.Period(forecast.Cost, p), h.total(p)
	if total == 0 {
		return Outcome{}, false, nil
	}
	return Outcome{
		Error: float64(e.Expected-total) / float64(total), Width: float64(e.High-e.Low) / float64(total),
		Held: e.Low <= total && total <= e.High,
	}, true, nil
}

// Summary rates many forecasts together.
type Summary struct {
	Histories   int
	MedianError float64 // of the absolute errors
	MeanError   float64 // likewise
	Bias        float64 // mean of the errors with their signs
	P90Error    float64
	Coverage    float64 // share of the histories whose total lies in the band
	MedianWidth float64 // of the band, in parts of the total
}

// Summarise sums up outcomes.
func Summarise(outcomes []Outcome) Summary {
	s := Summary{Histories: len(outcomes)}
	if s.Histories == 0 {
		return s
	}
	var errs, widths []float64
	for _, o := range outcomes {
		errs, widths = append(errs, math.Abs(o.Error)), append(widths, o.Width)
		s.MeanError += math.Abs(o.Error) / float64(len(outcomes))
		s.Bias += o.Error / float64(len(outcomes))
		if o.Held {
			s.Coverage += 1 / float64(len(outcomes))
		}
	}
	slices.Sort(errs)
	slices.Sort(widths)
	s.MedianError, s.P90Error, s.MedianWidth = errs[len(errs)/2], errs[len(errs)*9/10], widths[len(widths)/2]
	return s
}

// Run forecasts so many histories of each kind. The first seed is firstSeed.
func Run(kinds []Kind, firstSeed uint64, each int, q Question) (byKind map[string][]Outcome, all []Outcome, err error) {
	byKind = map[string][]Outcome{}
	for i := range kinds {
		for seed := range uint64(each) {
			o, asked, err := kinds[i].History(firstSeed + seed).Ask(q)
			if err != nil {
				return nil, nil, err
			}
			if asked {
				byKind[kinds[i].Name] = append(byKind[kinds[i].Name], o)
				all = append(all, o)
			}
		}
	}
	return byKind, all, nil
}
