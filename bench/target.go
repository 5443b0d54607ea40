package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// The configurations of the stock collector.
var (
	//go:embed stock-nop.yaml
	nopConfig string
	//go:embed stock-spanmetrics.yaml
	spanmetricsConfig string
	//go:embed stock-spanmetrics-few.yaml
	spanmetricsFewConfig string
)

// server is a running Tokenboard or stock collector.
type server struct {
	*process
	otlp    string // address of OTLP over HTTP
	console string // address of the console; "" of a stock collector
}

// startStock starts the stock collector with a configuration, which is written into dir.
func startStock(ctx context.Context, binary, dir, config string) (*server, error) {
	otlp, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write a configuration: %w", err)
	}
	p, err := startProcess(ctx, []string{"BENCH_OTLP_HTTP_ENDPOINT=" + otlp}, binary, "--config", file)
	if err != nil {
		return nil, err
	}
	s := &server{process: p, otlp: otlp}
	if err := s.waitFor(ctx, otlp, ""); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// launchOurs starts Tokenboard with its data in dir, as it is without a configuration file unless args
// name one. It does not wait until it is ready.
func launchOurs(ctx context.Context, binary, dir string, args ...string) (*server, error) {
	s := &server{}
	for _, a := range []*string{&s.otlp, &s.console} {
		var err error
		if *a, err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	grpc, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s.process, err = startProcess(ctx, []string{
		"TOKENBOARD_DATA_DIR=" + dir, "TOKENBOARD_CONSOLE_ENDPOINT=" + s.console, "TOKENBOARD_OTLP_HTTP_ENDPOINT=" + s.otlp,
		"TOKENBOARD_OTLP_GRPC_ENDPOINT=" + grpc,
	}, binary, args...)
	return s, err
}

// startOurs starts Tokenboard and waits until it is ready.
func startOurs(ctx context.Context, binary, dir string, args ...string) (*server, error) {
	s, err := launchOurs(ctx, binary, dir, args...)
	if err != nil {
		return nil, err
	}
	if err = s.waitFor(ctx, s.otlp, ""); err == nil {
		err = s.waitFor(ctx, s.console, "/ready")
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// get reads a route of the API.
func (s *server) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.console+"/api/console"+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for %s: status %d: %s", path, res.StatusCode, strings.TrimSpace(string(b)))
	}
	if err := json.Unmarshal(b, &struct{ Data any }{into}); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// sums returns the API's sums of all calls.
func (s *server) sums(ctx context.Context) (loadgen.Truth, error) {
	var a struct {
		Calls      int64 `json:"api_call_count"`
		Errors     int64 `json:"error_count"`
		Input      int64 `json:"input_tokens"`
		Output     int64 `json:"output_tokens"`
		CacheRead  int64 `json:"cache_read_tokens"`
		CacheWrite int64 `json:"cache_write_tokens"`
		Reasoning  int64 `json:"reasoning_tokens"`
	}
	err := s.get(ctx, "/stats", &a)
	return loadgen.Truth(a), err
}

// check compares the API's sums with what was sent.
func (s *server) check(ctx context.Context, truth loadgen.Truth) error {
	got, err := s.sums(ctx)
	if err != nil {
		return err
	}
	if got != truth {
		return fmt.Errorf("the sums are wrong: the API reports %+v, sent were %+v", got, truth)
	}
	return nil
}
