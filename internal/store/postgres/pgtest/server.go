// Package pgtest starts PostgreSQL servers for tests: each on a free port of 127.0.0.1 and in a folder of its own, as a
// user without privileges (PostgreSQL refuses root), never the system's cluster. A server ends with the test process,
// however that ends.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/freeport"
	"github.com/tokenboard/tokenboard/internal/leaktest"
)

// The superuser of a test server.
const (
	User     = "tester"
	Password = "of-the-tests"
)

const startTimeout = time.Minute

// Server is a PostgreSQL server. The zero value is one that starts when it is first used; End ends it.
type Server struct {
	// Networks are addresses beside 127.0.0.1 on which the server listens, each with the network of those that may connect
	// there. They are set before the first use.
	Networks []netip.Prefix

	mu      sync.Mutex
	dir     string // its folder; "" before it was made
	port    int
	process *process // nil where it does not run
	names   int      // of databases, schemas and roles that it has
}

// Main runs the tests of a package that use servers, ends these, and looks for goroutines that are left. It returns the
// code to exit with.
func Main(m *testing.M, servers ...*Server) int {
	code := m.Run()
	for _, s := range servers {
		s.End()
	}
	if code == 0 {
		if err := leaktest.Find(time.Minute); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// Binaries is the environment variable that names the folder of PostgreSQL's programs (initdb, postgres), for tests with
// another version than the installed one: make torture uses one from npm.
const Binaries = "TOKENBOARD_POSTGRES"

// find returns the folder of PostgreSQL's programs: what Binaries says, else the newest version of Debian's packages, else
// where PATH has it.
func find() (string, error) {
	if bin := os.Getenv(Binaries); bin != "" {
		return bin, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	best, newest := "", 0
	for _, program := range found {
		bin := filepath.Dir(program)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && version > newest {
			best, newest = bin, version
		}
	}
	if best != "" {
		return best, nil
	}
	program, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: tools/install-test-packages.sh installs it on Debian, else put its initdb into PATH")
	}
	if program, err = filepath.EvalSymlinks(program); err != nil {
		return "", err
	}
	return filepath.Dir(program), nil
}

// Program is the path of one of PostgreSQL's programs. The test is skipped where it is not installed.
func Program(t testing.TB, name string) string {
	t.Helper()
	bin, err := find()
	if err != nil {
		t.Skip(err.Error())
	}
	program := filepath.Join(bin, name)
	if _, err := os.Stat(program); err != nil {
		t.Skip("this PostgreSQL comes without " + name)
	}
	return program
}

// Start starts the server where it does not run. The test is skipped where PostgreSQL is not installed.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	bin, err := find()
	if err != nil {
		t.Skip(err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return
	}
	if s.dir == "" {
		require.NoError(t, s.create(bin))
	}
	require.NoError(t, s.start(bin))
}

// create makes the server's folder and chooses its port.
func (s *Server) create(bin string) error {
	if err := s.createFolder(); err != nil {
		return err
	}
	dir, secret := s.dir, filepath.Join(s.dir, "password")
	cmd := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+s.data(), "--username="+User, "--pwfile="+secret, //nolint:noctx,gosec // it ends by itself; the installed program
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir, cmd.SysProcAttr = dir, unprivileged()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.admitNetworks(); err != nil {
		return err
	}
	return s.choosePort()
}

// admitNetworks lets clients of further networks sign in.
func (s *Server) admitNetworks() error {
	if len(s.Networks) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, n := range s.Networks {
		if err == nil {
			_, err = fmt.Fprintf(f, "host all all %s scram-sha-256\n", n.Masked())
		}
	}
	return errors.Join(err, f.Close())
}

// listens are the addresses on which the server listens.
func (s *Server) listens() string {
	all := []string{"127.0.0.1"}
	for _, n := range s.Networks {
		all = append(all, n.Addr().String())
	}
	return strings.Join(all, ",")
}

// createFolder makes the server's folder, with a certificate and the file of the password.
func (s *Server) createFolder() (err error) {
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "password"), []byte(Password+"\n"), 0o600); err != nil {
		return err
	}
	if err := writeCertificate(s.dir); err != nil {
		return err
	}
	return own(s.dir)
}

func (s *Server) choosePort() error {
	listener, err := freeport.Listen()
	if err != nil {
		return err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	return listener.Close()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// start starts the server and waits until it answers. A crash of the machine is nothing that tests make, so that it
// need not sync.
func (s *Server) start(bin string) error {
	logFile := filepath.Join(s.dir, "log")
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir, //nolint:noctx,gosec // End ends it; the installed program
		"-c", "listen_addresses="+s.listens(), "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB",
		"-c", "max_connections=300", "-c", "logging_collector=off", "-c", "log_min_messages=fatal",
		"-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(s.dir, certificateFile), "-c", "ssl_key_file="+filepath.Join(s.dir, keyFile))
	cmd.Dir, cmd.SysProcAttr, cmd.Stderr, cmd.Stdout = s.dir, unprivileged(), log, log
	p, err := run(cmd)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); ; {
		err := s.ping()
		if err == nil {
			s.process = p
			return nil
		}
		select {
		case <-p.ended:
			said, _ := os.ReadFile(logFile)
			return fmt.Errorf("PostgreSQL ended: %s", said)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.signal(syscall.SIGQUIT)
			<-p.ended
			said, _ := os.ReadFile(logFile)
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, said)
		}
	}
}

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres", nil))
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

// Stop stops the server as a crash would: connections end, and transactions that were not committed are lost. Start
// starts it again with what it had.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *Server) stop() {
	if s.process != nil {
		s.process.signal(syscall.SIGQUIT) // an immediate shutdown
		<-s.process.ended
		s.process = nil
	}
}

// End ends the server and removes its folder.
func (s *Server) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	s.dir, s.port, s.names = "", 0, 0
}

// Port is the server's port.
func (s *Server) Port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// Authority is the file of the certificate of the authority that has signed the server's certificate for localhost and
// 127.0.0.1.
func (s *Server) Authority() string { return filepath.Join(s.dir, authorityFile) }

// URL names a database of the server to a client, as the superuser, with further parameters.
func (s *Server) URL(database string, parameters ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url(database, parameters)
}

func (s *Server) url(database string, parameters []string) string {
	q := url.Values{}
	for i := 0; i+1 < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(User, Password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path: database, RawQuery: q.Encode(),
	}).String()
}

// name returns a name that nothing of the server has yet.
func (s *Server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	return fmt.Sprint("t", s.names)
}

// Exec runs statements as the superuser.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()
	for _, statement := range statements {
		_, err := conn.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// Query returns the number that a statement of the superuser selects.
func (s *Server) Query(ctx context.Context, text string, args ...any) (n int64, err error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, text, args...).Scan(&n)
	return n, errors.Join(err, conn.Close(ctx))
}

// Schema makes an empty schema and a role that owns it, and returns the URL that the role connects with. The role works
// in the schema even through a connection pooler.
func (s *Server) Schema(t testing.TB) string {
	t.Helper()
	s.Start(t)
	name := s.name()
	s.Exec(t, "postgres",
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, Password),
		fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s", name, name),
		fmt.Sprintf("ALTER ROLE %s SET search_path = %s", name, name))
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(name, Password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port())), Path: "postgres",
	}).String()
}

// Database makes an empty database and returns its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	s.Start(t)
	name := s.name()
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	return name
}
