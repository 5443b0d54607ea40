package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// sdkBatch is how many spans the batch processors of SDKs send at most by default.
const sdkBatch = 512

// cpuPlan is how the processor time of a call is measured.
type cpuPlan struct {
	rounds, calls, connections, batch int
	only                              string // the contenders that run, by commas; "" for all
	against                           string // another build of Tokenboard that takes part; "" for none
}

func cpuCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("cpu", flag.ContinueOnError)
	var plan cpuPlan
	f.IntVar(&plan.rounds, "rounds", 5, "how often each is measured, by turns")
	f.IntVar(&plan.calls, "calls", 200_000, "calls of a round; a tenth more is sent before to warm up")
	f.IntVar(&plan.connections, "connections", 8, "connections that send, each of which waits for its acknowledgement")
	f.IntVar(&plan.batch, "batch", sdkBatch, "spans in a request; the default is that of SDKs")
	f.StringVar(&plan.only, "only", "", "measure only these, by commas: nop, spanmetrics-few, spanmetrics, tokenboard, against")
	f.StringVar(&plan.against, "against", "", "another binary of Tokenboard to compare with, for example one that was built before a change")
	out := outputFlags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	home, err := root(ctx)
	if err != nil {
		return err
	}
	bin, err := buildAll(ctx, home)
	if err != nil {
		return err
	}
	r := newReport(ctx, home)
	r.made = out.without(f, "cpu")
	if err := measureCPU(ctx, r, bin, plan); err != nil {
		return err
	}
	return out.write(r)
}

// contender is a pipeline whose processor time is measured.
type contender struct {
	name, key string
	start     func(ctx context.Context, dir string) (*server, error)
	ours      bool

	cpu, rate, rss, peak, disk, total series
}

func contenders(bin binaries, plan cpuPlan) []*contender {
	stock := func(config string) func(context.Context, string) (*server, error) {
		return func(ctx context.Context, dir string) (*server, error) { return startStock(ctx, bin.stock, dir, config) }
	}
	all := []*contender{
		{name: "otlp → nop", key: "nop", start: stock(nopConfig)},
		{name: "otlp → spanmetrics by model, status → nop", key: "spanmetrics-few", start: stock(spanmetricsFewConfig)},
		{name: "otlp → spanmetrics by our dimensions → nop", key: "spanmetrics", start: stock(spanmetricsConfig)},
		{name: "tokenboard, the quickstart", key: "tokenboard", ours: true, start: func(ctx context.Context, dir string) (*server, error) {
			return startOurs(ctx, bin.ours, dir)
		}},
	}
	if plan.against != "" {
		all = append(all, &contender{name: "tokenboard, the other build", key: "against", ours: true, start: func(ctx context.Context, dir string) (*server, error) {
			return startOurs(ctx, plan.against, dir)
		}})
	}
	if plan.only == "" {
		return all
	}
	only := strings.Split(plan.only, ",")
	return slices.DeleteFunc(all, func(c *contender) bool { return !slices.Contains(only, c.key) })
}

// measureCPU sends the same requests to each contender by turns, to a new process with an empty folder
// each time.
func measureCPU(ctx context.Context, r *report, bin binaries, plan cpuPlan) error {
	warmUp := plan.calls / 10
	g := loadgen.New(loadgen.Set{Seed: 1, Calls: warmUp + plan.calls, End: time.Now(), Over: 10 * time.Minute, Ordered: true})
	requests, err := g.Requests(plan.batch)
	if err != nil {
		return err
	}
	warm, sent := 0, 0
	for sent < warmUp {
		sent += requests[warm].Spans
		warm++
	}
	bytes := 0
	for _, q := range requests {
		bytes += len(q.Body)
	}
	m := cpuRound{plan: plan, work: bin.work, warmUp: requests[:warm], measured: requests[warm:], spans: warmUp + plan.calls - sent, truth: g.Distinct}
	all := contenders(bin, plan)
	for i := range plan.rounds {
		for _, c := range all {
			if err := m.run(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			progress("round %d of %d: %-42s %6.2f µs a call, %7.0f calls/s", i+1, plan.rounds, c.name, c.cpu[i], c.rate[i])
		}
	}
	r.cpu(all, m.spans, bytes/(warmUp+plan.calls), plan)
	return nil
}

// cpuRound describes the requests that one round sends.
type cpuRound struct {
	plan             cpuPlan
	work             string // where folders are made
	warmUp, measured []loadgen.Request
	spans            int // in measured
	truth            loadgen.Truth
}

func (m *cpuRound) run(ctx context.Context, c *contender) error {
	dir, err := os.MkdirTemp(m.work, "bench-work-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := c.start(ctx, dir)
	if err != nil {
		return err
	}
	defer s.end()
	to := newSender(s.otlp, m.plan.connections)
	defer to.close()
	if err := to.sendAll(ctx, m.warmUp, m.plan.connections); err != nil {
		return err
	}
	before, err := s.quietCPU(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := to.sendAll(ctx, m.measured, m.plan.connections); err != nil {
		return err
	}
	took := time.Since(begun)
	after, err := s.quietCPU(ctx)
	if err != nil {
		return err
	}
	now, highest, err := s.memory()
	if err != nil {
		return err
	}
	if c.ours {
		if err := s.check(ctx, m.truth); err != nil {
			return err
		}
	}
	if err := s.stop(); err != nil {
		return err
	}
	perCall := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(m.spans) }
	c.cpu.add(perCall(after - before))
	c.total.add(perCall(s.cmd.ProcessState.UserTime() + s.cmd.ProcessState.SystemTime() - before))
	c.rate.add(float64(m.spans) / took.Seconds())
	c.rss.add(float64(now) / mega)
	c.peak.add(float64(highest) / mega)
	if c.ours {
		size, err := folderSize(dir)
		if err != nil {
			return err
		}
		c.disk.add(float64(size) / float64(m.truth.Calls))
	}
	return nil
}

const mega = 1e6

// folderSize is how much its files take, in bytes.
func folderSize(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err == nil {
			sum += i.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", dir, err)
	}
	return sum, nil
}
