package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// sender sends OTLP requests over HTTP in protobuf without compression: the default of SDKs.
type sender struct {
	url     string
	web     *http.Client
	refused atomic.Int64 // requests that were refused and sent again
}

func newSender(address string, connections int) *sender {
	return &sender{
		url: "http://" + address + "/v1/traces",
		web: &http.Client{Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections}, Timeout: time.Minute},
	}
}

func (s *sender) close() { s.web.CloseIdleConnections() }

// send sends one request until it is acknowledged.
func (s *sender) send(ctx context.Context, body []byte) error {
	for {
		again, err := s.try(ctx, body)
		if err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		if !again {
			return nil
		}
		s.refused.Add(1)
		select {
		case <-ctx.Done():
			return fmt.Errorf("send a request: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// try sends a request once; again says that it was refused and may be sent again.
func (s *sender) try(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := s.web.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return false, err
	}
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true, nil
	default:
		return false, fmt.Errorf("status %d: %q", res.StatusCode, answer)
	}
	out := ptraceotlp.NewExportResponse()
	if err := out.UnmarshalProto(answer); err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	if n := out.PartialSuccess().RejectedSpans(); n > 0 {
		return false, fmt.Errorf("%d spans were rejected: %s", n, out.PartialSuccess().ErrorMessage())
	}
	return false, nil
}

// sendAll sends requests over several connections, each of which waits for an acknowledgement before it
// sends the next. It ends when all are acknowledged.
func (s *sender) sendAll(ctx context.Context, requests []loadgen.Request, connections int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(requests)) {
					return
				}
				if err := s.send(ctx, requests[i].Body); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}
