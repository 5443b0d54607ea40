package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/client"
)

func budgetsCommand(c *connection) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "All budgets, with what is used and left", Args: noArgs}
	c.addJSON(list)
	list.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		budgets, err := api.Budgets(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, budgets)
		}
		return printBudgets(cmd, budgets)
	})
	root := &cobra.Command{Use: "budgets", Short: "Budgets of keys, users, teams, models, providers, upstream accounts and of all calls", Args: noArgs, RunE: list.RunE}
	root.AddCommand(list, c.createBudget(), c.changeBudget(), c.deleteBudget())
	return root
}

// listing connects before it runs.
func (c *connection) listing(run func(*cobra.Command, *client.Client) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		return run(cmd, api)
	}
}

func printBudgets(cmd *cobra.Command, budgets []client.Budget) error {
	t := newTable("ID", "NAME", "FOR", "PERIOD", "KIND", " LIMIT", " USED", " LEFT", " SHARE", "RESET", "USED UP")
	for i := range budgets {
		b := &budgets[i]
		of := b.Scope
		if b.SubjectName != "" {
			of += " " + b.SubjectName
		}
		kind, limit, used, left := "soft", "", "", ""
		if b.Hard {
			kind = "hard"
		}
		if b.Source == "configuration" {
			kind += ", fixed"
		}
		switch {
		case b.USD != nil:
			limit, used, left = dollars(b.USD.Limit), dollars(b.USD.Used), dollars(b.USD.Left)
		case b.Tokens != nil:
			limit, used, left = count(b.Tokens.Limit), count(b.Tokens.Used), count(b.Tokens.Left)
		}
		upAt := "-"
		if p := b.Projected; p != nil {
			if upAt = when(p.Expected); p.Exhausted {
				upAt = "now"
			}
		}
		t.add(b.ID, or(b.Name), or(of), b.Period, kind, limit, used, left, fmt.Sprintf("%.1f%%", 100*b.UsedShare), when(b.ResetsAt), upAt)
	}
	return t.write(cmd.OutOrStdout())
}

// budgetFlags are the settings of a budget as flags.
type budgetFlags struct {
	scope, subject, period, weekBegins, usd string
	monthBegins                             int
	tokens                                  int64
	hard                                    bool
}

func (f *budgetFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.scope, "scope", "", "all, key, user, team, model, provider or account")
	flags.StringVar(&f.subject, "for", "", "name or id of the key or team, or name of the user, model, provider or upstream account")
	flags.StringVar(&f.period, "period", "", "day, week, month or total")
	flags.StringVar(&f.weekBegins, "week-begins", "", "first day of a week (default monday)")
	flags.IntVar(&f.monthBegins, "month-begins", 0, "first day of a month, 1 to 31 (default 1)")
	flags.Int64Var(&f.tokens, "tokens", 0, "limit in tokens")
	flags.StringVar(&f.usd, "usd", "", "limit in US dollars")
	flags.BoolVar(&f.hard, "hard", false, "key checks refuse calls when it is used up; --hard=false: they do not")
	complete(cmd, "scope", "all", "key", "user", "team", "model", "provider", "account")
	complete(cmd, "period", "day", "week", "month", "total")
	complete(cmd, "week-begins", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}

// request returns the settings whose flags are given. A key is found by its name.
func (f *budgetFlags) request(ctx context.Context, cmd *cobra.Command, api *client.Client, scope string) (client.BudgetRequest, error) {
	var r client.BudgetRequest
	given := cmd.Flags().Changed
	if given("tokens") && given("usd") {
		return r, usageError{errors.New("--tokens and --usd: a budget has one limit; make two")}
	}
	if given("scope") {
		r.Scope, scope = &f.scope, f.scope
	}
	if given("for") {
		r.Subject = &f.subject
		if scope == "key" {
			k, err := api.FindKey(ctx, f.subject)
			if err != nil {
				return r, err
			}
			r.Subject = &k.ID
		}
	}
	if given("period") {
		r.Period = &f.period
	}
	if given("week-begins") {
		r.WeekBegins = &f.weekBegins
	}
	if given("month-begins") {
		r.MonthBegins = &f.monthBegins
	}
	if given("tokens") {
		r.Tokens = &f.tokens
	}
	if given("usd") {
		amount := client.USD(f.usd)
		r.USD = &amount
	}
	if given("hard") {
		r.Hard = &f.hard
	}
	return r, nil
}

func (c *connection) createBudget() *cobra.Command {
	var f budgetFlags
	cmd := &cobra.Command{Use: "create NAME", Short: "Make a budget", Args: oneArg}
	c.addJSON(cmd)
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		r, err := f.request(cmd.Context(), cmd, api, "")
		if err != nil {
			return err
		}
		r.Name = &args[0]
		made, err := api.CreateBudget(cmd.Context(), r)
		return show(cmd, c, made, err, printBudgets)
	}
	return cmd
}

// show prints what a change returned.
func show[T any](cmd *cobra.Command, c *connection, one T, err error, table func(*cobra.Command, []T) error) error {
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(cmd, one)
	}
	return table(cmd, []T{one})
}

// onNamed makes a command on something that find finds by its name or id.
func onNamed[T any](c *connection, verb, short string, find func(*client.Client, context.Context, string) (T, error), run func(*cobra.Command, *client.Client, T) error) *cobra.Command {
	return &cobra.Command{Use: verb + " NAME|ID", Short: short, Args: oneArg, RunE: func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		one, err := find(api, cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return run(cmd, api, one)
	}}
}

