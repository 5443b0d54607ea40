package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if binary = os.Getenv("TOKENBOARD_BINARY"); binary == "" {
		dir, err := os.MkdirTemp("", "tokenboard")
		if err != nil {
			panic(err)
		}
		binary = filepath.Join(dir, "tokenboard")
		build := exec.Command("go", "build", "-C", "..", "-o", binary, "./cmd/tokenboard")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("build the binary: %v\n%s", err, out))
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	return m.Run()
}

// process is a running binary.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	console string // base URL
	otlp    string // base URL
	stderr  *buffer
	exited  chan error
}

// buffer is safe for a reader while the process writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Ports for servers lie below those that the system gives to outgoing connections, of which one
// might otherwise take a port between our look at it and the binary's.
const firstPort, lastPort = 15_000, 30_000

var givenPorts sync.Map

// freeAddress gives a loopback address that nothing listens on, and never the same twice.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

// environment is that of a quickstart of its own.
func environment(dir, console, grpc, http string) []string {
	return append(os.Environ(), "TOKENBOARD_DATA_DIR="+dir, "TOKENBOARD_CONSOLE_ENDPOINT="+console,
		"TOKENBOARD_OTLP_GRPC_ENDPOINT="+grpc, "TOKENBOARD_OTLP_HTTP_ENDPOINT="+http, "TOKENBOARD_ADMIN_PASSWORD="+adminPassword)
}

// adminPassword is what the container's configuration asks for.
const adminPassword = "a password of the tests"

// start starts the binary on a data folder.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	console, otlp := freeAddress(t), freeAddress(t)
	p := &process{t: t, console: "http://" + console, otlp: "http://" + otlp, stderr: &buffer{}, exited: make(chan error, 1)}
	p.launch(exec.Command(binary, args...), environment(dir, console, freeAddress(t), otlp))
	return p
}

// launch runs a command of the binary.
func (p *process) launch(cmd *exec.Cmd, env []string) {
	t := p.t
	t.Helper()
	p.cmd = cmd
	p.cmd.Env = env
	p.cmd.Stderr = p.stderr
	require.NoError(t, p.cmd.Start())
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	})
}

// waitFor waits until the binary does what it shall.
func (p *process) waitFor(ready func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-p.exited:
			p.exited <- err
			require.Fail(p.t, "the binary ended", "%v: %s", err, p.stderr)
		default:
		}
		require.True(p.t, time.Now().Before(deadline), "the binary did not get ready: %s", p.stderr)
	}
}

// run starts the binary on a data folder and waits until it is ready.
func run(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := start(t, dir, args...)
	p.waitUntilReady()
	return p
}

func (p *process) waitUntilReady() {
	p.t.Helper()
	p.waitFor(func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.otlp, "http://"))
		if err != nil {
			return false
		}
		_ = c.Close()
		return p.status("/ready", "") == http.StatusOK
	})
}

// stop ends the binary by a signal; after SIGTERM it must end well.
func (p *process) stop(sig syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(sig))
	select {
	case err := <-p.exited:
		if sig == syscall.SIGTERM {
			require.NoError(p.t, err, p.stderr)
		}
	case <-time.After(30 * time.Second):
		require.Fail(p.t, "the binary did not stop", p.stderr)
	}
}

// send posts one OTLP/JSON request; ok tells whether it was acknowledged.
func (p *process) send(ctx context.Context, signal string, body []byte) (ok bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.otlp+"/v1/"+signal, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// get reads a route's data.
func get[T any](p *process, path string) T {
	p.t.Helper()
	res, err := http.Get(p.console + "/api/console" + path)
	require.NoError(p.t, err)
	defer res.Body.Close()
	var e struct {
		Code    int
		Message string
		Data    T
	}
	require.NoError(p.t, json.NewDecoder(res.Body).Decode(&e))
	require.Equal(p.t, http.StatusOK, res.StatusCode, e.Message)
	require.Zero(p.t, e.Code)
	return e.Data
}

// text reads an address as it is.
func (p *process) text(path string) string {
	p.t.Helper()
	res, err := http.Get(p.console + path)
	require.NoError(p.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, res.StatusCode, string(b))
	return string(b)
}
