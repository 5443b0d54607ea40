package cli

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func alertsCommand(c *connection) *cobra.Command {
	var q client.AlertQuery
	list := func(cmd *cobra.Command, state string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		q.State = state
		alerts, err := api.Alerts(cmd.Context(), q)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, alerts)
		}
		return printAlerts(cmd, alerts)
	}
	cmd := &cobra.Command{Use: "alerts", Short: "What fires; with a command below it, the history and the rules", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return list(cmd, "firing")
	}}
	history := &cobra.Command{Use: "history", Short: "What fires and what fired, newest first", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return list(cmd, "")
	}}
	for _, x := range []*cobra.Command{cmd, history} {
		c.addJSON(x)
		f := x.Flags()
		f.IntVar(&q.Limit, "limit", 100, "at most so many, up to 1000")
		f.StringArrayVar(&q.Rules, "rule", nil, "id of a rule; can be given several times")
		f.StringArrayVar(&q.Severities, "severity", nil, "info, warning or critical; can be given several times")
		complete(x, "severity", "info", "warning", "critical")
	}
	cmd.AddCommand(history, alertRulesCommand(c), alertTemplatesCommand(c), addAlertCommand(c), switchAlertCommand(c, "enable", true),
		switchAlertCommand(c, "disable", false), deleteAlertCommand(c), dryRunAlertCommand(c), channelsCommand(c), deliveriesCommand(c))
	return cmd
}

// figure shows a value of an alert with its unit.
func figure(v float64, unit string) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	const places = 2
	if short := strconv.FormatFloat(v, 'f', places, 64); len(short) < len(text) {
		text = short
	}
	switch unit {
	case "":
		return ""
	case "USD":
		return "$" + text
	case "percent":
		return text + "%"
	case "multiple":
		return text + "x"
	}
	return text + " " + unit
}

func printAlerts(cmd *cobra.Command, alerts []client.Alert) error {
	t := newTable("STATE", "SEVERITY", "RULE", "SUBJECT", " VALUE", " LIMIT", "SINCE", "UNTIL", "CAUSE")
	for i := range alerts {
		a := &alerts[i]
		cause := ""
		if len(a.Causes) > 0 {
			cause = a.Causes[0].Dimension + " " + a.Causes[0].Name
		}
		t.add(a.State, a.Severity, a.Rule.Name, or(a.Subject), figure(a.Value, a.Unit), figure(a.Limit, a.Unit), when(&a.StartedAt), when(a.EndedAt), or(cause))
	}
	return t.write(cmd.OutOrStdout())
}

// rule makes a command about one rule, which it names.
func (c *connection) rule(use, short string, run func(*cobra.Command, *client.Client, string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError{errors.New("name one: " + use)}
		}
		return nil
	}, RunE: func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		return run(cmd, api, args[0])
	}}
}

func printRules(cmd *cobra.Command, rules []client.AlertRule) error {
	t := newTable("ID", "NAME", "KIND", "ON", "SEVERITY", " LIMIT", "WINDOW")
	for i := range rules {
		r := &rules[i]
		on := "no"
		if r.Enabled {
			on = "yes"
		}
		t.add(r.ID, r.Name, r.Kind, on, r.Severity, figure(r.Limit, r.Unit), or(r.Window))
	}
	return t.write(cmd.OutOrStdout())
}

func alertRulesCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "rules", Short: "The rules", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		rules, err := api.AlertRules(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, rules)
		}
		return printRules(cmd, rules)
	}}
	c.addJSON(cmd)
	return cmd
}

func alertTemplatesCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "templates", Short: "Rules that are ready to be switched on", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		templates, err := api.AlertTemplates(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, templates)
		}
		t := newTable("TEMPLATE", "WHAT", "SEVERITY", " LIMIT", "WINDOW")
		for i := range templates {
			x := &templates[i]
			t.add(x.ID, x.Title, x.Rule.Severity, figure(x.Rule.Limit, x.Unit), or(x.Rule.Window))
		}
		return t.write(cmd.OutOrStdout())
	}}
	c.addJSON(cmd)
	return cmd
}

// addAlertCommand makes a rule of a template.
func addAlertCommand(c *connection) *cobra.Command {
	var name string
	var limit float64
	var channels []string
	cmd := c.rule("add TEMPLATE", "Make a rule of a template, and switch it on", func(cmd *cobra.Command, api *client.Client, id string) error {
		templates, err := api.AlertTemplates(cmd.Context())
		if err != nil {
			return err
		}
		for i := range templates {
			x := &templates[i]
			if x.ID != id {
				continue
			}
			if name == "" {
				name = x.Title
			}
			if cmd.Flags().Changed("limit") {
				x.Rule.Limit = limit
			}
			x.Rule.Enabled, x.Rule.Channels = true, channels
			made, err := api.CreateAlertRule(cmd.Context(), name, x.Rule)
			if err != nil {
				return err
			}
			return printRules(cmd, []client.AlertRule{made})
		}
		return usageError{fmt.Errorf("there is no template %s; tokenboard alerts templates lists them", id)}
	})
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "name of the rule (default: what the template says)")
	f.Float64Var(&limit, "limit", 0, "another limit than the template's")
	f.StringArrayVar(&channels, "channel", nil, "id of a channel that it is sent to; can be given several times (default: all that are enabled)")
	return cmd
}

func switchAlertCommand(c *connection, verb string, enabled bool) *cobra.Command {
	return c.rule(verb+" ID", "Switch a rule on or off", func(cmd *cobra.Command, api *client.Client, id string) error {
		r, err := api.EnableAlertRule(cmd.Context(), id, enabled)
		if err != nil {
			return err
		}
		return printRules(cmd, []client.AlertRule{r})
	})
}

func deleteAlertCommand(c *connection) *cobra.Command {
	return c.rule("delete ID", "Delete a rule; what it made fire ends, which is told where the rule sends ends", func(cmd *cobra.Command, api *client.Client, id string) error {
		return api.DeleteAlertRule(cmd.Context(), id)
	})
}

func dryRunAlertCommand(c *connection) *cobra.Command {
	cmd := c.rule("dry-run ID", "When a rule would have fired in the last 90 days", func(cmd *cobra.Command, api *client.Client, id string) error {
		r, err := api.AlertRule(cmd.Context(), id)
		if err != nil {
			return err
		}
		x, err := api.DryRunAlertRule(cmd.Context(), r.AlertRuleSpec)
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, x)
		}
		if !x.Available {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "what a rule of this kind watches is not recorded")
			return err
		}
		t := newTable("FROM", "TO", "SUBJECT", " PEAK")
		for i := range x.Firings {
			f := &x.Firings[i]
			t.add(when(&f.StartedAt), when(f.EndedAt), or(f.Subject), figure(f.Peak, x.Unit))
		}
		if err := t.write(cmd.OutOrStdout()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d times since %s, %d notifications to each channel\n", len(x.Firings)+x.More, x.From.Format(time.DateOnly), x.Notifications)
		return err
	})
	c.addJSON(cmd)
	return cmd
}
