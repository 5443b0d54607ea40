package database

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// boundSilence bounds how long data that was sent may stay unanswered, and the wait for keepalive probes.
func boundSilence(network, _ string, c syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") { // a socket of this machine
		return nil
	}
	if failed := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	}); failed != nil {
		return failed
	}
	return err
}
