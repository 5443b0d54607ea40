package alerting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// unusual compares the spend of the current hour with what the profile of the forecast expects of the whole hour.
type unusual struct {
	hour     time.Time // zero: not looked at yet
	expected int64     // nano-dollars; 0: there is not enough history
	spent    usage.NanoUSD
	from     int64 // commits up to this number are in spent
}

// profileWeeks is how much history an expectation is made of.
const profileWeeks = 16

// least is the spend below which an hour is not unusual, whatever it is a multiple of.
const least = 10_000_000 // nano-dollars: a cent

func (u *unusual) look(ctx context.Context, s *session, w *watch, now time.Time) (multiple float64, says bool, err error) {
	hour := now.Truncate(time.Hour)
	if !hour.Equal(u.hour) {
		if err := u.begin(ctx, s, w, hour); err != nil {
			return 0, false, err
		}
	}
	for _, f := range w.group.hits {
		if f.commit > u.from && !f.start.Before(hour) && f.start.Before(hour.Add(time.Hour)) && f.Quality&usage.Unpriced == 0 {
			u.spent = u.spent.Add(usage.NanoUSD(usage.TimesSat(f.n, int64(f.Cost))))
		}
	}
	if u.expected <= 0 || u.spent < least {
		return 0, false, nil
	}
	return float64(u.spent) / float64(u.expected), true, nil
}

// begin makes the expectation of an hour, and asks what was spent in it.
func (u *unusual) begin(ctx context.Context, s *session, w *watch, hour time.Time) error {
	edges := make([]time.Time, 0, profileWeeks*7*24+2)
	for t := hour.Add(-profileWeeks * 7 * day); !t.After(hour.Add(time.Hour)); t = t.Add(time.Hour) {
		edges = append(edges, t)
	}
	before := s.e.facts.number()
	a, err := s.o.Ledger.Query(ctx, ledger.Query{Filter: w.group.filter, Edges: edges, CountsOnly: true})
	if err != nil {
		return fmt.Errorf("ask what is usual: %w", err)
	}
	*u = unusual{hour: hour, from: max(a.Commit, before)}
	var hours []forecast.Hour
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			p := &a.Groups[i].Points[j]
			if j == len(edges)-2 {
				u.spent = u.spent.Add(p.Cost)
			} else if p.Calls > 0 {
				hours = append(hours, forecast.Hour{Start: edges[j], Cost: p.Cost, Tokens: p.Tokens.Total()})
			}
		}
	}
	u.expected, err = usual(hours, hour, w.zone)
	return err
}

// usual returns what an hour usually costs by the hours before; 0 where there is not enough history.
func usual(hours []forecast.Hour, hour time.Time, zone *time.Location) (int64, error) {
	f, err := forecast.New(forecast.Input{Hours: hours, Now: hour, Zone: zone})
	if short := new(forecast.ShortHistoryError); errors.As(err, &short) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ask what is usual: %w", err)
	}
	return f.Period(forecast.Cost, forecast.Period{From: hour, To: hour.Add(time.Hour)}).Expected, nil
}
