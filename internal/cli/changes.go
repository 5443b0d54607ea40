package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func changesCommand(c *connection) *cobra.Command {
	var q client.ChangesQuery
	var against, againstTo string
	cmd := reading(c, "changes", "What made the difference between the costs of two ranges of time", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		if f.From.IsZero() {
			return usageError{errors.New("name the range with --from, such as --from 7d")}
		}
		q.Filter = f
		for _, t := range []struct {
			flag, text string
			into       *time.Time
		}{{"--against", against, &q.Against}, {"--against-to", againstTo, &q.AgainstTo}} {
			if t.text == "" {
				continue
			}
			at, err := readTime(t.text, time.Now())
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", t.flag, err)}
			}
			*t.into = at
		}
		x, err := api.Changes(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, x)
		}
		return printChanges(cmd, &x)
	})
	c.addJSON(cmd)
	f := cmd.Flags()
	f.StringVar(&q.By, "by", "", "model, provider, key, user, service, project or team (default model)")
	f.StringVar(&against, "against", "", "when the range before begins; as --from (default: the range that ends with --from, as long as the other)")
	f.StringVar(&againstTo, "against-to", "", "when the range before ends; as --from")
	f.IntVar(&q.Top, "top", 0, "groups to show, the rest is other (default 10)")
	complete(cmd, "by", "model", "provider", "key", "user", "service", "project", "team")
	return cmd
}

func printChanges(cmd *cobra.Command, x *client.Changes) error {
	const layout = "2006-01-02 15:04"
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s to %s, against %s to %s\n\n", x.From.Local().Format(layout), x.To.Local().Format(layout), x.AgainstFrom.Local().Format(layout), x.AgainstTo.Local().Format(layout))
	if err != nil {
		return err
	}
	t := newTable(strings.ToUpper(x.By), " BEFORE", " AFTER", " DIFFERENCE", " VOLUME", " MIX", " CACHE", " PRICE")
	saturated := false
	line := func(name string, before, after client.ChangedSums, e client.Effects) {
		if e.Saturated {
			name, saturated = name+" *", true
		}
		t.add(name, sumCost(before.Cost, before.Unpriced), sumCost(after.Cost, after.Unpriced), signed(e.Difference), signed(e.Volume), signed(e.Mix), signed(e.Cache), signed(e.Price))
	}
	for i := range x.Rows {
		r := &x.Rows[i]
		name := or(r.Label)
		switch {
		case r.Appeared:
			name += " (new)"
		case r.Disappeared:
			name += " (gone)"
		}
		line(name, r.Before, r.After, r.Effects)
	}
	if o := x.Other; o != nil {
		line(fmt.Sprintf("%d others", o.Groups), o.Before, o.After, o.Effects)
	}
	line("all, as one group", x.All.Before, x.All.After, x.All.Effects)
	if err := t.write(cmd.OutOrStdout()); err != nil || !saturated {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), "\n* more than can be shown: the largest amounts are lower bounds")
	return err
}

// signed writes a difference.
func signed(u client.USD) string {
	switch s := string(u); {
	case s == "" || s == "0":
		return s
	case strings.HasPrefix(s, "-"):
		return "-$" + s[1:]
	default:
		return "+$" + s
	}
}
