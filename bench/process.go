package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that is measured.
type process struct {
	cmd    *exec.Cmd
	said   buffer // what it wrote to its standard error
	exited chan struct{}
	err    error // of its end, once exited is closed
}

// buffer is safe for a reader while the process writes. It keeps the beginning.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const longestSaid = 1 << 16

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b.Len() < longestSaid {
		b.b.Write(p)
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.b.String())
}

// startProcess starts a program. The context's end stops it.
func startProcess(ctx context.Context, env []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.said
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 30 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the program as an operator does, and waits for its end.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s had ended: %w: %s", p.cmd.Path, errors.Join(p.err, errors.New("nobody stopped it")), &p.said)
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s did not end well: %w: %s", p.cmd.Path, p.err, &p.said)
		}
		return nil
	case <-time.After(time.Minute):
		return errors.Join(fmt.Errorf("%s did not stop in a minute", p.cmd.Path), p.cmd.Process.Kill())
	}
}

// end makes sure that the program is gone, however the measurement went.
func (p *process) end() {
	select {
	case <-p.exited:
	default:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// waitFor waits until an address answers with 200; any answer will do where path is "".
func (p *process) waitFor(ctx context.Context, address, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		if answers(ctx, address, path) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended: %w: %s", p.cmd.Path, errors.Join(p.err, errors.New("it was to run")), &p.said)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %s", p.cmd.Path, ctx.Err(), &p.said)
		case <-time.After(time.Millisecond):
		}
	}
}

func answers(ctx context.Context, address, path string) bool {
	if path == "" {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// ticks is the number of ticks per second in which Linux counts processor time.
const ticks = 100

// cpu is the processor time that the program has used, in user and system mode.
func (p *process) cpu() (time.Duration, error) { return cpuOf(p.cmd.Process.Pid) }

func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	_, after, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(after)
	const user, system = 11, 12 // fields after the name
	if !ok || len(f) <= system {
		return 0, fmt.Errorf("read the processor time: %q", b)
	}
	var sum time.Duration
	for _, s := range []string{f[user], f[system]} {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the processor time: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// quietCPU waits until the program uses next to no processor time, and returns what it has used.
func (p *process) quietCPU(ctx context.Context) (time.Duration, error) {
	const pause, mostTicks, longest = 500 * time.Millisecond, 1, 20 * time.Second
	before, err := p.cpu()
	for deadline := time.Now().Add(longest); err == nil; {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
		var now time.Duration
		if now, err = p.cpu(); err == nil && (now-before <= mostTicks*time.Second/ticks || time.Now().After(deadline)) {
			return now, nil
		}
		before = now
	}
	return 0, err
}

// memory is the program's resident memory in bytes, now and at its highest.
func (p *process) memory() (now, highest int64, err error) { return memoryOf(p.cmd.Process.Pid) }

func memoryOf(pid int) (now, highest int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read the memory: %w", err)
		}
		switch f[0] {
		case "VmRSS:":
			now = n * 1024
		case "VmHWM:":
			highest = n * 1024
		}
	}
	return now, highest, nil
}

// Ports lie below those that the system gives to outgoing connections, of which one might otherwise
// take a port between our look at it and the program's.
const firstPort, lastPort = 15_000, 30_000

var givenPorts sync.Map

// freeAddress returns a loopback address that nothing listens on, and never the same twice.
func freeAddress(ctx context.Context) (string, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no port is free")
}
