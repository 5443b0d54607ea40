package freeport

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddresses: none is given twice, each can be listened on, and is none of those that systems give to outgoing connections.
func TestAddresses(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		address := Address(t)
		require.False(t, seen[address])
		seen[address] = true
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		require.True(t, first <= port && port < last, "the system may give %d to an outgoing connection", port)
		require.NoError(t, l.Close())
	}
}
