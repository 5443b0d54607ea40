package forecast_test

import (
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The example of docs/forecast.md: 48 USD on working days, 12 USD on days of the weekend, from 9 to 17 o'clock, 25 May a
// holiday with 3 USD, asked on 10 June at noon.
func ExampleForecaster_Period() {
	now := time.Date(2026, time.June, 10, 12, 0, 0, 0, time.UTC)
	const dollar = usage.NanoUSD(1e9)
	var hours []forecast.Hour
	for at := time.Date(2026, time.April, 6, 0, 0, 0, 0, time.UTC); at.Before(now); at = at.Add(time.Hour) {
		day := 48 * dollar
		switch {
		case at.Hour() < 9 || at.Hour() >= 17:
			continue
		case at.Month() == time.May && at.Day() == 25:
			day = 3 * dollar
		case at.Weekday() == time.Saturday || at.Weekday() == time.Sunday:
			day = 12 * dollar
		}
		hours = append(hours, forecast.Hour{Start: at, Cost: day / 8, Tokens: int64(day) / 1e5})
	}
	f, err := forecast.New(forecast.Input{Hours: hours, Now: now})
	if err != nil {
		fmt.Println(err)
		return
	}
	month := forecast.Month(now, 1)
	e := f.Period(forecast.Cost, month)
	usd := func(v int64) float64 { return float64(v) / 1e9 }
	fmt.Printf("until now %.2f, expected %.2f, band %.2f to %.2f\n", usd(e.Actual), usd(e.Expected), usd(e.Low), usd(e.High))
	x := f.Exhaustion(forecast.Budget{Measure: forecast.Cost, Limit: int64(700 * dollar), Used: e.Actual, Resets: month.To})
	fmt.Println("700 USD are used up", x.Expected.Format("2 January"))
	// Output:
	// until now 378.00, expected 1141.72, band 1097.65 to 1188.49
	// 700 USD are used up 18 June
}
