package hangup

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// gone asks the system for the state of a connection, without waiting.
func gone(c net.Conn) bool {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return true // closed by this side
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		const ended = unix.POLLRDHUP | unix.POLLHUP | unix.POLLERR
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		closed = err == nil && n > 0 && fds[0].Revents&ended != 0
	})
	return closed || err != nil
}
