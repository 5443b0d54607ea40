// Package hangup reports whether the client of a request has closed its connection, also while bytes that it
// sent before are not read yet. The server of net/http sees that only when a request's body has been read to
// its end: a small compressed body that takes seconds to process would be processed although nobody waits.
//
// It reads nothing from the connection. On systems other than Linux it never sees a client leave.
package hangup

import (
	"context"
	"net"
)

type key struct{}

// Context is for http.Server.ConnContext: it makes the connection known to Gone.
func Context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, key{}, c)
}

// Gone reports whether the client of the request that has a context has closed its connection, or its sending
// side of it, as net/http understands it, too. It is false where the connection is not known.
func Gone(ctx context.Context) bool {
	c, ok := ctx.Value(key{}).(net.Conn)
	if !ok {
		return false
	}
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok { // see crypto/tls
		c = secure.NetConn()
	}
	return gone(c)
}
