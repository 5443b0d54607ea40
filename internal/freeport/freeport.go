// Package freeport finds ports for the servers that tests start. All are below those that the system gives to outgoing
// connections: of these, one could take a port between our look at it and the server's, or while the server is away.
package freeport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

const first, last = 15_000, 30_000

var given sync.Map // the ports that were found

// Listen listens on a loopback address that nothing else listens on, and never on the same twice. Who closes the listener
// can listen on the address again, as long as this process runs, and dial it in vain until then.
func Listen() (net.Listener, error) {
	err := errors.New("no port is free")
	for range 1000 {
		port := first + rand.IntN(last-first) //nolint:gosec // chance, not a secret
		if _, known := given.LoadOrStore(port, true); known {
			continue
		}
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// Address returns an address for a program that listens itself.
func Address(t testing.TB) string {
	t.Helper()
	l, err := Listen()
	if err == nil {
		err = l.Close()
	}
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	return l.Addr().String()
}
