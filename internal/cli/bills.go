package cli

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func billsCommand(c *connection) *cobra.Command {
	var q client.BillsQuery
	var format, output string
	var currency bool
	cmd := &cobra.Command{
		Use: "bills", Short: "What teams, users, keys, projects or services owe for a month", Args: noArgs,
		Example: "  tokenboard bills --by team --month 2026-01\n  tokenboard bills --by team --for Search --format csv",
	}
	f := cmd.Flags()
	f.StringVar(&q.By, "by", "team", "team, user, key, project or service")
	f.StringVar(&q.Month, "month", "", "such as 2026-01 (default: the month before the present one)")
	f.StringArrayVar(&q.Holders, "for", nil, "the bill of this one alone: id or name of a team or key, or name of a user, project or service; repeatable")
	f.StringVar(&q.Timezone, "timezone", "", "zone in which the month begins, such as Asia/Shanghai (default: the console's)")
	f.StringVar(&format, "format", "", "csv or json: all bills and lines as a file (default: a table)")
	f.StringVarP(&output, "output", "o", "", "file to write, which must not exist; - for the standard output (default: the name that the server gives)")
	f.BoolVar(&currency, "currency", false, "csv: with the amounts in the currency that the console shows")
	complete(cmd, "by", "team", "user", "key", "project", "service")
	complete(cmd, "format", "csv", "json")
	c.addJSON(cmd)
	cmd.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		if err := named(cmd, api, &q); err != nil {
			return err
		}
		if format != "" {
			file, name, err := api.ExportBills(cmd.Context(), q, format, currency)
			if err != nil {
				return err
			}
			return toFile(cmd, file, output, name)
		}
		bills, err := api.Bills(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, bills)
		}
		return printBills(cmd, &bills, len(q.Holders) > 0)
	})
	return cmd
}

// named replaces names of teams and keys by their ids, which bills have.
func named(cmd *cobra.Command, api *client.Client, q *client.BillsQuery) error {
	for i, name := range q.Holders {
		if name == "" {
			continue
		}
		switch q.By {
		case "team":
			t, err := api.FindTeam(cmd.Context(), name)
			if err != nil {
				return err
			}
			q.Holders[i] = t.ID
		case "key":
			k, err := api.FindKey(cmd.Context(), name)
			if err != nil {
				return err
			}
			q.Holders[i] = k.ID
		}
	}
	return nil
}

// toFile writes a file of the server to the standard output or to a new file.
func toFile(cmd *cobra.Command, file io.ReadCloser, output, name string) error {
	defer file.Close()
	if output == "-" {
		_, err := io.Copy(cmd.OutOrStdout(), file)
		return err
	}
	if output == "" {
		output = name
	}
	return saveNew(cmd, output, file)
}

func printBills(cmd *cobra.Command, bills *client.Bills, lines bool) error {
	unfinished := ""
	if bills.Unfinished {
		unfinished = ", which is not over"
	}
	_, _ = fmt.Fprintf(cmd.OutOrStdout(), "bills of %s%s (%s)\n\n", bills.Month, unfinished, bills.Timezone)
	t := newTable(map[bool]string{false: "HOLDER", true: "HOLDER / MODEL"}[lines], " CALLS", " TOKENS", " COST", " CHARGED", " CREDIT", " DUE", "")
	line := func(name string, s *client.BillSums, d *client.BillDue, factor string) {
		charged := sumCost(s.Charged, s.Uncharged)
		credit, due := "", ""
		if d != nil {
			credit, due = dollars(d.Credited), dollars(d.Due)
			if d.AtLeast {
				due = "≥" + due
			}
			if d.Converted != nil {
				factor = fmt.Sprintf("≈ %.2f %s at %s", d.Converted.Amount, d.Converted.Code, strconv.FormatFloat(d.Converted.Rate, 'f', -1, 64))
			}
		}
		t.add(name, count(s.Calls), count(s.Total), sumCost(s.Cost, s.Unpriced), charged, credit, due, factor)
	}
	for i := range bills.Bills {
		b := &bills.Bills[i]
		line(or(b.Name), &b.BillSums, &b.BillDue, "")
		if !lines {
			continue
		}
		for j := range b.Lines {
			l := &b.Lines[j]
			factor := "by tokens"
			if l.Factor != nil {
				factor = "× " + strconv.FormatFloat(*l.Factor, 'f', -1, 64)
			}
			line("  "+or(l.Model)+" ("+or(l.Provider)+")", &l.BillSums, nil, factor)
		}
		for j := range b.Credits {
			t.add("  credit: "+printable(b.Credits[j].Reason), "", "", "", "", dollars(b.Credits[j].Amount), "", "")
		}
	}
	line(fmt.Sprintf("all %d", bills.Count), &bills.Total.BillSums, &bills.Total.BillDue, "")
	return t.write(cmd.OutOrStdout())
}
