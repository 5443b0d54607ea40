package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func forecastCommand(c *connection) *cobra.Command {
	var q client.ForecastQuery
	var usd string
	cmd := reading(c, "forecast", "What the period will have cost at its end, and when budgets will be used up", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		if !f.From.IsZero() || !f.To.IsZero() || len(f.Statuses) > 0 {
			return usageError{errors.New("--from, --to and --status are not for forecasts, which are of the period that now lies in; use --period")}
		}
		q.Filter, q.BudgetUSD = f, client.USD(usd)
		x, err := api.Forecast(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, x)
		}
		return printForecast(cmd, &x)
	})
	c.addJSON(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Period, "period", "", "day, week or month (default month)")
	f.StringVar(&q.WeekBegins, "week-begins", "", "first day of a week (default monday)")
	f.IntVar(&q.MonthBegins, "month-begins", 0, "first day of a month, 1 to 31 (default 1)")
	f.StringVar(&q.Timezone, "timezone", "", "zone in which days begin, such as Asia/Shanghai (default: the console's)")
	f.StringVar(&usd, "budget-usd", "", "also show when a budget of so many dollars for the period will be used up")
	f.Int64Var(&q.BudgetTokens, "budget-tokens", 0, "likewise, of tokens")
	complete(cmd, "period", "day", "week", "month")
	complete(cmd, "week-begins", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
	return cmd
}

func printForecast(cmd *cobra.Command, x *client.Forecast) error {
	t := newTable("", " ")
	t.add(x.Period+" from", x.From.Format("2006-01-02 15:04"))
	t.add("to", x.To.Format("2006-01-02 15:04"))
	if !x.History.Enough {
		t.add("forecast", fmt.Sprintf("not enough history: %d of %d complete days", x.History.Days, x.History.Needed))
		t.add("there will be one at", when(x.History.EnoughAt))
		return t.write(cmd.OutOrStdout())
	}
	t.add("days of history", count(int64(x.History.Days)))
	t.add("cost until now", sumCost(x.Cost.Actual, x.Unpriced))
	t.add("cost at the end, expected", cents(x.Cost.Expected))
	t.add("  in 80 of 100 cases", cents(x.Cost.Low)+" to "+cents(x.Cost.High))
	t.add("tokens until now", count(x.Tokens.Actual))
	t.add("tokens at the end, expected", count(x.Tokens.Expected))
	t.add("  in 80 of 100 cases", count(x.Tokens.Low)+" to "+count(x.Tokens.High))
	if err := t.write(cmd.OutOrStdout()); err != nil || len(x.Budgets) == 0 {
		return err
	}
	budgets := newTable("BUDGET", " LIMIT", " USED", "RESET", "USED UP", "EARLIEST", "LATEST")
	for i := range x.Budgets {
		b := &x.Budgets[i]
		limit, used := "", ""
		if b.USD != nil {
			limit, used = dollars(b.USD.Limit), dollars(b.USD.Used)
		} else if b.Tokens != nil {
			limit, used = count(b.Tokens.Limit)+" tokens", count(b.Tokens.Used)
		}
		expected := when(b.Expected)
		if b.Exhausted {
			expected = "now"
		}
		budgets.add(b.Period, limit, used, when(b.ResetsAt), expected, when(b.Earliest), when(b.Latest))
	}
	_, _ = fmt.Fprintln(cmd.OutOrStdout())
	return budgets.write(cmd.OutOrStdout())
}

// cents shortens an estimated amount to two places: more would look as if they were known. It cuts, since the digits
// beyond are noise.
func cents(u client.USD) string {
	whole, part, found := strings.Cut(string(u), ".")
	if !found {
		return dollars(u)
	}
	const places = 2
	return "$" + whole + "." + (part + "00")[:places]
}
