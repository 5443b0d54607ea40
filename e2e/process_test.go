package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	proc "github.com/tokenboard/tokenboard/e2e/process"
	"github.com/tokenboard/tokenboard/internal/freeport"
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
	running *proc.Process
}

type buffer = proc.Buffer

func freeAddress(t *testing.T) string {
	t.Helper()
	return freeport.Address(t)
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
	p := &process{t: t, console: "http://" + console, otlp: "http://" + otlp, stderr: &buffer{}}
	p.launch(exec.Command(binary, args...), environment(dir, console, freeAddress(t), otlp))
	return p
}

// launch runs a command of the binary.
func (p *process) launch(cmd *exec.Cmd, env []string) {
	t := p.t
	t.Helper()
	p.cmd = cmd
	p.cmd.Env = env
	p.running = proc.Start(t, cmd, p.stderr)
}

// waitFor waits until the binary does what it shall.
func (p *process) waitFor(ready func() bool) {
	p.t.Helper()
	p.running.WaitFor(p.t, ready)
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
	p.waitFor(p.ready)
	c, err := net.Dial("tcp", strings.TrimPrefix(p.otlp, "http://"))
	require.NoError(p.t, err, "it is ready only when OTLP is received")
	_ = c.Close()
}

// ready reports whether the console says that the binary is ready.
func (p *process) ready() bool { return p.status("/ready", "") == http.StatusOK }

// stop ends the binary by a signal; after SIGTERM it must end well.
func (p *process) stop(sig syscall.Signal) {
	p.t.Helper()
	p.running.Stop(p.t, sig)
}

// send posts one OTLP/JSON request; ok reports whether it was acknowledged.
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
