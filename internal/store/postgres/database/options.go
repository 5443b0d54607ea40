package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say where the database is.
type Options struct {
	// DSN is a URL (postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full) or keywords and values (host=... user=...), as
	// libpq reads them; several hosts are tried in turn. PostgreSQL's environment variables (PGPASSWORD, PGSSLROOTCERT, ...)
	// stand for what it leaves out.
	DSN string
	// PasswordFile holds the password. It is read for each new connection, so that a changed password holds without a restart.
	PasswordFile string
	// MaxConnections bounds the connections of this process; default 16, at least 4.
	MaxConnections int
	// ConnectTimeout limits how long opening a connection may take; default 5 s.
	ConnectTimeout time.Duration
	// StatementTimeout bounds each statement of a write, and the wait for other processes' writes; default 30 s.
	StatementTimeout time.Duration
	// ApplicationName is how the server names the connections; default "tokenboard".
	ApplicationName string
}

const (
	defaultConnections   = 16
	leastConnections     = 4
	defaultConnect       = 5 * time.Second
	defaultStatement     = 30 * time.Second
	defaultApplication   = "tokenboard"
	maxConnectionIdle    = 5 * time.Minute
	maxConnectionAge     = time.Hour
	describedStatements  = 256
	maxPasswordFileBytes = 64 << 10
)

var errDSN = errors.New("postgres: dsn cannot be read; use postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, or host=HOST user=USER dbname=DATABASE")

var errEncode = errors.New("postgres: dsn cannot be read; write #, /, ? and @ in a password as %23, %2F, %3F and %40, or use password_file")

// misread reports a URL whose password would be taken for another part, of which errors could then hold a piece.
func misread(dsn string) bool {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return false
	}
	u, err := url.Parse(dsn)
	return err == nil && (u.Fragment != "" || u.User == nil && strings.Contains(dsn, "@"))
}

// Validate checks the options without connecting. No error holds a part of the DSN, which may hold a password.
func (o *Options) Validate() error {
	var errs []error
	if o.DSN == "" {
		errs = append(errs, errors.New("postgres: dsn must be set, for example to ${env:TOKENBOARD_DSN}"))
	} else if _, err := o.config(); err != nil {
		errs = append(errs, err)
	}
	if o.MaxConnections != 0 && o.MaxConnections < leastConnections {
		errs = append(errs, fmt.Errorf("postgres: max_connections must be at least %d", leastConnections))
	}
	if o.ConnectTimeout < 0 || o.StatementTimeout < 0 {
		errs = append(errs, errors.New("postgres: timeouts must not be negative"))
	}
	return errors.Join(errs...)
}

// config makes the configuration of a pool.
func (o *Options) config() (*pgxpool.Config, error) {
	if misread(o.DSN) {
		return nil, errEncode
	}
	c, err := pgxpool.ParseConfig(o.DSN)
	var file *fs.PathError
	switch {
	case errors.As(err, &file): // sslrootcert, sslcert, sslkey, passfile, or their variables
		return nil, fmt.Errorf("postgres: a file of certificates that the dsn or the environment names cannot be read: %w", file)
	case err != nil:
		return nil, errDSN // what pgx says may quote the password
	}
	conn := c.ConnConfig
	// Statements have no name on the server, where PgBouncer gives each transaction another connection.
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = 0, describedStatements
	conn.ConnectTimeout = cmp.Or(o.ConnectTimeout, defaultConnect)
	conn.DialFunc = dialer().DialContext
	conn.RuntimeParams["application_name"] = cmp.Or(o.ApplicationName, conn.RuntimeParams["application_name"], defaultApplication)
	if conn.ValidateConnect == nil { // the DSN has no target_session_attrs
		conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.MinConns, c.MinIdleConns = 0, 0
	c.MaxConnIdleTime, c.MaxConnLifetime = maxConnectionIdle, maxConnectionAge
	if o.PasswordFile != "" {
		c.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
			password, err := readPassword(o.PasswordFile)
			conn.Password = password
			return err
		}
	}
	return c, nil
}

func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxPasswordFileBytes {
		return "", fmt.Errorf("postgres: password_file %s is too large for a password", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("postgres: read password_file: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// DumpCommand is the command of a shell that backs the database up to a file. It names hosts, user and database, never a
// password.
func (o *Options) DumpCommand(file string) string {
	command := "pg_dump --format=custom"
	add := func(option, value string) {
		if value != "" {
			command += " " + option + "=" + shellQuoted(value)
		}
	}
	add("--file", file)
	if c, err := o.config(); err == nil {
		hosts, ports := hostsAndPorts(&c.ConnConfig.Config)
		add("--host", hosts)
		add("--port", ports)
		add("--username", c.ConnConfig.User)
		add("--dbname", c.ConnConfig.Database)
	}
	return command
}

// hostsAndPorts are the lists as libpq's programs take them.
func hostsAndPorts(c *pgconn.Config) (hosts, ports string) {
	for i, at := range addresses(c) {
		if i > 0 {
			hosts, ports = hosts+",", ports+","
		}
		hosts, ports = hosts+at.host, ports+strconv.Itoa(int(at.port))
	}
	return hosts, ports
}

// shellQuoted quotes a word where a shell would read it as something else.
func shellQuoted(word string) string {
	if strings.IndexFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./,:=+@%", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
