// Package forecasts prints how good forecasts are, on simulated histories and on the data of the other benchmarks.
package forecasts

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/forecast/backtest"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Command prints the figures of docs/forecast.md.
func Command(w io.Writer, args []string) (err error) {
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush()) }()
	f := flag.NewFlagSet("forecast", flag.ContinueOnError)
	each := f.Int("each", 60, "histories of each kind")
	set := f.String("set", "", "only this one: calibration, test, unseen or data")
	only := f.Int("question", 0, "only this one, counted from 1; 0: all")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "calibration", "test", "unseen", "data"}, *set) {
		return fmt.Errorf("there is no set %q: name calibration, test, unseen or data", *set)
	}
	for _, s := range backtest.Sets() {
		if *set != "" && *set != s.Name {
			continue
		}
		for i, q := range questions() {
			if *only > 0 && *only != i+1 {
				continue
			}
			byKind, all, err := backtest.Run(s.Kinds, s.Seed, *each, q.Question)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(out, "\n%s set, question %d: %s\n"+header, s.Name, i+1, q.name,
				"kind", "histories", "median", "mean", "p90", "bias", "in band", "width")
			for _, k := range s.Kinds {
				printSummary(out, k.Name, backtest.Summarise(byKind[k.Name]))
			}
			printSummary(out, "all", backtest.Summarise(all))
		}
	}
	if *set == "" || *set == "data" {
		return data(out)
	}
	return nil
}

// data forecasts the data that the other benchmarks run on, with the costs of the price book.
func data(out *bufio.Writer) error {
	book, err := pricing.Default()
	if err != nil {
		return err
	}
	const histories, calls, days = 12, 60_000, 100
	var outcomes []backtest.Outcome
	for n := range histories {
		month := forecast.Month(time.Date(2026, time.Month(n+1), 1, 0, 0, 0, 0, time.UTC), 1)
		h := &backtest.History{Month: month, Zone: time.UTC}
		g := loadgen.New(loadgen.Set{Seed: uint64(n + 1), Calls: calls, Days: days, End: month.To, Ordered: true})
		for c, more := g.Next(); more; c, more = g.Next() {
			start := c.Start.Truncate(time.Hour)
			if last := len(h.Hours) - 1; last < 0 || h.Hours[last].Start.Before(start) {
				h.Hours = append(h.Hours, forecast.Hour{Start: start})
			}
			cost, _ := book.Price(&c)
			last := &h.Hours[len(h.Hours)-1]
			last.Cost, last.Tokens = last.Cost.Add(cost), usage.AddSat(last.Tokens, c.Tokens.Total())
		}
		o, _, err := h.Ask(backtest.OfMonth(10))
		if err != nil {
			return err
		}
		outcomes = append(outcomes, o)
	}
	_, _ = fmt.Fprintf(out, "\n"+"the month, on day 10 at noon\n"+header, "kind", "histories", "median", "mean", "p90", "bias", "in band", "width")
	printSummary(out, "data of bench fill", backtest.Summarise(outcomes))
	return nil
}

const header = "%-20s %9s %8s %8s %8s %8s %8s %8s\n"

type question struct {
	name string
	backtest.Question
}

// questions are asked of each history. Tests set limits for the first one.
func questions() []question {
	short := func(days int) backtest.Question {
		q := backtest.OfMonth(10)
		q.Known = days
		return q
	}
	return []question{
		{"the month, on day 10 at noon", backtest.OfMonth(10)},
		{"the month, on day 1 at noon", backtest.OfMonth(1)},
		{"the month, on day 20 at noon", backtest.OfMonth(20)},
		{"the week of day 10, on that day at noon", backtest.OfWeek()},
		{"day 10, at noon", backtest.OfDay()},
		{"the rest of the month, on day 10 with 3 days of history", short(3)},
		{"the rest of the month, on day 10 with 7 days of history", short(7)},
		{"the rest of the month, on day 10 with 14 days of history", short(14)},
	}
}

func printSummary(out *bufio.Writer, name string, s backtest.Summary) {
	const percent = 100
	_, _ = fmt.Fprintf(out, "%-20s %9d %7.1f%% %7.1f%% %7.1f%% %+7.1f%% %7.1f%% %7.1f%%\n", name, s.Histories, percent*s.MedianError,
		percent*s.MeanError, percent*s.P90Error, percent*s.Bias, percent*s.Coverage, percent*s.MedianWidth)
}
