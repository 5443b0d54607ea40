package pgtest

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Standby starts a standby that streams from the server, asynchronously, until the test ends. Promote makes it a primary.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	s.Start(t)
	program := Program(t, "pg_basebackup")
	bin := filepath.Dir(program)
	standby := &Server{}
	t.Cleanup(standby.End)
	standby.mu.Lock()
	defer standby.mu.Unlock()
	require.NoError(t, standby.createFolder())
	cmd := exec.CommandContext(t.Context(), program, "--pgdata="+standby.data(), "--write-recovery-conf", //nolint:gosec // the installed program
		"--wal-method=stream", "--checkpoint=fast", "--no-sync", "--dbname="+s.URL(""))
	cmd.Dir, cmd.SysProcAttr = standby.dir, unprivileged()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, errors.Join(standby.choosePort(), standby.start(bin)))
	return standby
}

// Promote makes a standby a primary, and returns when it is one.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	s.Exec(t, "postgres", "SELECT pg_promote()")
}

// Address is host and port of the server.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port()) }
