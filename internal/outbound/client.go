package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Options configure a Client.
type Options struct {
	Policy Policy
	// Roots are the certificate authorities; those of the system where nil.
	Roots *x509.CertPool
	// Dial replaces the network, for tests that serve a vendor's name locally. Nil: the network, with Policy.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client makes checked connections. It keeps none open and starts no goroutine that outlives a request. It is safe for
// concurrent use.
type Client struct {
	o            Options
	https, plain *http.Client
}

const (
	dialTimeout   = 10 * time.Second
	headerTimeout = 20 * time.Second
	maxHeader     = 64 << 10 // bytes
)

// New makes a client.
func New(o Options) *Client {
	c := &Client{o: o}
	c.https, c.plain = c.client(c.Dial), c.client(c.DialAllowed)
	return c
}

func (c *Client) client(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial, TLSClientConfig: c.TLS(""), TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: headerTimeout,
			MaxResponseHeaderBytes: maxHeader, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends a request, until its context ends. A redirect is returned as it is. The error may hold the request's
// address: the caller must not show it.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	switch r.URL.Scheme {
	case "https":
		return c.https.Do(r)
	case "http":
		return c.plain.Do(r)
	}
	return nil, fmt.Errorf("%w: only http and https are spoken", ErrRefused)
}

// TLS returns the settings of TLS for a server.
func (c *Client) TLS(server string) *tls.Config {
	return &tls.Config{ServerName: server, RootCAs: c.o.Roots, MinVersion: tls.VersionTLS12}
}

// Dial connects to an address that Policy does not refuse.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return c.dial(ctx, network, address, c.o.Policy.Check)
}

// DialAllowed connects to an address that the configuration allows by name: for what is sent without TLS.
func (c *Client) DialAllowed(ctx context.Context, network, address string) (net.Conn, error) {
	return c.dial(ctx, network, address, func(a netip.Addr) error {
		if !c.o.Policy.Allowed(a) {
			return fmt.Errorf("%w: without TLS only addresses are reached that the configuration allows", ErrRefused)
		}
		return nil
	})
}

func (c *Client) dial(ctx context.Context, network, address string, check func(netip.Addr) error) (net.Conn, error) {
	if c.o.Dial != nil {
		return c.o.Dial(ctx, network, address)
	}
	d := net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(resolved) // what connect is about to be called with
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return check(to.Addr())
	}}
	return d.DialContext(ctx, network, address)
}
