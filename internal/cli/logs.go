package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func logsCommand(c *connection) *cobra.Command {
	var q client.LogQuery
	var limit int
	var follow bool
	cmd := reading(c, "logs", "Single calls, newest first; with --follow as they come", func(cmd *cobra.Command, api *client.Client, f client.Filter) error {
		q.Filter = f
		if follow {
			return followLogs(cmd, api, q, c.json)
		}
		if limit < 1 {
			return usageError{errors.New("--limit must be at least 1")}
		}
		const page = 1000
		q.Limit = min(limit, page)
		calls := []client.Call{}
		for one, err := range api.Calls(cmd.Context(), q) {
			if err != nil {
				return err
			}
			if calls = append(calls, one); len(calls) == limit {
				break
			}
		}
		if c.json {
			return printJSON(cmd, calls)
		}
		t := newTable("TIME", "STATUS", "MODEL", "KEY", "USER", " INPUT", " OUTPUT", " COST", " MS", "NOTES")
		for i := range calls {
			t.add(cells(&calls[i])...)
		}
		return t.write(cmd.OutOrStdout())
	})
	c.addJSON(cmd)
	f := cmd.Flags()
	f.IntVarP(&limit, "limit", "n", 50, "calls to show")
	f.StringVarP(&q.Query, "query", "q", "", `text search, such as 'status:429 model:gpt'`)
	f.BoolVar(&q.Superseded, "superseded", false, "also records that do not count")
	f.BoolVarP(&follow, "follow", "f", false, "show calls as they are counted, until it is interrupted")
	return cmd
}

func cells(one *client.Call) []string {
	status := "ok"
	if one.Failed {
		status = "error"
	}
	if one.Status != nil {
		status = strconv.Itoa(*one.Status)
	}
	key := ""
	if one.Key != nil {
		if key = one.Key.Name; key == "" {
			key = one.Key.Display
		}
	}
	notes := one.Quality
	if one.ErrorMessage != "" {
		notes = append([]string{one.ErrorMessage}, notes...)
	}
	if one.ErrorType != "" {
		notes = append([]string{one.ErrorType}, notes...)
	}
	if !one.Counted {
		notes = append(notes, "superseded:"+one.Superseded)
	}
	return []string{
		when(&one.Time), status, or(one.Model), or(key), or(one.User), maybe(one.Input), maybe(one.Output), dollars(one.Cost),
		milliseconds(one.DurationMS), printable(strings.Join(notes, " ")),
	}
}

// followLogs prints calls as they come. Its columns have widths that most values fit in.
func followLogs(cmd *cobra.Command, api *client.Client, q client.LogQuery, asJSON bool) error {
	w, errs := cmd.OutOrStdout(), cmd.ErrOrStderr()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for e, err := range api.Follow(cmd.Context(), q, "") {
		switch {
		case errors.Is(err, context.Canceled):
			return nil
		case err != nil:
			return err
		case e.Call != nil && asJSON:
			err = enc.Encode(e.Call)
		case e.Call != nil:
			x := cells(e.Call)
			_, err = fmt.Fprintf(w, "%-19s  %-6s %-28s %-16s %-16s %10s %10s %12s %8s  %s\n", x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9])
		case e.Superseded != nil:
			_, err = fmt.Fprintln(errs, "tokenboard: no longer counted: "+printable(*e.Superseded))
		case e.Skipped != nil && *e.Skipped >= 0:
			_, err = fmt.Fprintf(errs, "tokenboard: %d events were missed; tokenboard logs shows all calls\n", *e.Skipped)
		case e.Skipped != nil:
			_, err = fmt.Fprintln(errs, "tokenboard: the server was restarted, and events may be missing; tokenboard logs shows all calls")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func keysCommand(c *connection) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "All keys, without their secrets", Args: noArgs}
	c.addJSON(list)
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		keys, err := api.Keys(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, keys)
		}
		t := newTable("ID", "NAME", "KEY", "STATUS", "OWNER", "LAST USED", " CALLS", " TOKENS", " COST")
		for _, k := range keys {
			t.add(k.ID, or(k.Name), or(k.Display), or(k.Status), or(k.Owner), when(k.LastUsedAt), count(k.Usage.Calls), count(k.Usage.Total), sumCost(k.Usage.Cost, k.Usage.Unpriced))
		}
		return t.write(cmd.OutOrStdout())
	}
	root := &cobra.Command{Use: "keys", Short: "API keys", Args: noArgs, RunE: list.RunE}
	root.AddCommand(list, createKey(c), c.onKey("revoke", "Revoke a key at once", func(cmd *cobra.Command, api *client.Client, k client.Key) error {
		if err := api.RevokeKey(cmd.Context(), k.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), printable(k.Name)+" is revoked")
		return err
	}), rotateKey(c), c.onKey("disable", "Turn a key off until it is enabled", disable(true)), c.onKey("enable", "Turn a key on again", disable(false)))
	return root
}

