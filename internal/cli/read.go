package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

// reading makes a command that takes no arguments, asks the server with filters, and prints the answer.
func reading(c *connection, use, short string, run func(*cobra.Command, *client.Client, client.Filter) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs}
	filters := c.addFilters(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f, err := filters.read(time.Now())
		if err != nil {
			return err
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		return run(cmd, api, f)
	}
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}

func statsCommand(c *connection) *cobra.Command {
	cmd := reading(c, "stats", "Sums of all calls, and by model", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		s, err := api.Stats(cmd.Context(), f)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, s)
		}
		t := newTable("", " ")
		t.add("calls", count(s.Calls))
		t.add("failed", fmt.Sprintf("%s (%.1f%%)", count(s.Errors), 100*s.ErrorRate))
		t.add("without usage", count(s.NoUsage))
		t.add("input tokens", count(s.Input))
		t.add("  cache reads", count(s.CacheRead))
		t.add("  cache writes", count(s.CacheWrite))
		t.add("output tokens", count(s.Output))
		t.add("  reasoning", count(s.Reasoning))
		t.add("total tokens", count(s.Used))
		if s.Quota != nil {
			t.add("quota", count(*s.Quota))
			t.add("left", maybe(s.Remaining))
		}
		t.add("cost", sumCost(s.Cost, s.Unpriced))
		t.add("without price", count(s.Unpriced))
		t.add("latency p50/p95/p99, ms", quantiles(s.Latency))
		t.add("first token p50/p95/p99, ms", quantiles(s.TTFT))
		if err := t.write(cmd.OutOrStdout()); err != nil || len(s.Models) == 0 {
			return err
		}
		models := newTable("MODEL", "PROVIDER", " CALLS", " INPUT", " OUTPUT", " TOTAL", " COST")
		for _, m := range s.Models {
			models.add(or(m.Model), or(m.Provider), count(m.Calls), count(m.Input), count(m.Output), count(m.Total), sumCost(m.Cost, m.Unpriced))
		}
		_, _ = fmt.Fprintln(cmd.OutOrStdout())
		return models.write(cmd.OutOrStdout())
	})
	c.addJSON(cmd)
	return cmd
}

func quantiles(q client.Quantiles) string {
	return milliseconds(q.P50) + " / " + milliseconds(q.P95) + " / " + milliseconds(q.P99)
}

func trendCommand(c *connection) *cobra.Command {
	var q client.TrendQuery
	cmd := reading(c, "trend", "Sums by interval of time", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		q.Filter = f
		trend, err := api.Trend(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, trend)
		}
		layout := map[string]string{"day": time.DateOnly}[trend.Interval]
		if layout == "" {
			layout = "2006-01-02 15:04"
		}
		if q.GroupBy == "" {
			t := newTable("TIME", " CALLS", " FAILED", " INPUT", " OUTPUT", " TOTAL", " COST")
			for _, p := range trend.Points {
				t.add(p.Time.Format(layout), count(p.Calls), count(p.Errors), count(p.Input), count(p.Output), count(p.Total), sumCost(p.Cost, p.Unpriced))
			}
			return t.write(cmd.OutOrStdout())
		}
		t := newTable("TIME", strings.ToUpper(q.GroupBy), " CALLS", " FAILED", " TOTAL", " COST")
		for i := range trend.Points {
			for _, s := range trend.Series {
				if p := s.Points[i]; p.Calls > 0 {
					t.add(p.Time.Format(layout), or(s.Group), count(p.Calls), count(p.Errors), count(p.Total), sumCost(p.Cost, p.Unpriced))
				}
			}
		}
		return t.write(cmd.OutOrStdout())
	})
	c.addJSON(cmd)
	f := cmd.Flags()
	f.IntVar(&q.Days, "days", 7, "the last days, today included; --from and --to go before")
	f.StringVar(&q.Interval, "interval", "", "15m, hour or day (default: by the length of the range)")
	f.StringVar(&q.Timezone, "timezone", "", "zone in which days begin, such as Asia/Shanghai (default: the console's)")
	f.StringVar(&q.GroupBy, "group-by", "", "model, provider, key, user, service, project, status or team")
	f.IntVar(&q.Top, "top", 0, "groups to show, the rest is other (default 10)")
	f.StringVar(&q.Sort, "sort", "", "the sum that the groups shown have most of, such as cost_usd (default total_tokens)")
	complete(cmd, "interval", "15m", "hour", "day")
	complete(cmd, "sort", "total_tokens", "cost_usd", "api_call_count", "error_count", "input_tokens", "output_tokens")
	complete(cmd, "group-by", "model", "provider", "key", "user", "service", "project", "status", "team")
	return cmd
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
}

