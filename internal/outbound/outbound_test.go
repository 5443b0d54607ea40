package outbound

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCheck: what is not public is refused, in every notation; what is allowed by configuration is not.
func TestCheck(t *testing.T) {
	for _, address := range []string{
		"0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.9.9.9", "169.254.169.254", "169.254.1.1", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.168.1.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9", "198.51.100.1",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "100::1",
		"::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::808:808",
		"2002:7f00:1::", "2002:a9fe:a9fe::1", "::127.0.0.1", "5f00::1",
	} {
		a, err := netip.ParseAddr(address)
		require.NoError(t, err, address)
		require.ErrorIs(t, Policy{}.Check(a), ErrRefused, address)
	}
	require.ErrorIs(t, Policy{}.Check(netip.Addr{}), ErrRefused)
	for _, address := range []string{"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"} {
		require.NoError(t, Policy{}.Check(netip.MustParseAddr(address)), address)
	}
	private := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for address, allowed := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "64:ff9b::a00:1": true, "fd00::1": true, "192.168.0.1": false, "127.0.0.1": false, "fc00::1": false,
	} {
		require.Equal(t, allowed, private.Check(netip.MustParseAddr(address)) == nil, address)
	}
}

// TestDialChecksWhatWasResolved: a name that resolves to a refused address is refused, whatever the name.
func TestDialChecksWhatWasResolved(t *testing.T) {
	hits := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"} {
		_, err := get(t, New(Options{Roots: roots}), "https://"+net.JoinHostPort(unbracket(host), port))
		require.Error(t, err, host)
		if host != "2130706433" { // some resolvers know no such name
			require.ErrorIs(t, err, ErrRefused, host)
		}
	}
	require.Zero(t, hits)
	allowed := New(Options{Roots: roots, Policy: Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	status, err := get(t, allowed, server.URL)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, 1, hits)
}

func unbracket(host string) string {
	if host[0] == '[' {
		return host[1 : len(host)-1]
	}
	return host
}

// TestRedirectsAreNotFollowed: not to a metadata service, nor to anywhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		target := "http://169.254.169.254/latest/meta-data/"
		if r.URL.Path == "/here" {
			target = "/elsewhere"
		}
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	c := New(Options{Policy: Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16")}}})
	for _, path := range []string{"/", "/here"} {
		status, err := get(t, c, server.URL+path)
		require.NoError(t, err)
		require.Equal(t, 307, status)
	}
	require.Equal(t, 2, hits)
}

// TestPlainTextStaysInTheNetwork: without TLS no public address is reached, and no other scheme is spoken.
func TestPlainTextStaysInTheNetwork(t *testing.T) {
	c := New(Options{})
	for _, address := range []string{"http://1.1.1.1/", "http://127.0.0.1/", "file:///etc/passwd", "gopher://1.1.1.1/"} {
		_, err := get(t, c, address)
		require.ErrorIs(t, err, ErrRefused, address)
	}
}

// TestAHangingServerEndsWithTheContext: a request ends when its context does.
func TestAHangingServerEndsWithTheContext(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listener.Addr().String(), nil)
	require.NoError(t, err)
	c := New(Options{Policy: Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	_, err = c.Do(r)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestNoProxyOfTheEnvironment: a proxy would connect on behalf of this process, unchecked.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	c := New(Options{})
	require.Nil(t, c.https.Transport.(*http.Transport).Proxy)
	require.Nil(t, c.plain.Transport.(*http.Transport).Proxy)
}

func get(t *testing.T, c *Client, address string) (int, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	answer, err := c.Do(r)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
