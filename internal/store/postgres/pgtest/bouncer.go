package pgtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/freeport"
)

// Bouncer starts PgBouncer in transaction mode before the server until the test ends, and returns a function that leads a
// URL of the server through it. The test is skipped where PgBouncer is not installed.
func (s *Server) Bouncer(t testing.TB) func(dsn string) string {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/pgbouncer")
	if err != nil {
		t.Skip("PgBouncer is not installed: tools/install-test-packages.sh installs it on Debian")
	}
	s.Start(t)
	dir, err := os.MkdirTemp("", "pgbouncer")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := freeport.Listen()
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	require.NoError(t, listener.Close())
	// Two connections to the server for many clients: no two transactions of a client are on one for sure.
	config := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = 4
server_reset_query_always = 1
server_reset_query = DISCARD ALL
max_client_conn = 500
`, s.Port(), port, filepath.Join(dir, "users"))
	var users strings.Builder
	for i := range 20_000 { // more than a run with -cpu 1,2,4 makes
		fmt.Fprintf(&users, "\"t%d\" \"%s\"\n", i, Password)
	}
	fmt.Fprintf(&users, "%q %q\n", User, Password)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), []byte(users.String()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
	require.NoError(t, own(dir))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer log.Close()
	cmd := exec.Command(program, filepath.Join(dir, "config")) //nolint:noctx,gosec // it is ended below; a fixed program
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, unprivileged(), log, log
	p, err := run(cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		<-p.ended
	})
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	require.Eventually(t, func() bool {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, startTimeout, 10*time.Millisecond)
	return func(dsn string) string {
		return strings.Replace(dsn, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port())), at, 1)
	}
}
