package cli

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

// channelsCommand lists channels, and has the commands that change and test them.
func channelsCommand(c *connection) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Where notifications are sent", Args: noArgs}
	list.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		channels, err := api.AlertChannels(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, channels)
		}
		return printChannels(cmd, channels)
	})
	c.addJSON(list)
	cmd := &cobra.Command{Use: "channels", Short: "Where notifications are sent: list, add, set, remove, test", Args: noArgs, RunE: list.RunE}
	c.addJSON(cmd)
	cmd.AddCommand(list, c.channelKinds(), c.addChannel(), c.setChannel(),
		c.rule("remove ID", "Remove a channel; what waits for it is given up", func(cmd *cobra.Command, api *client.Client, id string) error {
			return api.RemoveAlertChannel(cmd.Context(), id)
		}),
		c.rule("test ID", "Send a test message through a channel", func(cmd *cobra.Command, api *client.Client, id string) error {
			d, err := api.TestAlertChannel(cmd.Context(), id)
			if err != nil {
				return err
			}
			return c.printDeliveries(cmd, d)
		}))
	return cmd
}

func printChannels(cmd *cobra.Command, channels []client.AlertChannel) error {
	t := newTable("ID", "NAME", "KIND", "ON", "LANGUAGE", "SETTINGS", "SECRETS")
	for i := range channels {
		x := &channels[i]
		on := "no"
		if x.Enabled {
			on = "yes"
		}
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(x.Settings)) {
			settings = append(settings, name+"="+x.Settings[name])
		}
		t.add(x.ID, x.Name, x.Kind, on, x.Language, or(strings.Join(settings, " ")), or(strings.Join(x.Secrets, " ")))
	}
	return t.write(cmd.OutOrStdout())
}

func (c *connection) channelKinds() *cobra.Command {
	cmd := &cobra.Command{Use: "kinds", Short: "The kinds of channels with their settings and secrets", Args: noArgs}
	cmd.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		kinds, err := api.AlertChannelKinds(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, kinds)
		}
		t := newTable("KIND", "FIELD", "SET BY", "NEEDED", "WHAT")
		for i := range kinds {
			for _, f := range kinds[i].Fields {
				by, needed, what := "--setting", "no", f.Form
				if f.Secret {
					by = "--secret"
				}
				if f.Required {
					needed = "yes"
				}
				if len(f.Values) > 0 {
					what = strings.Join(f.Values, ", ")
				}
				t.add(kinds[i].Kind, f.Name, by, needed, what)
			}
		}
		return t.write(cmd.OutOrStdout())
	})
	c.addJSON(cmd)
	return cmd
}

// channelFlags are what a channel is made of, as flags.
type channelFlags struct {
	name, kind, language string
	enabled              bool
	settings, secrets    []string
}

func (f *channelFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.language, "language", "", "of its messages: en or zh")
	flags.BoolVar(&f.enabled, "enabled", true, "--enabled=false: nothing is sent to it but tests")
	flags.StringArrayVar(&f.settings, "setting", nil, "NAME=VALUE of a setting; can be given several times")
	flags.StringArrayVar(&f.secrets, "secret", nil, "NAME=SOURCE of a secret, where SOURCE is - (standard input), env:VARIABLE or file:PATH; can be given several times")
	complete(cmd, "language", "en", "zh")
}

func (c *connection) addChannel() *cobra.Command {
	var f channelFlags
	cmd := &cobra.Command{Use: "add NAME", Short: "Add a channel", Args: oneArg}
	c.addJSON(cmd)
	f.add(cmd)
	cmd.Flags().StringVar(&f.kind, "kind", "", "one that tokenboard alerts channels kinds lists")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.kind == "" {
			return usageError{errors.New("--kind: say which; tokenboard alerts channels kinds lists them")}
		}
		settings, err := fields("setting", f.settings)
		if err != nil {
			return err
		}
		secrets, err := secretsFrom(cmd, f.secrets)
		if err != nil {
			return err
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		made, err := api.AddAlertChannel(cmd.Context(), client.NewAlertChannel{Name: args[0], Kind: f.kind, Enabled: f.enabled, Language: f.language, Settings: settings, Secrets: secrets})
		return show(cmd, c, made, err, printChannels)
	}
	return cmd
}

func (c *connection) setChannel() *cobra.Command {
	var f channelFlags
	var without []string
	cmd := &cobra.Command{Use: "set ID", Short: "Change a channel; what is not given stays", Args: oneArg}
	c.addJSON(cmd)
	f.add(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "another name")
	cmd.Flags().StringArrayVar(&without, "without-secret", nil, "name of a secret that is removed; can be given several times")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := cmd.Flags().Changed
		var change client.AlertChannelChange
		if given("name") {
			change.Name = &f.name
		}
		if given("enabled") {
			change.Enabled = &f.enabled
		}
		if given("language") {
			change.Language = &f.language
		}
		settings, err := fields("setting", f.settings)
		if err != nil {
			return err
		}
		if change.Secrets, err = secretsFrom(cmd, f.secrets); err != nil {
			return err
		}
		for _, name := range without {
			change.Secrets[name] = ""
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		if len(settings) > 0 { // the API takes all of them
			was, err := api.AlertChannel(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			change.Version, change.Settings = was.Version, maps.Clone(was.Settings)
			if change.Settings == nil {
				change.Settings = map[string]string{}
			}
			maps.Copy(change.Settings, settings)
		}
		changed, err := api.ChangeAlertChannel(cmd.Context(), args[0], change)
		return show(cmd, c, changed, err, printChannels)
	}
	return cmd
}

// fields reads texts such as NAME=VALUE. An error repeats nothing of them: it may be a secret in the wrong place.
func fields(flag string, texts []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range texts {
		name, value, both := strings.Cut(text, "=")
		if _, again := out[name]; !both || again || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, usageError{fmt.Errorf("--%s: each is NAME=VALUE, and each name is given once", flag)}
		}
		out[name] = value
	}
	return out, nil
}

// maxSecret bounds the bytes of a secret.
const maxSecret = 64 << 10

// secretsFrom reads secrets from where flags say that they are. A secret itself is no argument: other users of the machine could
// read it, and so could who reads the history of the shell.
func secretsFrom(cmd *cobra.Command, texts []string) (map[string]string, error) {
	sources, err := fields("secret", texts)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	input := false
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		kind, where, _ := strings.Cut(sources[name], ":")
		var value string
		switch {
		case sources[name] == "-" && !input:
			input = true
			value, err = readSecret(cmd.InOrStdin())
		case sources[name] == "-":
			return nil, usageError{errors.New("--secret: the standard input has one secret; give the others by env:VARIABLE or file:PATH")}
		case kind == "env" && where != "":
			value = os.Getenv(where)
		case kind == "file" && where != "":
			value, err = readSecretFile(where)
		default:
			return nil, usageError{fmt.Errorf("--secret %s: say where it is: - (standard input), env:VARIABLE or file:PATH; a secret itself is not taken as an argument", name)}
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--secret %s: %w", name, err)}
		}
		if value = strings.TrimSpace(value); value == "" {
			return nil, usageError{fmt.Errorf("--secret %s: it is empty there", name)}
		}
		out[name] = value
	}
	return out, nil
}

func readSecretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read it: %w", err)
	}
	defer f.Close()
	return readSecret(f)
}

func readSecret(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read it: %w", err)
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("it has more than %d bytes", maxSecret)
	}
	return string(b), nil
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
