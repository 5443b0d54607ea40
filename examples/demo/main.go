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
		os.Exit(1) //nolint:gocritic // everything is stopped
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
	d := &demo{settings: s, dir: dir}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted
		}
		return err
	}
	c := d.clients
	say(out, "console:  %s/console\nproxies:  %s (%s), %s (%s)\nOTLP:     %s and %s (gRPC)\ndata:     %s, removed at the end\nCtrl-C stops the demo.",
		c.console, c.proxies[product], product.project, c.proxies[support], support.project, d.otlp, d.grpc, dir)
	if s.backfill > 0 {
		n, err := c.backfill(ctx, d.otlp, time.Duration(s.backfill), c.company.start)
		if err != nil && ctx.Err() == nil {
			return err
		}
		say(out, "back-filled %d calls of %s", n, s.backfill.String())
	}
	err = c.traffic(ctx, s.rate, d.programs)
	say(out, "stopping")
	return err
}

// demo is the programs that run, and the clients that call them.
type demo struct {
	settings
	dir string

	grpc, otlp string // addresses of Tokenboard's receivers
	clients    *clients
	programs   []*child
	stops      []func() error
}

// stop stops everything that was started, in reverse order.
func (d *demo) stop() (err error) {
	for _, stop := range slices.Backward(d.stops) {
		err = errors.Join(err, stop())
	}
	return err
}

// start starts the fake provider, Tokenboard and a proxy for each team.
func (d *demo) start(ctx context.Context) error {
	teams := []team{product, support}
	addresses, err := free(ctx, append([]string{d.console}, slices.Repeat([]string{"127.0.0.1:0"}, 3+len(teams))...)...)
	if err != nil {
		return err
	}
	console, provider := "http://"+addresses[0], addresses[3]
	d.grpc, d.otlp = addresses[1], "http://"+addresses[2]
	if err := d.startProvider(ctx, provider); err != nil {
		return err
	}
	if err := d.startProgram(ctx, d.tokenboard, "tokenboard", console+"/ready", nil,
		"TOKENBOARD_DATA_DIR="+d.dir, "TOKENBOARD_CONSOLE_ENDPOINT="+addresses[0],
		"TOKENBOARD_OTLP_GRPC_ENDPOINT="+d.grpc, "TOKENBOARD_OTLP_HTTP_ENDPOINT="+addresses[2]); err != nil {
		return err
	}
	d.clients = &clients{console: console, proxies: map[team]string{}, http: &http.Client{Timeout: 5 * time.Minute}, company: newCompany(time.Now())}
	if err := d.clients.prepare(ctx); err != nil {
		return err
	}
	for i, t := range teams {
		address := addresses[4+i]
		if err := d.startProgram(ctx, d.proxy, t.service, "http://"+address+"/healthz", []string{"-listen", address, "-console", console,
			"-openai", "http://" + provider, "-anthropic", "http://" + provider, "-gemini", "http://" + provider},
			"OTEL_EXPORTER_OTLP_ENDPOINT="+d.otlp, "OTEL_SERVICE_NAME="+t.service, "OTEL_RESOURCE_ATTRIBUTES="+usage.AttrProject+"="+t.project,
			"OPENAI_API_KEY=demo", "ANTHROPIC_API_KEY=demo", "GEMINI_API_KEY=demo"); err != nil {
			return err
		}
		d.clients.proxies[t] = "http://" + address
	}
	return nil
}

func (d *demo) startProvider(ctx context.Context, address string) error {
	up := &http.Server{Handler: &fakeupstream.Upstream{Delay: 15 * time.Millisecond}, Addr: address, ReadHeaderTimeout: 10 * time.Second}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", up.Addr)
	if err != nil {
		return fmt.Errorf("start the fake provider: %w", err)
	}
	served := make(chan error, 1)
	go func() { served <- up.Serve(l) }()
	d.stops = append(d.stops, func() error {
		_ = up.Close()
		<-served
		return nil
	})
	return nil
}

// startProgram starts a program and waits until its address answers.
func (d *demo) startProgram(ctx context.Context, path, name, ready string, args []string, env ...string) error {
	c, err := startChild(path, d.dir, name, args, env...)
	if err != nil {
		return err
	}
	d.programs, d.stops = append(d.programs, c), append(d.stops, c.stop)
	return c.ready(ctx, ready)
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

// startChild starts a program in a process group of its own, so that Ctrl-C at the terminal does not reach it before stop
// does.
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

// ready waits until an address answers with 200, the program ends, or the context does.
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
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%s did not get ready in %s", c.name, patience)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ended returns why a program has ended, with the last line of its log.
func (c *child) ended() error {
	log, _ := os.ReadFile(c.log)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("%s ended: %w: %s", c.name, c.err, lines[len(lines)-1])
}

// stop ends a program, by force where it does not end within patience.
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
