// Package process starts programs for the tests of the built binary, waits for them and stops them.
package process

import (
	"bytes"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Buffer takes what a program writes. It is safe for a reader while the program writes.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends to the buffer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Process is a program that was started.
type Process struct {
	cmd    *exec.Cmd
	stderr *Buffer
	exited chan error
}

// Start starts a program. It is killed at the end of the test where it still runs then.
func Start(t testing.TB, cmd *exec.Cmd, stderr *Buffer) *Process {
	t.Helper()
	p := &Process{cmd: cmd, stderr: stderr, exited: make(chan error, 1)}
	cmd.Stderr = stderr
	require.NoError(t, cmd.Start())
	go func() { p.exited <- cmd.Wait() }()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			<-p.exited
		}
	})
	return p
}

// WaitFor waits until the program is ready. The test fails where it ends before that, or takes over a minute.
func (p *Process) WaitFor(t testing.TB, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-p.exited:
			p.exited <- err
			require.Fail(t, "the program ended", "%v: %s", err, p.stderr)
		default:
		}
		require.True(t, time.Now().Before(deadline), "the program did not get ready: %s", p.stderr)
	}
}

// Stop ends the program by a signal and waits for that. After SIGTERM it must end without an error.
func (p *Process) Stop(t testing.TB, sig syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
	select {
	case err := <-p.exited:
		if sig == syscall.SIGTERM {
			require.NoError(t, err, p.stderr)
		}
	case <-time.After(60 * time.Second):
		require.Fail(t, "the program did not stop", p.stderr)
	}
}
