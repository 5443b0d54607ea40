package console

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestForwardedForIsBelievedOfProxiesOnly(t *testing.T) {
	source := func(proxies []netip.Prefix, remote string, forwarded ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = remote, forwarded
		return (&Console{o: Options{Proxies: proxies}}).source(r)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	require.Equal(t, "10.0.0.1", source(nil, "10.0.0.1:5", "1.1.1.1"), "off by default")
	require.Equal(t, "8.8.8.8", source(proxies, "8.8.8.8:5", "1.1.1.1"), "no proxy of ours")
	require.Equal(t, "1.1.1.1", source(proxies, "10.0.0.1:5", "1.1.1.1"))
	require.Equal(t, "2.2.2.2", source(proxies, "10.0.0.1:5", "1.1.1.1, 2.2.2.2"), "what the client itself wrote is not believed")
	require.Equal(t, "2.2.2.2", source(proxies, "[::1]:5", "1.1.1.1, 2.2.2.2", "10.9.9.9"))
	require.Equal(t, "10.0.0.1", source(proxies, "10.0.0.1:5", "evil\r\nX: y"))
	require.Equal(t, "10.0.0.1", source(proxies, "10.0.0.1:5"))
	require.Equal(t, "2001:db8::1", source(proxies, "10.0.0.1:5", "2001:db8::1"))
}