func disable(off bool) func(*cobra.Command, *client.Client, client.Key) error {
	return func(cmd *cobra.Command, api *client.Client, k client.Key) error {
		k, err := api.DisableKey(cmd.Context(), k.ID, off)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), printable(k.Name)+" is "+printable(k.Status))
		return err
	}
}

// onKey makes a command on a key that is named by its name or id.
func (c *connection) onKey(verb, short string, run func(*cobra.Command, *client.Client, client.Key) error) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME|ID", Short: short, Args: oneArg, ValidArgsFunction: c.completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.client()
			if err != nil {
				return err
			}
			k, err := api.FindKey(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return run(cmd, api, k)
		},
	}
}

func (c *connection) completeKeys(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	api, err := c.client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	keys, _ := api.Keys(ctx) // a shell shows no errors
	var out []string
	for _, k := range keys {
		if k.Status != "revoked" && strings.HasPrefix(k.Name, begun) {
			out = append(out, cobra.CompletionWithDesc(printable(k.Name), printable(k.Display)))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func createKey(c *connection) *cobra.Command {
	var k client.KeyRequest
	var expires string
	cmd := &cobra.Command{Use: "create NAME", Short: "Make a key; its secret is shown this once", Args: oneArg}
	c.addJSON(cmd)
	f := cmd.Flags()
	f.StringVar(&k.Description, "description", "", "what it is for")
	f.StringVar(&k.Owner, "owner", "", "user it belongs to")
	f.StringVar(&expires, "expires", "", "time from which it does not work: 2027-01-01 or 2027-01-01T12:00:00Z")
	f.StringArrayVar(&k.Models, "model", nil, "model it may ask, with * for any letters; can be given several times")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		k.Name = args[0]
		if expires != "" {
			at, err := readTime(expires, time.Now())
			if err != nil {
				return usageError{fmt.Errorf("--expires: %w", err)}
			}
			k.ExpiresAt = &at
		}
		api, err := c.client()
		if err != nil {
			return err
		}
		made, err := api.CreateKey(cmd.Context(), k)
		if err != nil {
			return err
		}
		return showSecret(cmd, c.json, made)
	}
	return cmd
}

// showSecret prints a secret alone on the standard output, so that it can be piped to where it belongs.
func showSecret(cmd *cobra.Command, asJSON bool, k client.NewKey) error {
	if asJSON {
		return printJSON(cmd, k)
	}
	_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "tokenboard: "+printable(k.Name)+" ("+k.ID+"); the key is shown this once:")
	_, err := fmt.Fprintln(cmd.OutOrStdout(), k.Secret)
	return err
}

func rotateKey(c *connection) *cobra.Command {
	var overlap time.Duration
	cmd := c.onKey("rotate", "Give a key a new secret, shown this once", func(cmd *cobra.Command, api *client.Client, k client.Key) error {
		made, err := api.RotateKey(cmd.Context(), k.ID, overlap)
		if err != nil {
			return err
		}
		return showSecret(cmd, c.json, made)
	})
	c.addJSON(cmd)
	cmd.Flags().DurationVar(&overlap, "overlap", 0, "how long the old secret works on")
	return cmd
}
