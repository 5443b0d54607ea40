package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

const (
	serverVariable = "TOKENBOARD_SERVER"
	tokenVariable  = "TOKENBOARD_TOKEN"
	defaultServer  = "http://127.0.0.1:8317"
)

// Exit codes.
const (
	exitFailed     = 1 // anything else
	exitWrong      = 2 // the command or its flags are wrong
	exitNotAllowed = 3 // not signed in, or the role does not allow it
	exitNotThere   = 4 // what was named does not exist
)

// usageError is a command that cannot be meant.
type usageError struct{ error }

// ExitCode returns the exit code of a process after an error of a command.
func ExitCode(err error) int {
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong), client.IsStatus(err, 400):
		return exitWrong
	case client.IsStatus(err, 401), client.IsStatus(err, 403):
		return exitNotAllowed
	case client.IsStatus(err, 404), errors.Is(err, client.ErrKeyUnknown), errors.Is(err, client.ErrBudgetUnknown), errors.Is(err, client.ErrTeamUnknown):
		return exitNotThere
	}
	return exitFailed
}

// connection is the flags that say which server to ask, as whom.
type connection struct {
	server, tokenFile string
	json              bool
}

// Commands returns the commands.
func Commands() []*cobra.Command {
	var all []*cobra.Command
	for _, make := range []func(*connection) *cobra.Command{statsCommand, trendCommand, breakdownCommand, forecastCommand, changesCommand, alertsCommand, logsCommand, exportCommand, importCommand, keysCommand, budgetsCommand, teamsCommand, pricesCommand, billsCommand, mcpCommand} {
		c := &connection{}
		cmd := make(c)
		f := cmd.PersistentFlags()
		f.StringVar(&c.server, "server", "", "address of the server (default $"+serverVariable+", else "+defaultServer+")")
		f.StringVar(&c.tokenFile, "token-file", "", "file with an API token, readable by its owner only (default: the token in $"+tokenVariable+")")
		cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
		cmd.SilenceUsage = true
		all = append(all, cmd)
	}
	return all
}

// client connects. A token never comes from a flag: other users of the machine see those.
func (c *connection) client() (*client.Client, error) {
	server := c.server
	if server == "" {
		server = os.Getenv(serverVariable)
	}
	if server == "" {
		server = defaultServer
	}
	token := os.Getenv(tokenVariable)
	if c.tokenFile != "" {
		var err error
		if token, err = readToken(c.tokenFile); err != nil {
			return nil, err
		}
	}
	var options []client.Option
	if token = strings.TrimSpace(token); token != "" {
		options = append(options, client.WithToken(token))
	}
	out, err := client.New(server, options...)
	if err != nil {
		return nil, usageError{err}
	}
	return out, nil
}

func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", usageError{fmt.Errorf("the token's file: %w", err)}
	}
	const others fs.FileMode = 0o077
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return "", usageError{fmt.Errorf("the token's file %s can be read by others; run: chmod 600 %s", path, path)}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", usageError{fmt.Errorf("the token's file: %w", err)}
	}
	return string(b), nil
}

// addJSON adds the flag that asks for JSON.
func (c *connection) addJSON(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.json, "json", false, "print the API's JSON")
}

func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// filterFlags are the filters as flags.
type filterFlags struct {
	from, to string
	filter   client.Filter
}

func (c *connection) addFilters(cmd *cobra.Command) *filterFlags {
	f := &filterFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "calls that started at this time or later: 2026-11-24, 2026-11-24T12:00:00Z, or so long ago: 90m, 24h, 7d")
	flags.StringVar(&f.to, "to", "", "calls that started before this time; as --from")
	for _, t := range []struct {
		name, doc string
		into      *[]string
	}{
		{"model", "model that answered", &f.filter.Models}, {"provider", "provider", &f.filter.Providers}, {"key", "id or name of a key", &f.filter.Keys},
		{"user", "user", &f.filter.Users}, {"service", "service", &f.filter.Services}, {"project", "project", &f.filter.Projects},
		{"status", "ok, error, or an HTTP status code", &f.filter.Statuses},
		{"service-tier", "service tier: standard, batch, flex, priority, scale or other", &f.filter.Tiers},
		{"account", "upstream account, as it is shown", &f.filter.Accounts}, {"team", "id or name of a team", &f.filter.Teams},
	} {
		flags.StringArrayVar(t.into, t.name, nil, t.doc+"; can be given several times")
		if err := cmd.RegisterFlagCompletionFunc(t.name, c.complete(t.name)); err != nil {
			panic(err) // the flag is there
		}
	}
	return f
}

// read returns the filter.
func (f *filterFlags) read(now time.Time) (client.Filter, error) {
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"from", f.from, &f.filter.From}, {"to", f.to, &f.filter.To}} {
		var err error
		if *t.into, err = readTime(t.text, now); err != nil {
			return f.filter, usageError{fmt.Errorf("--%s: %w", t.name, err)}
		}
	}
	return f.filter, nil
}

var errTime = errors.New("is not a time such as 2026-11-24, 2026-11-24T12:00:00Z, 24h or 7d")

func readTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days+"\n", "%d\n", &n); err == nil && n > 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q %w", s, errTime)
}

// completionTime bounds how long a shell waits for the values of a dimension.
const completionTime = 2 * time.Second

// complete offers the values of a dimension, most used first, as the server has them.
func (c *connection) complete(dimension string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		if dimension == "status" {
			return []string{"ok", "error"}, cobra.ShellCompDirectiveNoFileComp
		}
		api, err := c.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		values, err := api.Dimension(ctx, dimension, begun, 50)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, v := range values {
			text := printable(v.Value)
			if dimension == "key" {
				text = printable(v.Label)
			}
			if strings.HasPrefix(text, begun) && text != "" {
				out = append(out, cobra.CompletionWithDesc(text, fmt.Sprintf("%d calls", v.Calls)))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
