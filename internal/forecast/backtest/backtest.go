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

// Outcome is what one forecast of the total of a month was worth.
type Outcome struct {
	Error float64 // (forecast - total) / total
	Width float64 // (high - low) / total
	Held  bool    // the total lies in the band
}

// Ask forecasts the month on one of its days, at noon, from what was known then. It returns false where there was
// not enough history or where nothing at all was used in the month.
func (h *History) Ask(day int) (Outcome, bool, error) {
	now := calendar.Midnight(h.Month.From, day-1).Add(12 * time.Hour)
	known := h.Hours
	for len(known) > 0 && known[len(known)-1].Start.Add(time.Hour).After(now) {
		known = known[:len(known)-1]
	}
	f, err := forecast.New(forecast.Input{Hours: known, Now: now, Zone: h.Zone})
	if short := (*forecast.ShortHistoryError)(nil); errors.As(err, &short) {
		return Outcome{}, false, nil
	}
	if err != nil {
		return Outcome{}, false, fmt.Errorf("forecast a month: %w", err)
	}
	e, total := f.Period(forecast.Cost, h.Month), h.Total()
	if total == 0 {
		return Outcome{}, false, nil
	}
	return Outcome{
		Error: float64(e.Expected-total) / float64(total), Width: float64(e.High-e.Low) / float64(total),
		Held: e.Low <= total && total <= e.High,
	}, true, nil
}

// Summary is what many forecasts were worth.
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

// Run forecasts so many histories of each kind on a day of their month. The first seed is firstSeed.
func Run(kinds []Kind, firstSeed uint64, each, day int) (byKind map[string][]Outcome, all []Outcome, err error) {
	byKind = map[string][]Outcome{}
	for i := range kinds {
		for seed := range uint64(each) {
			o, asked, err := kinds[i].History(firstSeed + seed).Ask(day)
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
