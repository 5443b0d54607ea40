package tokenstoreextension

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The engines.
const (
	engineSQLite   = "sqlite"
	enginePostgres = "postgres"
)

// Postgres says how a PostgreSQL database is reached.
type Postgres struct {
	// DSN is a URL or keywords and values, as libpq reads them; several hosts are tried in turn.
	DSN configopaque.String `mapstructure:"dsn"`
	// PasswordFile holds the password; it is read for each new connection.
	PasswordFile string `mapstructure:"password_file"`
	// KeySecret keys the fingerprints of keys: 64 hexadecimal digits, the same in every process that uses the database.
	KeySecret configopaque.String `mapstructure:"key_secret"`
	// KeySecretFile holds the key secret instead.
	KeySecretFile string `mapstructure:"key_secret_file"`
	// ApplicationName is how the server names the connections.
	ApplicationName string `mapstructure:"application_name"`
	// MaxConnections bounds the connections of this process.
	MaxConnections int `mapstructure:"max_connections"`
	// ConnectTimeout bounds the opening of a connection.
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	// StatementTimeout bounds each statement of a write, and the wait for another process's write.
	StatementTimeout time.Duration `mapstructure:"statement_timeout"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func defaultPostgres() Postgres {
	return Postgres{ApplicationName: "tokenboard", MaxConnections: 16, ConnectTimeout: 5 * time.Second, StatementTimeout: 30 * time.Second}
}

func (p *Postgres) options() (o postgres.Options) {
	o.Options = database.Options{
		DSN: string(p.DSN), PasswordFile: p.PasswordFile, MaxConnections: p.MaxConnections, ConnectTimeout: p.ConnectTimeout,
		StatementTimeout: p.StatementTimeout, ApplicationName: p.ApplicationName,
	}
	return o
}

// DumpCommand is the command of a shell that backs the database up to a file. It has no password.
func (p *Postgres) DumpCommand(file string) string {
	o := p.options()
	return o.DumpCommand(file)
}

// validateEngine checks what says where the data is.
func (c *Config) validateEngine() error {
	switch c.Engine {
	case engineSQLite:
		if c.Directory == "" {
			return errors.New("directory must be set to the folder that shall hold the database")
		}
		return nil
	case enginePostgres:
		return c.Postgres.validate()
	}
	return fmt.Errorf("engine must be %s or %s, not %q", engineSQLite, enginePostgres, c.Engine)
}

func (p *Postgres) validate() error {
	o := p.options()
	errs := []error{o.Validate()}
	switch {
	case p.KeySecret != "" && p.KeySecretFile != "":
		errs = append(errs, errors.New("postgres: set key_secret or key_secret_file, not both"))
	case p.KeySecret == "" && p.KeySecretFile == "":
		errs = append(errs, errors.New("postgres: key_secret or key_secret_file must be set to 64 hexadecimal digits, for example of: openssl rand -hex 32"))
	case p.KeySecret != "":
		_, err := parseKeySecret(string(p.KeySecret))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// secret reads the key secret.
func (p *Postgres) secret() (usage.KeySecret, error) {
	if p.KeySecretFile == "" {
		return parseKeySecret(string(p.KeySecret))
	}
	text, err := os.ReadFile(p.KeySecretFile)
	if err != nil {
		return nil, fmt.Errorf("postgres: read key_secret_file: %w", err)
	}
	return parseKeySecret(string(text))
}

func parseKeySecret(text string) (usage.KeySecret, error) {
	secret, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != postgres.SecretSize {
		return nil, errors.New("postgres: the key secret must be 64 hexadecimal digits")
	}
	return secret, nil
}

// leaseTime is how long the lease of a command lasts that was killed.
const leaseTime = 15 * time.Second

// leased is an engine with a lease that is kept until the ledger gives it up.
type leased struct {
	*postgres.Engine
	lease *lease.Kept
}

// Release gives up the lease.
func (l *leased) Release(ctx context.Context, of store.Lease) error {
	l.lease.Stop() // it is not renewed any more
	return l.Engine.Release(ctx, of)
}

// Close ends the engine.
func (l *leased) Close() error {
	l.lease.Stop()
	return l.Engine.Close()
}

// openPostgres opens the configured database. Where it is not shared, it takes the lease of the ledger.
func (c *Config) openPostgres(ctx context.Context, holder string, shared bool) (engine, store.Directory, error) {
	o := c.Postgres.options()
	var err error
	if o.KeySecret, err = c.Postgres.secret(); err != nil {
		return nil, nil, err
	}
	e, err := postgres.Open(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("open the token store: %w", err)
	}
	if shared {
		return e, e.Directory(), nil
	}
	kept, err := lease.Acquire(ctx, e, lease.Options{Task: store.TaskLedger, Holder: holder, TTL: leaseTime}, func(error) {}) // what is written afterwards fails
	if errors.Is(err, store.ErrHeld) {
		err = fmt.Errorf("%w (%w)", store.ErrInUse, err)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the token store: %w", err), e.Close())
	}
	return &leased{e, kept}, e.Directory(), nil
}

// newHolder names this process among those that share the database.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
}
