package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

// channelsCommand lists channels and tests one.
func channelsCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "channels", Short: "Where notifications are sent", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		channels, err := api.AlertChannels(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, channels)
		}
		t := newTable("ID", "NAME", "KIND", "ON", "LANGUAGE")
		for i := range channels {
			x := &channels[i]
			on := "no"
			if x.Enabled {
				on = "yes"
			}
			t.add(x.ID, x.Name, x.Kind, on, x.Language)
		}
		return t.write(cmd.OutOrStdout())
	}}
	c.addJSON(cmd)
	cmd.AddCommand(c.rule("test ID", "Send a test message through a channel", func(cmd *cobra.Command, api *client.Client, id string) error {
		d, err := api.TestAlertChannel(cmd.Context(), id)
		if err != nil {
			return err
		}
		return c.printDeliveries(cmd, d)
	}))
	return cmd
}

// deliveriesCommand lists what was sent and sends again what was given up.
func deliveriesCommand(c *connection) *cobra.Command {
	var limit int
	var statuses []string
	cmd := &cobra.Command{Use: "deliveries", Short: "What was sent through channels, newest first", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		deliveries, err := api.AlertDeliveries(cmd.Context(), limit, statuses...)
		if err != nil {
			return err
		}
		return c.printDeliveries(cmd, deliveries...)
	}}
	c.addJSON(cmd)
	f := cmd.Flags()
	f.IntVar(&limit, "limit", 100, "at most so many, up to 1000")
	f.StringArrayVar(&statuses, "status", nil, "waiting, sent or dead; can be given several times")
	complete(cmd, "status", "waiting", "sent", "dead")
	cmd.AddCommand(c.rule("retry ID", "Send a notification again that was given up", func(cmd *cobra.Command, api *client.Client, id string) error {
		d, err := api.RetryAlertDelivery(cmd.Context(), id)
		if err != nil {
			return err
		}
		return c.printDeliveries(cmd, d)
	}))
	return cmd
}

func (c *connection) printDeliveries(cmd *cobra.Command, deliveries ...client.AlertDelivery) error {
	if c.json {
		return printJSON(cmd, deliveries)
	}
	t := newTable("ID", "CHANNEL", "RULE", "STATE", "STATUS", " TRIES", "MADE", "NEXT", "ERROR")
	for i := range deliveries {
		d := &deliveries[i]
		t.add(d.ID, or(d.Channel), or(d.Rule), d.State, d.Status, strconv.Itoa(d.Attempts), when(&d.CreatedAt), when(d.NextAt), or(d.LastError))
	}
	return t.write(cmd.OutOrStdout())
}
