//go:build !linux

package database

import "syscall"

// boundSilence does nothing: keepalive probes end a connection while nothing is sent, the system's own bound else.
func boundSilence(string, string, syscall.RawConn) error { return nil }