func (c *connection) changeBudget() *cobra.Command {
	var f budgetFlags
	var name string
	cmd := onNamed(c, "change", "Change a budget; what is not given stays", (*client.Client).FindBudget, func(cmd *cobra.Command, api *client.Client, b client.Budget) error {
		r, err := f.request(cmd.Context(), cmd, api, b.Scope)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("name") {
			r.Name = &name
		}
		changed, err := api.ChangeBudget(cmd.Context(), b.ID, r)
		return show(cmd, c, changed, err, printBudgets)
	})
	c.addJSON(cmd)
	f.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "another name")
	return cmd
}

func (c *connection) deleteBudget() *cobra.Command {
	return onNamed(c, "delete", "Delete a budget", (*client.Client).FindBudget, func(cmd *cobra.Command, api *client.Client, b client.Budget) error {
		if err := api.DeleteBudget(cmd.Context(), b.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), printable(b.Name)+" is deleted")
		return err
	})
}

func teamsCommand(c *connection) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "All teams", Args: noArgs}
	c.addJSON(list)
	list.RunE = c.listing(func(cmd *cobra.Command, api *client.Client) error {
		teams, err := api.Teams(cmd.Context())
		if err != nil {
			return err
		}
		if c.json {
			return printJSON(cmd, teams)
		}
		return printTeams(cmd, teams)
	})
	root := &cobra.Command{Use: "teams", Short: "Teams of keys, users and projects", Args: noArgs, RunE: list.RunE}
	root.AddCommand(list, c.createTeam(), c.changeTeam(), c.deleteTeam())
	return root
}

func printTeams(cmd *cobra.Command, teams []client.Team) error {
	t := newTable("ID", "NAME", "KEYS", "USERS", "PROJECTS", " BUDGETS", "DESCRIPTION")
	for _, team := range teams {
		var keys []string
		for _, k := range team.Keys {
			keys = append(keys, k.Name)
		}
		t.add(team.ID, or(team.Name), some(keys), some(team.Users), some(team.Projects), count(int64(len(team.Budgets))), or(team.Description))
	}
	return t.write(cmd.OutOrStdout())
}

// some shortens a list to its first three texts.
func some(texts []string) string {
	const most = 3
	if len(texts) <= most {
		return or(strings.Join(texts, ", "))
	}
	return fmt.Sprintf("%s, and %d more", printable(strings.Join(texts[:most], ", ")), len(texts)-most)
}

// teamFlags are the settings of a team as flags.
type teamFlags struct {
	description           string
	keys, users, projects []string
}

func (f *teamFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.description, "description", "", "what it is")
	flags.StringArrayVar(&f.keys, "key", nil, "name or id of a key; can be given several times, and replaces all keys; an empty one removes them")
	flags.StringArrayVar(&f.users, "user", nil, "user, as telemetry reports it; likewise")
	flags.StringArrayVar(&f.projects, "project", nil, "project, as telemetry reports it; likewise")
}

// request returns the settings whose flags are given. Keys are found by their names.
func (f *teamFlags) request(ctx context.Context, cmd *cobra.Command, api *client.Client) (client.TeamRequest, error) {
	var r client.TeamRequest
	given := cmd.Flags().Changed
	if given("description") {
		r.Description = &f.description
	}
	for _, of := range []struct {
		name string
		from []string
		into **[]string
	}{{"key", f.keys, &r.Keys}, {"user", f.users, &r.Users}, {"project", f.projects, &r.Projects}} {
		if !given(of.name) {
			continue
		}
		members := []string{}
		for _, m := range of.from {
			if m == "" {
				continue
			}
			if of.name == "key" {
				k, err := api.FindKey(ctx, m)
				if err != nil {
					return r, fmt.Errorf("--key %s: %w", printable(m), err)
				}
				m = k.ID
			}
			members = append(members, m)
		}
		*of.into = &members
	}
	return r, nil
}

func (c *connection) createTeam() *cobra.Command {
	var f teamFlags
	cmd := &cobra.Command{Use: "create NAME", Short: "Make a team", Args: oneArg}
	c.addJSON(cmd)
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		api, err := c.client()
		if err != nil {
			return err
		}
		r, err := f.request(cmd.Context(), cmd, api)
		if err != nil {
			return err
		}
		r.Name = &args[0]
		made, err := api.CreateTeam(cmd.Context(), r)
		return show(cmd, c, made, err, printTeams)
	}
	return cmd
}

func (c *connection) changeTeam() *cobra.Command {
	var f teamFlags
	var name string
	cmd := onNamed(c, "change", "Change a team; what is not given stays", (*client.Client).FindTeam, func(cmd *cobra.Command, api *client.Client, t client.Team) error {
		r, err := f.request(cmd.Context(), cmd, api)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("name") {
			r.Name = &name
		}
		changed, err := api.ChangeTeam(cmd.Context(), t.ID, r)
		return show(cmd, c, changed, err, printTeams)
	})
	c.addJSON(cmd)
	f.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "another name")
	return cmd
}

func (c *connection) deleteTeam() *cobra.Command {
	return onNamed(c, "delete", "Delete a team that has no budgets", (*client.Client).FindTeam, func(cmd *cobra.Command, api *client.Client, t client.Team) error {
		if err := api.DeleteTeam(cmd.Context(), t.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), printable(t.Name)+" is deleted")
		return err
	})
}
