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

// dropped holds the measured cost of dropping the oldest day.
type dropped struct {
	records      int64
	step         time.Duration // from its beginning until the last record was removed
	ackBefore    float64       // the longest acknowledgement without it, in ms
	ackMeanwhile float64
	cpu          float64 // seconds, of all that happened meanwhile
	before       int64   // bytes on disk
	after        int64
}

// dropDay starts a filled database, which has calls calls, so that its oldest day is dropped a moment later while calls are
// written.
func dropDay(ctx context.Context, binary, dir string, set *filled, calls int64) (*dropped, error) {
	const perSecond = 500
	own, err := freeAddress(ctx) // of the collector's own metrics, which cost little to ask for
	if err != nil {
		return nil, err
	}
	file, err := writeRetentionConfig(dir, own, time.Since(set.End)+time.Duration(set.Days)*day-day)
	if err != nil {
		return nil, err
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
	out := &dropped{before: size}
	begun, last, err := out.watch(ctx, s, own)
	if err != nil {
		return nil, err
	}
	out.step = last.Sub(begun)
	if err := w.stop(); err != nil {
		return nil, err
	}
	const around = 250 * time.Millisecond // what waits behind it counts, too
	// the first request waits until the memtable has been read
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

// watch polls the server's own metrics until records were dropped and no further ones are, and returns when that began and
// ended. It sets the number of records and the processor time of the server in between.
func (out *dropped) watch(ctx context.Context, s *server, own string) (begun, last time.Time, err error) {
	const interval = 10 * time.Millisecond
	web := newAPI(own, 1)
	defer web.close()
	if err := s.waitFor(ctx, own, "/metrics"); err != nil {
		return begun, last, err
	}
	var before time.Duration
	for deadline := time.Now().Add(2 * time.Minute); begun.IsZero() || time.Since(last) <= 2*time.Second; {
		n, err := droppedRecords(ctx, web)
		if err != nil {
			return begun, last, err
		}
		now := time.Now()
		if n > out.records {
			out.records, last = n, now
			if begun.IsZero() {
				begun = now.Add(-interval)
				if before, err = s.cpu(); err != nil {
					return begun, last, err
				}
			}
		}
		if now.After(deadline) {
			return begun, last, fmt.Errorf("nothing was dropped in two minutes")
		}
		if err := sleep(ctx, interval); err != nil {
			return begun, last, err
		}
	}
	after, err := s.cpu()
	out.cpu = (after - before).Seconds()
	return begun, last, err
}

// writeRetentionConfig writes a configuration that drops calls above an age soon after the start, with the collector's own
// metrics at an address. It returns the name of the file.
func writeRetentionConfig(dir, own string, age time.Duration) (string, error) {
	const soon = 4 * time.Second
	_, port, err := net.SplitHostPort(own)
	if err != nil {
		return "", fmt.Errorf("read the port of %s: %w", own, err)
	}
	config := retentionConfig(soon.String(), age.Round(time.Second).String(), port)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", fmt.Errorf("write a configuration: %w", err)
	}
	return file, nil
}

// retentionConfig returns the quickstart's configuration with another age limit, which is applied after an interval, and with
// the collector's own metrics on a port.
func retentionConfig(interval, maxAge, port string) string {
	return strings.NewReplacer("max_age: 9600h", "interval: "+interval+"\n      max_age: "+maxAge,
		"level: none", "level: normal\n      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "+port+"}}}}]").Replace(quickstart.Config)
}

// droppedRecords returns how many records retention has removed.
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
