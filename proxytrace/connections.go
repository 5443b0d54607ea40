package proxytrace

import (
	"bufio"
	"io"
	"net"
)

// watchedUpgrade is a connection to a server, whose bytes a session reads as they pass.
type watchedUpgrade struct {
	io.ReadWriteCloser
	session *session
}

func (w *watchedUpgrade) Read(p []byte) (int, error) {
	n, err := w.ReadWriteCloser.Read(p)
	w.session.passed(p[:n])
	if err != nil {
		w.session.finish()
	}
	return n, err
}

func (w *watchedUpgrade) Close() error {
	defer w.session.finish()
	return w.ReadWriteCloser.Close()
}

// closeWriter is a connection that can be closed in one direction.
type closeWriter interface{ CloseWrite() error }

type halfUpgrade struct {
	*watchedUpgrade
	closeWriter
}

// watchBody returns the connection with the session reading what passes.
func watchBody(body io.ReadWriteCloser, s *session) io.ReadWriteCloser {
	w := &watchedUpgrade{body, s}
	if half, ok := body.(closeWriter); ok {
		return halfUpgrade{w, half}
	}
	return w
}

// watchedConn is a connection to a client, whose bytes a session reads as they pass.
type watchedConn struct {
	net.Conn
	session *session
}

func (w *watchedConn) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.session.passed(p[:max(0, min(n, len(p)))])
	return n, err
}

func (w *watchedConn) Close() error {
	defer w.session.finish()
	return w.Conn.Close()
}

type halfConn struct {
	*watchedConn
	closeWriter
}

// watch returns a hijacked connection with the session reading what the handler writes.
func (s *session) watch(conn net.Conn, rw *bufio.ReadWriter) net.Conn {
	w := &watchedConn{conn, s}
	if rw != nil && rw.Writer.Buffered() == 0 {
		rw.Writer.Reset(w)
	}
	if half, ok := conn.(closeWriter); ok {
		return halfConn{w, half}
	}
	return w
}
