package hangup

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a connection over TCP, from both sides.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Close()
	})
	return client, server
}

func TestGone(t *testing.T) {
	for name, leave := range map[string]func(client *net.TCPConn) error{
		"closed":              (*net.TCPConn).Close,
		"sending side closed": (*net.TCPConn).CloseWrite,
		"reset": func(c *net.TCPConn) error {
			if err := c.SetLinger(0); err != nil {
				return err
			}
			return c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t)
			ctx := Context(context.Background(), server)
			_, err := client.Write(make([]byte, 10_000)) // which nobody reads
			require.NoError(t, err)
			require.False(t, Gone(ctx))
			require.NoError(t, leave(client.(*net.TCPConn)))
			require.Eventually(t, func() bool { return Gone(ctx) }, time.Minute, time.Millisecond)
		})
	}
	t.Run("TLS", func(t *testing.T) {
		client, server := pair(t)
		ctx := Context(context.Background(), tls.Server(server, nil))
		require.False(t, Gone(ctx))
		require.NoError(t, client.Close())
		require.Eventually(t, func() bool { return Gone(ctx) }, time.Minute, time.Millisecond)
	})
	t.Run("closed by this side", func(t *testing.T) {
		_, server := pair(t)
		require.NoError(t, server.Close())
		require.True(t, Gone(Context(context.Background(), server)))
	})
	t.Run("no connection", func(t *testing.T) {
		require.False(t, Gone(context.Background()))
		a, b := net.Pipe()
		require.NoError(t, b.Close())
		require.False(t, Gone(Context(context.Background(), a)))
	})
}
