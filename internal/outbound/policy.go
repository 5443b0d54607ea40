package outbound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// ErrRefused says that an address may not be dialled. Trying again does not help.
var ErrRefused = errors.New("the address is not allowed")

// Policy says which addresses may be dialled: all public ones, and those of Allow.
type Policy struct {
	// Allow are further addresses, such as 10.0.0.0/8 for receivers in a private network.
	Allow []netip.Prefix
}

// refused are the addresses that are not public (IANA's special-purpose registries), with the reason that is told.
var refused = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by a provider, or a metadata service"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, or a metadata service"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "reserved for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "reserved for relays"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "reserved for benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "reserved for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "reserved for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved or broadcast"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a local translation to IPv4"},
	{netip.MustParsePrefix("2001::/23"), "reserved for protocols"}, // with Teredo, which holds an IPv4 address
	{netip.MustParsePrefix("2001:db8::/32"), "reserved for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "reserved for documentation"},
}

var (
	public6 = netip.MustParsePrefix("2000::/3") // all IPv6 addresses that IANA has given out
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4  = netip.MustParsePrefix("2002::/16")
)

// Check returns nil where an address may be dialled, else an error that is ErrRefused and tells why.
func (p Policy) Check(a netip.Addr) error {
	a = a.WithZone("").Unmap()
	if p.Allowed(a) {
		return nil
	}
	if inner, ok := embedded(a); ok {
		if err := p.Check(inner); err != nil {
			return fmt.Errorf("%w (within %s)", err, a)
		}
		return nil
	}
	for _, r := range refused {
		if r.prefix.Contains(a) {
			return fmt.Errorf("%w: %s is %s", ErrRefused, a, r.what)
		}
	}
	if !a.IsValid() || a.Is6() && !public6.Contains(a) {
		return fmt.Errorf("%w: %s is not public", ErrRefused, a)
	}
	return nil
}

// Allowed reports whether the configuration allows an address, be it public or not.
func (p Policy) Allowed(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, prefix := range p.Allow {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// embedded returns the IPv4 address that packets to an IPv6 address reach where a translator is on the way.
func embedded(a netip.Addr) (netip.Addr, bool) {
	b := a.As16()
	switch {
	case !a.Is6():
		return netip.Addr{}, false
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixTo4.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	case binary.BigEndian.Uint64(b[:8]) == 0 && binary.BigEndian.Uint32(b[8:12]) == 0 && binary.BigEndian.Uint32(b[12:]) > 1:
		return netip.AddrFrom4([4]byte(b[12:16])), true // IPv4-compatible, long obsolete
	}
	return netip.Addr{}, false
}
