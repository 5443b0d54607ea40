package tokenstoreextension

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

// Migrated is the report of Migrate.
type Migrated struct {
	Rows   map[string]int64 // by table, see transfer.Tables
	Counts transfer.Counts  // of both databases
}

// Migrate moves everything that one of the two configured databases holds into the other one, whose engine it names:
// sqlite is the file in Directory, postgres what Postgres says; Engine is not looked at. Both must be stopped
// (store.ErrInUse), and the target empty (transfer.ErrNotEmpty). The original stays as it is. It compares the two before it
// returns; after an error the target has nothing, and it can be called again.
func (c *Config) Migrate(ctx context.Context, to string, progress func(transfer.Progress)) (Migrated, error) {
	if c.Directory == "" {
		return Migrated{}, errors.New("directory must be set to the folder of the SQLite database")
	}
	if err := c.Postgres.validate(); err != nil {
		return Migrated{}, err
	}
	switch to {
	case enginePostgres:
		return c.toPostgres(ctx, progress)
	case engineSQLite:
		return c.toSQLite(ctx, progress)
	}
	return Migrated{}, fmt.Errorf("the engine to move to must be %s or %s, not %q", engineSQLite, enginePostgres, to)
}

func (c *Config) toPostgres(ctx context.Context, progress func(transfer.Progress)) (m Migrated, err error) {
	o := c.Postgres.options()
	if o.KeySecret, err = c.Postgres.secret(); err != nil {
		return m, err
	}
	if _, err := os.Stat(c.path()); err != nil {
		return m, fmt.Errorf("find the database to move: %w", err)
	}
	from, err := sqlite.Open(ctx, sqlite.Options{Path: c.path(), Keyed: true})
	if err != nil {
		return m, fmt.Errorf("open the token store at %s: %w", c.path(), err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if !bytes.Equal(from.KeySecret(), o.KeySecret) {
		return m, fmt.Errorf("postgres: key_secret is not the secret of the keys that are moved, which clients could not use any more; "+
			"set key_secret_file to a copy of %s", c.path()+sqlite.SecretSuffix)
	}
	err = postgres.Import(ctx, o, func(target transfer.Target) error {
		return from.Export(ctx, func(source transfer.Source) error {
			m.Rows, err = transfer.Move(ctx, source, target, progress)
			return err
		})
	})
	if err != nil {
		return m, fmt.Errorf("move to PostgreSQL: %w", err)
	}
	copied, err := postgres.Open(ctx, o)
	if err != nil {
		return m, fmt.Errorf("open the copy: %w", err)
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	m.Counts, err = compare(ctx, from, copied)
	return m, err
}

func (c *Config) toSQLite(ctx context.Context, progress func(transfer.Progress)) (m Migrated, err error) {
	if _, err := os.Stat(c.path()); err == nil { // before anything is locked
		return m, fmt.Errorf("%w: there is %s; move it away, or name another directory", transfer.ErrNotEmpty, c.path())
	}
	opened, _, err := c.openPostgres(ctx, newHolder(), false)
	if err != nil {
		return m, err
	}
	from, ok := opened.(*leased)
	if !ok {
		return m, errors.Join(errors.New("the engine has no lease"), opened.Close())
	}
	defer func() {
		err = errors.Join(err, from.Release(context.WithoutCancel(ctx), from.lease.Lease()), from.Close())
	}()
	err = sqlite.Import(ctx, c.path(), from.KeySecret(), func(target transfer.Target) error {
		return from.Export(ctx, func(source transfer.Source) error {
			m.Rows, err = transfer.Move(ctx, source, target, progress)
			return err
		})
	})
	if err != nil {
		return m, fmt.Errorf("move to %s: %w", c.path(), err)
	}
	copied, err := sqlite.Open(ctx, sqlite.Options{Path: c.path(), Keyed: true})
	if err != nil {
		return m, fmt.Errorf("open the copy: %w", err)
	}
	defer func() { err = errors.Join(err, copied.Close()) }()
	m.Counts, err = compare(ctx, from, copied)
	return m, err
}

// compare asks both databases for the number of their records and the sums over them.
func compare(ctx context.Context, from, copied store.Calls) (transfer.Counts, error) {
	want, err := transfer.Count(ctx, from)
	if err != nil {
		return want, fmt.Errorf("sum the records of the original: %w", err)
	}
	got, err := transfer.Count(ctx, copied)
	if err != nil {
		return want, fmt.Errorf("sum the records of the copy: %w", err)
	}
	if !reflect.DeepEqual(want, got) {
		return want, fmt.Errorf("%w: %+v, and not %+v; do not use the copy, remove it", transfer.ErrDiffers, got, want)
	}
	return want, nil
}
