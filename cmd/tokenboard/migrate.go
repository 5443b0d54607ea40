package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

type migrateOptions struct {
	to, dataDir string
	config      []string
}

func newMigrateCommand() *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate --to postgres|sqlite --config FILE",
		Short: "Move everything to the other engine while tokenboard is stopped, and verify the copy",
		Long: `Moves what the database of one engine holds into an empty one of the other engine: records, sums, keys,
users, sessions, API tokens, the audit log. The configuration says where both are: directory (or --data-dir)
for sqlite, and postgres. Which engine it is set to does not matter.

No tokenboard may run on either database. Number and content of all rows, and the sums over all records, are
compared before the command reports success. If it is interrupted, the target has nothing, and the command
can be run again. The original stays as it is: keep it as a backup, and start nothing on it any more.`,
		Example: `  tokenboard migrate --to postgres --config /etc/tokenboard/config.yaml --data-dir /var/lib/tokenboard
  tokenboard migrate --to sqlite --config /etc/tokenboard/config.yaml --data-dir /var/lib/tokenboard`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return o.run(ctx, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "engine to move to: postgres or sqlite")
	f.StringArrayVar(&o.config, "config", nil, "configuration of the collector, whose postgres settings are used")
	f.StringVar(&o.dataDir, "data-dir", "", "folder of the SQLite database (default: directory of the configuration, else $"+dataDirVariable+")")
	return cmd
}

func (o *migrateOptions) run(ctx context.Context, c *cobra.Command) error {
	if o.to != "postgres" && o.to != "sqlite" {
		return errors.New("set --to to the engine to move to: postgres or sqlite")
	}
	if len(o.config) == 0 {
		return errors.New("set --config to a configuration with the settings postgres of the extension tokenstore")
	}
	if o.dataDir != "" { // which the configuration may refer to
		if err := os.Setenv(dataDirVariable, o.dataDir); err != nil {
			return fmt.Errorf("set %s: %w", dataDirVariable, err)
		}
	}
	conf, err := readConfig(ctx, o.config)
	if err != nil {
		return err
	}
	if o.dataDir != "" {
		conf.store.Directory = o.dataDir
	}
	if conf.store.Directory == "" {
		conf.store.Directory = os.Getenv(dataDirVariable)
	}
	if conf.store.Directory == "" {
		return errors.New("set --data-dir to the folder of the SQLite database")
	}
	shown := &migrateProgress{out: c, now: time.Now}
	m, err := conf.store.Migrate(ctx, o.to, shown.print)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return errors.New("interrupted: nothing was moved; run it again")
	case errors.Is(err, store.ErrInUse):
		return fmt.Errorf("stop every tokenboard that uses this database first, and a killed one keeps its lease for up to 6 seconds: %w", err)
	case err != nil:
		return err
	}
	return o.report(c, &m, conf.store)
}

func (o *migrateOptions) report(c *cobra.Command, m *tokenstoreextension.Migrated, conf *tokenstoreextension.Config) error {
	t := &m.Counts.Totals
	_, err := fmt.Fprintf(c.OutOrStdout(), `moved to %s: %d records (%d count: %d tokens, %s USD), %d keys, %d users, %d API tokens, %d entries of the audit log
verified: rows of %d tables, number and content; sums over all records
next: set engine: %s in the extension tokenstore, and start. The original is unchanged: keep it as a backup, and start nothing on it
`, o.to, m.Counts.Records, t.Calls, t.Tokens.Total(), t.Cost, m.Rows["api_keys"], m.Rows["users"], m.Rows["api_tokens"], m.Rows["audit_log"], len(m.Rows), o.to)
	if err == nil && o.to == "sqlite" {
		_, err = fmt.Fprintf(c.OutOrStdout(), "the database is in %s, with the secret of its keys beside it; it belongs to the user that ran this command\n", conf.Directory)
	}
	return err
}

// migrateProgress prints each table when it is done, and how far a long one is every few seconds.
type migrateProgress struct {
	out  *cobra.Command
	now  func() time.Time
	last time.Time
}

func (p *migrateProgress) print(at transfer.Progress) {
	const interval = 2 * time.Second
	now := p.now()
	if !at.Done && now.Sub(p.last) < interval {
		return
	}
	p.last = now
	doing, dots := "copied", ""
	if at.Verifying {
		doing = "verified"
	}
	if !at.Done {
		dots = " ..."
	}
	p.out.PrintErrf("%-8s %-16s %10d rows%s\n", doing, at.Table, at.Rows, dots)
}
