package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

type backupOptions struct {
	dir    string
	config []string
}

func newBackupCommand() *cobra.Command {
	var o backupOptions
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a new file, also while tokenboard runs",
		Long: `Copies the SQLite database to a new file, also while tokenboard runs. A database in PostgreSQL is backed up
with pg_dump: with the configuration of the server (--config), the command says how, and ends with an error.`,
		Args: cobra.ExactArgs(1),
		RunE: o.run,
	}
	cmd.Flags().StringVar(&o.dir, "data-dir", "", "folder of the database (default $"+dataDirVariable+", else the quickstart's)")
	cmd.Flags().StringArrayVar(&o.config, "config", nil, "configuration of the server, which says where its database is, instead of --data-dir")
	cmd.MarkFlagsMutuallyExclusive("config", "data-dir")
	return cmd
}

func (o *backupOptions) run(c *cobra.Command, args []string) error {
	file, err := o.database(c, args[0])
	if err != nil {
		return err
	}
	if err := sqlite.Backup(c.Context(), file, args[0]); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s exists already; name a new file", args[0])
		}
		return fmt.Errorf("back up %s: %w", filepath.Dir(file), err)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), "backup written to "+args[0])
	if _, none := os.Stat(args[0] + sqlite.SecretSuffix); err == nil && none == nil {
		_, err = fmt.Fprintln(c.OutOrStdout(), "the secret of its keys, which a restore needs, to "+args[0]+sqlite.SecretSuffix+"; keep the two apart")
	}
	return err
}

// database returns the file of the database.
func (o *backupOptions) database(c *cobra.Command, to string) (string, error) {
	if len(o.config) > 0 {
		conf, err := readConfig(c.Context(), o.config)
		if err != nil {
			return "", err
		}
		if file := conf.store.Database(); file != "" {
			return file, nil
		}
		return "", fmt.Errorf("the data is in PostgreSQL, which pg_dump backs up, also while tokenboard runs: %s; "+
			"keep the key secret (postgres: key_secret_file) elsewhere, a restore needs it too", conf.store.Postgres.DumpCommand(to))
	}
	dir := o.dir
	if dir == "" {
		dir = os.Getenv(dataDirVariable)
	}
	if dir == "" {
		var err error
		if dir, err = defaultDataDir(); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, tokenstoreextension.FileName)
	if !exists(file) {
		return "", fmt.Errorf("there is no database at %s; name its folder with --data-dir, or the configuration with --config", file)
	}
	return file, nil
}