func breakdownCommand(c *connection) *cobra.Command {
	var q client.BreakdownQuery
	cmd := reading(c, "breakdown", "Sums by the values of one or two dimensions", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		q.Filter = f
		b, err := api.Breakdown(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, b)
		}
		var heads []string
		for _, d := range b.By {
			heads = append(heads, strings.ToUpper(d))
		}
		t := newTable(append(heads, " CALLS", " FAILED", " INPUT", " OUTPUT", " TOTAL", " COST")...)
		line := func(names []string, s client.Sums) {
			t.add(append(names, count(s.Calls), count(s.Errors), count(s.Input), count(s.Output), count(s.Total), sumCost(s.Cost, s.Unpriced))...)
		}
		for i := range b.Rows {
			var names []string
			for _, d := range b.By {
				names = append(names, or(b.Rows[i].Value(d)))
			}
			line(names, b.Rows[i].Sums)
		}
		all := make([]string, len(b.By))
		all[0] = fmt.Sprintf("all %d rows", b.Count)
		line(all, b.Total)
		return t.write(cmd.OutOrStdout())
	})
	c.addJSON(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&q.By, "by", []string{"model"}, "one or two of model, provider, key, user, service, project, status, operation, service_tier, account, team")
	f.StringVar(&q.Sort, "sort", "", "the sum to sort by, such as cost_usd or api_call_count (default total_tokens)")
	f.StringVar(&q.Order, "order", "", "desc or asc (default desc)")
	f.IntVar(&q.Limit, "limit", 20, "rows to show, at most 1000")
	complete(cmd, "by", "model", "provider", "key", "user", "service", "project", "status", "operation", "service_tier", "account", "team")
	complete(cmd, "sort", "total_tokens", "cost_usd", "api_call_count", "error_count", "input_tokens", "output_tokens")
	complete(cmd, "order", "desc", "asc")
	return cmd
}

func exportCommand(c *connection) *cobra.Command {
	var q client.LogQuery
	var format, output string
	cmd := reading(c, "export", "Calls as a file", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		q.Filter = f
		file, name, err := exported(cmd.Context(), api, format, q)
		if err != nil {
			return err
		}
		return toFile(cmd, file, output, name)
	})
	f := cmd.Flags()
	f.StringVar(&format, "format", "csv", "json, ndjson, csv or parquet: calls; focus-csv or focus-parquet: costs by day in the FinOps Open Cost and Usage Specification 1.2")
	f.StringVarP(&output, "output", "o", "", "file to write, which must not exist; - for the standard output (default: the name that the server gives)")
	f.StringVarP(&q.Query, "query", "q", "", "text search, as in the console")
	f.BoolVar(&q.Superseded, "superseded", false, "also records that do not count")
	complete(cmd, "format", "json", "ndjson", "csv", "parquet", "focus-csv", "focus-parquet")
	return cmd
}

// exported asks for a file of a format.
func exported(ctx context.Context, api *client.Client, format string, q client.LogQuery) (file io.ReadCloser, name string, err error) {
	of, focus := strings.CutPrefix(format, "focus-")
	switch {
	case !focus:
		return api.Export(ctx, format, q)
	case q.Query != "" || q.Superseded:
		return nil, "", usageError{errors.New("--query and --superseded are for exports of calls; narrow costs by filters")}
	}
	return api.ExportFOCUS(ctx, of, q.Filter)
}

// saveNew writes a file that is whole or not there.
func saveNew(cmd *cobra.Command, path string, from io.Reader) (err error) {
	if path == "" {
		return errors.New("the server names no file; give one with --output")
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	n, err := io.Copy(out, from)
	if err = errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("the export broke off: %w", err), os.Remove(path))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s bytes written to %s\n", count(n), path)
	return err
}

func importCommand(c *connection) *cobra.Command {
	formats := []string{"ndjson", "tokenboard", "newapi", "litellm", "langfuse", "helicone", "cliproxy"}
	var o client.ImportOptions
	cmd := &cobra.Command{Use: "import FILE", Short: "Bring calls of a file into the ledger; importing it again changes nothing", Args: oneArg}
	cmd.Flags().StringVar(&o.Format, "format", "", strings.Join(formats, ", "))
	cmd.Flags().StringVar(&o.To, "to", "", "leave out calls that start at this time or later")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would be accepted, and store nothing")
	c.addJSON(cmd)
	complete(cmd, "format", formats...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, o.Format) {
			return usageError{fmt.Errorf("--format must be one of %s", strings.Join(formats, ", "))}
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		file, err := os.Open(args[0])
		if err != nil {
			return usageError{err}
		}
		defer file.Close()
		got, err := api.Import(cmd.Context(), o, file)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, got)
		}
		w := cmd.OutOrStdout()
		accepted := "accepted"
		if got.DryRun {
			accepted = "would be accepted"
		}
		_, err = fmt.Fprintf(w, "%d rows: %d %s, %d there already, %d refused\n", got.Rows, got.Accepted, accepted, got.Duplicates, got.RefusedCount)
		for _, l := range got.LeftOut {
			_, _ = fmt.Fprintf(w, "%d left out: %s\n", l.Count, l.Reason)
		}
		for _, r := range got.Refused {
			_, _ = fmt.Fprintf(w, "line %d: %s\n", r.Line, printable(r.Reason))
		}
		return err
	}
	return cmd
}

func oneArg(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}
