package database

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tokenboard/tokenboard/internal/store"
)

// SQLSTATE codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeReadOnly       = "25006"
	codeAuthorization  = "28000"
	codePassword       = "28P01"
	codeNoDatabase     = "3D000"
	codeNoSchema       = "3F000"
	codePermission     = "42501"
	codeUndefinedTable = "42P01"
	codeUnique         = "23505"
	codeDuplicateTable = "42P07"
	codeConnections    = "53300"
	codeCancelled      = "57014"
	codeAdminShutdown  = "57P01"
	codeCrashShutdown  = "57P02"
	codeStarting       = "57P03"
	classDamage        = "XX" // XX001 data_corrupted, XX002 index_corrupted
)

// reasons says what codes mean to who operates the database.
var reasons = map[string]string{
	codePassword:       "the password is wrong; check the DSN, password_file or PGPASSWORD",
	codeAuthorization:  "the server does not let this user in; check user and database in the DSN, and pg_hba.conf",
	codeNoDatabase:     "the database does not exist; create it, or name another one in the DSN",
	codePermission:     "the user lacks a permission; it needs CONNECT on the database, and has to own the schema and its tables, or be granted CREATE and USAGE on an empty one",
	codeConnections:    "the server has no connection left; raise its max_connections, or lower postgres: max_connections",
	codeStarting:       "the server is starting up or shutting down",
	codeAdminShutdown:  "the server ended the connection",
	codeCrashShutdown:  "the server ended the connection, because another of its processes crashed",
	codeCancelled:      "it took longer than postgres: statement_timeout, or was cancelled",
	codeUndefinedTable: "a table of tokenboard is missing; restore the database",
	codeNoSchema:       "the schema does not exist; create it, or change the user's search_path",
}

// Map says what was being done, in one line and without secrets, and returns an error the store's meaning. Nil stays nil.
func Map(doing string, err error) error {
	if err == nil {
		return nil
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", doing, classify(oneLine(err)))
	}
	what := fmt.Errorf("%s (SQLSTATE %s)", pe.Message, pe.Code)
	if reason := reasons[pe.Code]; reason != "" {
		what = fmt.Errorf("%s (%w)", reason, what)
	}
	switch {
	case pe.Code == codeReadOnly:
		return fmt.Errorf("%s: %w (%w)", doing, store.ErrReadOnly, &serverError{what.Error(), pe})
	case strings.HasPrefix(pe.Code, classDamage) && pe.Code != "XX000":
		return fmt.Errorf("%s: %w (%w)", doing, store.ErrCorrupt, &serverError{what.Error(), pe})
	}
	return fmt.Errorf("%s: %w", doing, classify(&serverError{what.Error(), pe}))
}

// unavailable is an error that is store.ErrUnavailable too, with its own text.
type unavailable struct{ error }

func (u unavailable) Unwrap() []error { return []error{u.error, store.ErrUnavailable} }

// classify marks an error which says that the server cannot be used now.
func classify(err error) error {
	var pe *pgconn.PgError
	var ce *pgconn.ConnectError
	switch {
	case errors.As(err, &pe):
		switch pe.Code {
		case codeAdminShutdown, codeCrashShutdown, codeStarting, codeConnections:
		default:
			return err
		}
	case errors.As(err, &ce), connectionEnded(err):
	default:
		return err
	}
	return unavailable{err}
}

// serverError is an error of the server with the text of ours.
type serverError struct {
	text string
	err  *pgconn.PgError
}

func (e *serverError) Error() string { return strings.ReplaceAll(e.text, "\n", " ") }
func (e *serverError) Unwrap() error { return e.err }

// oneLine leaves out of an error of a connection what pgx says of each attempt.
func oneLine(err error) error {
	var ce *pgconn.ConnectError
	if !errors.As(err, &ce) {
		if strings.Contains(err.Error(), "\n") {
			return &line{strings.Join(strings.Fields(err.Error()), " "), err}
		}
		return err
	}
	at := hostsOf(ce.Config)
	var op *net.OpError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return &line{fmt.Sprintf("PostgreSQL at %s cannot be trusted: %s; check the host name and sslrootcert in the DSN", at, certificate.Err), err}
	case needsTLS(ce.Config) && strings.Contains(err.Error(), "server refused TLS connection"): // pgx has no type for it
		return &line{fmt.Sprintf("PostgreSQL at %s takes no TLS; turn it on there (ssl = on), or, where nobody else can listen, set sslmode=disable in the DSN", at), err}
	case errors.As(err, &dns):
		return &line{fmt.Sprintf("PostgreSQL cannot be reached at %s: the host name is not known", at), err}
	case errors.Is(err, context.DeadlineExceeded):
		return &line{fmt.Sprintf("PostgreSQL cannot be reached at %s: no answer in time", at), err}
	case errors.As(err, &op):
		return &line{fmt.Sprintf("PostgreSQL cannot be reached at %s: %s", at, op.Err), err}
	}
	last := err
	for next := errors.Unwrap(last); next != nil; next = errors.Unwrap(next) {
		last = next
	}
	return &line{fmt.Sprintf("PostgreSQL at %s cannot be used: %s", at, strings.Join(strings.Fields(last.Error()), " ")), err}
}

func hostsOf(c *pgconn.Config) string {
	var list []string
	for _, at := range addresses(c) {
		list = append(list, fmt.Sprintf("%s:%d", at.host, at.port))
	}
	return strings.Join(list, ", ")
}

// needsTLS reports whether no host is tried without TLS.
func needsTLS(c *pgconn.Config) bool {
	return c.TLSConfig != nil && !slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil })
}

type address struct {
	host string
	port uint16
}

// addresses lists the hosts of a configuration in their order. One that is tried with and without TLS comes once.
func addresses(c *pgconn.Config) []address {
	list := []address{{c.Host, c.Port}}
	for _, f := range c.Fallbacks {
		if at := (address{f.Host, f.Port}); list[len(list)-1] != at {
			list = append(list, at)
		}
	}
	return list
}

// line is an error with another text.
type line struct {
	text string
	err  error
}

func (l *line) Error() string { return l.text }
func (l *line) Unwrap() error { return l.err }

// hasCode reports whether the server answered with a code.
func hasCode(err error, code string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == code
}

// connectionEnded reports an error by which a connection that was open turned out to have ended.
func connectionEnded(err error) bool {
	var ce *pgconn.ConnectError
	var pe *pgconn.PgError
	switch {
	case err == nil, errors.As(err, &ce), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &pe):
		return pe.Code == codeAdminShutdown || pe.Code == codeCrashShutdown
	}
	return errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// settled reports whether an error of COMMIT says that nothing was committed. An error that ends the connection may come
// after the commit, while a standby is waited for.
func settled(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Severity == "ERROR"
}
