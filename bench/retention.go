package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/examples/quickstart"
)

// dropped is what it takes to drop the oldest day.
type dropped struct {
	records      int64
	step         time.Duration // from its begin until the last record was gone
	ackBefore    float64       // the longest acknowledgement without it, in ms
	ackMeanwhile float64
	cpu          float64 // seconds, of all that happened meanwhile
	before       int64   // bytes on disk
	after        int64
}

// dropDay starts a filled database so that its oldest day goes a moment later, while calls are written.
// It holds so many calls before.
func dropDay(ctx context.Context, binary, dir string, set *filled, calls int64) (*dropped, error) {
	const soon, perSecond, watch = 4 * time.Second, 500, 10 * time.Millisecond
	age := time.Since(set.End) + time.Duration(set.Days)*day - day
	own, err := freeAddress(ctx) // of the collector's own metrics, which cost little to ask for
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(own)
	if err != nil {
		return nil, fmt.Errorf("take a port: %w", err)
	}
	config := retentionConfig(soon.String(), age.Round(time.Second).String(), port)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write a configuration: %w", err)
	}
	size, err := folderSize(dir)
	if err != nil {
		return nil, err
	}
	s, err := startOurs(ctx, binary, dir, "--config", file)
	if err != nil {
		return nil, err
	}
	defer s.end()
	to := newSender(s.otlp, 1)
	defer to.close()
	w := startWriting(ctx, to, 4711, perSecond)
	defer func() { _ = w.stop() }()
	web := newAPI(own, 1)
	defer web.close()
	if err := s.waitFor(ctx, own, "/metrics"); err != nil {
		return nil, err
	}
	out := &dropped{before: size}
	var begun, last time.Time
	var cpu time.Duration
	for deadline := time.Now().Add(2 * time.Minute); ; {
		n, err := droppedRecords(ctx, web)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if n > out.records {
			out.records, last = n, now
			if begun.IsZero() {
				begun = now.Add(-watch)
				if cpu, err = s.cpu(); err != nil {
					return nil, err
				}
			}
		}
		if !begun.IsZero() && now.Sub(last) > 2*time.Second {
			break
		}
		if now.After(deadline) {
			return nil, fmt.Errorf("nothing was dropped in two minutes")
		}
		if err := sleep(ctx, watch); err != nil {
			return nil, err
		}
	}
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	out.cpu = (after - cpu).Seconds()
	out.step = last.Sub(begun)
	if err := w.stop(); err != nil {
		return nil, err
	}
	const around = 250 * time.Millisecond // what waits behind it counts, too
	// the first request waits until what was written lately is read
	out.ackBefore = w.longest(w.acks[0].sent.Add(w.acks[0].took+time.Millisecond), begun.Add(-around))
	out.ackMeanwhile = w.longest(begun.Add(-around), last.Add(around))
	sums, err := s.sums(ctx)
	if err != nil {
		return nil, err
	}
	if want := calls + w.truth.Calls - out.records; sums.Calls != want {
		return nil, fmt.Errorf("%d calls were stored, %d written and %d dropped, but %d are there", calls, w.truth.Calls, out.records, sums.Calls)
	}
	if err := s.stop(); err != nil {
		return nil, err
	}
	out.after, err = folderSize(dir)
	return out, err
}

// retentionConfig is the quickstart's configuration with another limit, which is looked at after an
// interval, and with the collector's own metrics on a port.
func retentionConfig(interval, maxAge, port string) string {
	return strings.NewReplacer("max_age: 9600h", "interval: "+interval+"\n      max_age: "+maxAge,
		"level: none", "level: normal\n      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "+port+"}}}}]").Replace(quickstart.Config)
}

// droppedRecords is how many records retention has removed.
func droppedRecords(ctx context.Context, web *api) (int64, error) {
	b, err := web.do(ctx, "GET", "/metrics", nil)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if !strings.Contains(line, `outcome="dropped"`) {
			continue
		}
		n, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read the metric %s: %w", line, err)
		}
		return int64(n), nil
	}
	return 0, fmt.Errorf("there is no metric of dropped records")
}
