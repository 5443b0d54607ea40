package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/tokenboard/tokenboard/internal/forecast/backtest"
)

// The seeds of the back-test: the constants of the forecast were chosen with those of the calibration set, and with
// its kinds, only.
const (
	calibrationSeeds = 1
	testSeeds        = 1_000_001
)

// forecastCommand prints how good forecasts are on simulated histories: the figures of docs/forecast.md.
func forecastCommand(w io.Writer, args []string) (err error) {
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush()) }()
	f := flag.NewFlagSet("forecast", flag.ContinueOnError)
	each := f.Int("each", 60, "histories of each kind")
	set := f.String("set", "", "only this one: calibration, test or unseen")
	day := f.Int("day", 0, "ask on this day of the month only; 0: on several")
	if err := f.Parse(args); err != nil {
		return err
	}
	days := []int{1, 5, 10, 20}
	if *day > 0 {
		days = []int{*day}
	}
	for _, s := range []struct {
		name  string
		kinds []backtest.Kind
		seed  uint64
	}{
		{"calibration", backtest.Calibration(), calibrationSeeds},
		{"test", backtest.Calibration(), testSeeds},
		{"unseen", backtest.Unseen(), testSeeds},
	} {
		if *set != "" && *set != s.name {
			continue
		}
		for _, day := range days {
			byKind, all, err := backtest.Run(s.kinds, s.seed, *each, day)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(out, "\n%s, asked on day %d at noon\n%-20s %9s %8s %8s %8s %8s %8s %8s\n", s.name, day,
				"kind", "histories", "median", "mean", "p90", "bias", "in band", "width")
			for _, k := range s.kinds {
				printSummary(out, k.Name, backtest.Summarise(byKind[k.Name]))
			}
			printSummary(out, "all", backtest.Summarise(all))
		}
	}
	return nil
}

func printSummary(out *bufio.Writer, name string, s backtest.Summary) {
	const percent = 100
	_, _ = fmt.Fprintf(out, "%-20s %9d %7.1f%% %7.1f%% %7.1f%% %+7.1f%% %7.1f%% %7.1f%%\n", name, s.Histories, percent*s.MedianError,
		percent*s.MeanError, percent*s.P90Error, percent*s.Bias, percent*s.Coverage, percent*s.MedianWidth)
}
