package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// networks are two bridges of this machine, one to the senders and one to the database, and network namespaces that have a
// cable to each. Whoever pulls a cable loses packets in silence, in both directions, as with a switch that failed.
type networks struct {
	t        *testing.T
	name     string // begins the names of all that it makes
	senders  netip.Prefix
	database netip.Prefix
}

// newNetworks makes the bridges. The test is skipped where this process may not.
func newNetworks(t *testing.T) *networks {
	t.Helper()
	for _, program := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("network namespaces need iproute2 and util-linux: there is no " + program)
		}
	}
	pid := os.Getpid()
	n := &networks{
		t: t, name: fmt.Sprint("tb", pid),
		senders:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(128 + pid%100), byte(pid / 100 % 256), 1}), 25),
		database: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(128 + pid%100), byte(pid / 100 % 256), 129}), 25),
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "link", "add", n.bridge('s'), "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("this process may not make networks (needs root on Linux): %s", bytes.TrimSpace(out))
	}
	t.Cleanup(func() { n.undo("link", "del", n.bridge('s')) })
	n.ip("link", "add", n.bridge('d'), "type", "bridge")
	t.Cleanup(func() { n.undo("link", "del", n.bridge('d')) })
	for kind, network := range map[byte]netip.Prefix{'s': n.senders, 'd': n.database} {
		n.ip("addr", "add", network.String(), "dev", n.bridge(kind))
		n.ip("link", "set", n.bridge(kind), "up")
	}
	return n
}

// host is a network namespace with a cable to both bridges.
type host struct {
	of      *networks
	name    string
	number  int
	address netip.Addr // for the senders
}

// bridge names a bridge of a kind: 's' to the senders, 'd' to the database.
func (n *networks) bridge(kind byte) string { return n.name + string(kind) }

// host makes the namespace of a number below 100.
func (n *networks) host(number int) *host {
	n.t.Helper()
	h := &host{of: n, name: fmt.Sprintf("%sh%d", n.name, number), number: number}
	if out, err := exec.CommandContext(n.t.Context(), "ip", "netns", "add", h.name).CombinedOutput(); err != nil {
		n.t.Skipf("this process may not make network namespaces: %s", bytes.TrimSpace(out))
	}
	n.t.Cleanup(func() { n.undo("netns", "del", h.name) })
	n.ip("-n", h.name, "link", "set", "lo", "up")
	for kind, network := range map[byte]netip.Prefix{'s': n.senders, 'd': n.database} {
		address := network.Addr().As4()
		address[3] += byte(number + 1)
		inside := "to" + string(kind)
		n.ip("link", "add", h.cable(kind), "type", "veth", "peer", "name", inside, "netns", h.name)
		n.ip("-n", h.name, "addr", "add", netip.PrefixFrom(netip.AddrFrom4(address), network.Bits()).String(), "dev", inside)
		n.ip("-n", h.name, "link", "set", inside, "up")
		n.ip("link", "set", h.cable(kind), "up")
		h.plug(kind)
		if kind == 's' {
			h.address = netip.AddrFrom4(address)
		}
	}
	return h
}

// cable names the end of a cable at a bridge.
func (h *host) cable(kind byte) string { return fmt.Sprintf("%s%c%d", h.of.name, kind, h.number) }

// pull takes a cable out of its bridge.
func (h *host) pull(kind byte) { h.of.ip("link", "set", h.cable(kind), "nomaster") }

// plug puts a cable into its bridge.
func (h *host) plug(kind byte) { h.of.ip("link", "set", h.cable(kind), "master", h.of.bridge(kind)) }

func (n *networks) ip(args ...string) {
	n.t.Helper()
	out, err := exec.CommandContext(n.t.Context(), "ip", args...).CombinedOutput()
	require.NoError(n.t, err, "ip %v: %s", args, out)
}

// undo is ip after the test has ended.
func (n *networks) undo(args ...string) {
	if out, err := exec.CommandContext(context.Background(), "ip", args...).CombinedOutput(); err != nil {
		n.t.Logf("ip %v: %s", args, out)
	}
}

// command runs a program in the namespace.
func (h *host) command(program string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + h.name, program}, args...)...)
}

// dial connects to an address as a program in the namespace does.
func (h *host) dial(address string) (net.Conn, error) {
	runtime.LockOSThread() // the namespace is that of the thread
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer here.Close()
	there, err := os.Open("/run/netns/" + h.name)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	c, err := net.Dial("tcp4", address)
	if back := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); back != nil {
		return nil, back // the thread stays locked, and ends with its goroutine
	}
	runtime.UnlockOSThread()
	return c, err
}

// forward listens on this machine until the test ends, and connects who comes to an address in the namespace, whatever
// cables are pulled. It returns where it listens.
func (h *host) forward(to string) string {
	t := h.of.t
	listener, err := net.Listen("tcp4", freeAddress(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = client.Close() }()
				server, err := h.dial(to)
				if err != nil {
					return
				}
				defer func() { _ = server.Close() }()
				go func() {
					_, _ = io.Copy(server, client)
					_ = server.Close()
				}()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	return listener.Addr().String()
}
