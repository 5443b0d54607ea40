// Command instrumented-proxy is a reverse proxy to OpenAI, Anthropic and Gemini that asks Tokenboard
// whether a client's key is valid, puts the provider's key in its place, and reports its calls to Tokenboard over
// OTLP what each call spent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.37.0"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "instrumented-proxy: "+err.Error())
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// settings are the program's flags.
type settings struct {
	listen, openAI, anthropic, gemini string

	verify  verifySettings
	maxBody int64

	bodyUser bool
}

func readSettings(args []string, env func(string) string) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("instrumented-proxy", flag.ContinueOnError)
	f.StringVar(&s.listen, "listen", "127.0.0.1:8080", "`address` to serve on")
	f.StringVar(&s.openAI, "openai", "https://api.openai.com", "`URL` of OpenAI or what speaks its API; its key from $OPENAI_API_KEY")
	f.StringVar(&s.anthropic, "anthropic", "https://api.anthropic.com", "`URL` of Anthropic; its key from $ANTHROPIC_API_KEY")
	f.StringVar(&s.gemini, "gemini", "https://generativelanguage.googleapis.com", "`URL` of Gemini; its key from $GEMINI_API_KEY")
	f.Int64Var(&s.maxBody, "max-body", 32<<20, "longest request in `bytes`; requests are read whole, to know the model before the key is checked")
	f.BoolVar(&s.bodyUser, "body-user", false, "take the user of a call from its body where its key has no owner; clients write there what they like")
	f.StringVar(&s.verify.console, "console", "http://127.0.0.1:8317", "`URL` of Tokenboard's console; empty: no key is checked. A token for it from $TOKENBOARD_TOKEN")
	f.DurationVar(&s.verify.fresh, "fresh", 5*time.Second, "how long the result of a key check is used; 0 checks for every call")
	f.DurationVar(&s.verify.stale, "stale", 5*time.Minute, "how long a key that was valid stays valid while the console does not answer")
	f.BoolVar(&s.verify.failOpen, "fail-open", false, "let calls pass whose key cannot be checked; otherwise they get status 503")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	s.verify.token = env("TOKENBOARD_TOKEN")
	return s, nil
}

func run(ctx context.Context, args []string, env func(string) string) error {
	s, err := readSettings(args, env)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with -listen", s.listen, err)
	}
	traces, err := tracing(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	h, err := newProxy(s, env, traces)
	if err != nil {
		return errors.Join(err, l.Close(), traces.Shutdown(ctx))
	}
	slog.Info("serving", "address", "http://"+l.Addr().String())
	return serve(ctx, l, h, traces)
}

// tracing sends spans where the OTEL_ variables say, by default to http://localhost:4318.
func tracing(ctx context.Context) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	service, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("instrumented-proxy")), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describe this service: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithResource(service),
		sdktrace.WithBatcher(exporter, sdktrace.WithBatchTimeout(time.Second))), nil
}

const grace = 10 * time.Second // for the calls in progress when the program is stopped

// serve answers until ctx ends, lets running calls end, and sends what was not sent.
func serve(ctx context.Context, l net.Listener, h http.Handler, traces *sdktrace.TracerProvider) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err = srv.Shutdown(late); err != nil {
			err = errors.Join(fmt.Errorf("calls still running after %s: %w", grace, err), srv.Close())
		}
		<-served
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, traces.Shutdown(late))
}
