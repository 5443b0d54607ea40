// Command demo shows Tokenboard with traffic: it starts the tokenboard binary on a folder of its own, a
// fake provider, the instrumented proxy, and clients with several keys, users and models. It stops all
// of them at Ctrl-C or SIGTERM and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// settings are the program's flags.
type settings struct {
	tokenboard, proxy string // binaries
	console           string
	backfill          days
	rate              float64
}

// days is a duration that may be written in days: 90d.
type days time.Duration

func (d *days) String() string {
	if n := time.Duration(*d).Hours() / 24; n == math.Trunc(n) {
		return fmt.Sprintf("%.0fd", n)
	}
	return time.Duration(*d).String()
}

func (d *days) Set(s string) error {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		v, err := strconv.Atoi(n)
		*d = days(time.Duration(v) * 24 * time.Hour)
		return err
	}
	v, err := time.ParseDuration(s)
	*d = days(v)
	return err
}

func readSettings(args []string) (s settings, err error) {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.StringVar(&s.tokenboard, "tokenboard", "bin/tokenboard", "the `binary` of Tokenboard")
	f.StringVar(&s.proxy, "proxy", "bin/instrumented-proxy", "the `binary` of examples/instrumented-proxy")
	f.StringVar(&s.console, "console", "127.0.0.1:8317", "`address` of the console; a free port where this one is taken")
	f.Float64Var(&s.rate, "rate", 0, "calls a `second`; 0: as many as the past had at this time of the day, or 1 where there is no past")
	f.Var(&s.backfill, "backfill", "also send calls of so long a past, such as `90d`")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("unknown argument %q", f.Arg(0))
	case !(s.rate >= 0 && s.rate <= 1000):
		return s, errors.New("-rate must lie between 0 and 1000")
	case s.backfill < 0 || time.Duration(s.backfill) > 365*24*time.Hour:
		return s, errors.New("-backfill must lie between 0 and 365d")
	}
	if s.rate == 0 && s.backfill == 0 {
		s.rate = 1
	}
	return s, nil
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	s, err := readSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tokenboard-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo's data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	teams := []team{product, support}
	addresses, err := free(ctx, append([]string{s.console}, slices.Repeat([]string{"127.0.0.1:0"}, 3+len(teams))...)...)
	if err != nil {
		return err
	}
	console, grpc, otlp, provider := "http://"+addresses[0], addresses[1], "http://"+addresses[2], addresses[3]

	up := &http.Server{Handler: &fakeupstream.Upstream{Delay: 15 * time.Millisecond}, Addr: provider, ReadHeaderTimeout: 10 * time.Second}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", up.Addr)
	if err != nil {
		return fmt.Errorf("start the fake provider: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- up.Serve(l) }()
	defer func() { _ = up.Close(); <-served }()

	board, err := startChild(s.tokenboard, dir, "tokenboard", nil,
		"TOKENBOARD_DATA_DIR="+dir, "TOKENBOARD_CONSOLE_ENDPOINT="+addresses[0],
		"TOKENBOARD_OTLP_GRPC_ENDPOINT="+grpc, "TOKENBOARD_OTLP_HTTP_ENDPOINT="+addresses[2])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, board.stop()) }()
	if err := board.ready(ctx, console+"/ready"); err != nil {
		return err
	}
	c := &clients{console: console, proxies: map[team]string{}, http: &http.Client{Timeout: 5 * time.Minute}, company: newCompany(time.Now())}
	if err := c.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop
		}
		return err
	}
	programs := []*child{board}
	for i, t := range teams {
		address := addresses[4+i]
		through, err := startChild(s.proxy, dir, t.service, []string{"-listen", address, "-console", console,
			"-openai", "http://" + provider, "-anthropic", "http://" + provider, "-gemini", "http://" + provider},
			"OTEL_EXPORTER_OTLP_ENDPOINT="+otlp, "OTEL_SERVICE_NAME="+t.service, "OTEL_RESOURCE_ATTRIBUTES="+usage.AttrProject+"="+t.project,
			"OPENAI_API_KEY=demo", "ANTHROPIC_API_KEY=demo", "GEMINI_API_KEY=demo")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, through.stop()) }()
		if err := through.ready(ctx, "http://"+address+"/healthz"); err != nil {
			return err
		}
		c.proxies[t], programs = "http://"+address, append(programs, through)
	}
	say(out, "console:  %s/console\nproxies:  %s (%s), %s (%s)\nOTLP:     %s and %s (gRPC)\ndata:     %s, removed at the end\nCtrl-C stops the demo.",
		console, c.proxies[product], product.project, c.proxies[support], support.project, otlp, grpc, dir)
	if s.backfill > 0 {
		n, err := c.backfill(ctx, otlp, time.Duration(s.backfill), c.company.start)
		if err != nil && ctx.Err() == nil {
			return err
		}
		say(out, "back-filled %d calls of %s", n, s.backfill.String())
	}
	err = c.traffic(ctx, s.rate, programs)
	say(out, "stopping")
	return err
}

func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }

// free finds addresses that nothing listens on; one that is taken gets another port.
func free(ctx context.Context, wanted ...string) (addresses []string, err error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, address := range wanted {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			host, _, _ := net.SplitHostPort(address)
			l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		}
		if err != nil {
			return nil, fmt.Errorf("find a port: %w", err)
		}
		held, addresses = append(held, l), append(addresses, l.Addr().String())
	}
	return addresses, nil
}

// child is a program that the demo started.
type child struct {
	name   string
	cmd    *exec.Cmd
	log    string
	exited chan struct{}
	err    error // of its end, once exited is closed
}

// startChild starts a program that a Ctrl-C at the terminal does not reach: it is told when its turn comes.
func startChild(path, dir, name string, args []string, env ...string) (*child, error) {
	c := &child{name: name, exited: make(chan struct{})}
	c.log = filepath.Join(dir, c.name+".log")
	log, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	c.cmd = exec.Command(path, args...) //nolint:noctx // the demo's own programs, stopped by stop
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.cmd.Start()
	_ = log.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w; make demo builds it", path, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

const patience = 30 * time.Second

// ready waits until an address answers well.
func (c *child) ready(ctx context.Context, address string) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return fmt.Errorf("ask %s: %w", c.name, err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.exited:
			return c.ended()
		case <-ctx.Done():
			return nil //nolint:nilerr // told to stop
		case <-deadline.C:
			return fmt.Errorf("%s did not get ready in %s", c.name, patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended says why a program is not there any more.
func (c *child) ended() error {
	log, _ := os.ReadFile(c.log)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%s ended: %w: %s", c.name, c.err, lines[len(lines)-1])
}

// stop ends a program, by force where it does not follow.
func (c *child) stop() error {
	select {
	case <-c.exited:
		return nil
	default:
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
		return nil
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		<-c.exited
		return fmt.Errorf("%s did not stop in %s and was killed", c.name, patience)
	}
}
