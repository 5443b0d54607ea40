package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// plan describes a whole run.
type plan struct {
	cpu     cpuPlan
	small   []int // spans in a request, measured with fewer calls besides
	sizes   []int
	latency latencyPlan
	crowd   int           // clients
	lasts   time.Duration // of the crowd, and of key checks
	noCPU   bool
}

func runCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	quick := f.Bool("quick", false, "in a few minutes: fewer calls, shorter")
	sizes := f.String("sizes", "", "numbers of stored calls, with commas between (default 1000000,10000000; quick: 200000)")
	rounds := f.Int("rounds", 5, "rounds of the processor time of a call")
	noCPU := f.Bool("skip-cpu", false, "leave the processor time of a call out")
	data := f.String("data", "", "where filled databases are kept (default bin/bench-data of the repository)")
	reuse := f.Duration("reuse", 12*time.Hour, "how old the newest call of a filled database may be")
	out := outputFlags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	p := plan{
		cpu: cpuPlan{rounds: *rounds, calls: 200_000, connections: 8, batch: sdkBatch}, small: []int{1, 16}, sizes: []int{1_000_000, 10_000_000},
		latency: latencyPlan{requests: 300, longest: 4 * time.Second}, crowd: 1000, lasts: 20 * time.Second, noCPU: *noCPU,
	}
	if *quick {
		p.cpu.calls, p.small, p.sizes = 50_000, nil, []int{200_000}
		p.latency, p.lasts = latencyPlan{requests: 100, longest: time.Second}, 8*time.Second
	}
	if *sizes != "" {
		p.sizes = nil
		for s := range strings.SplitSeq(*sizes, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(s))
			if err != nil || n < 100_000 {
				return fmt.Errorf("--sizes: %q is not a number of calls, 100000 or more", s)
			}
			p.sizes = append(p.sizes, n)
		}
	}
	home, err := root(ctx)
	if err != nil {
		return err
	}
	bin, err := buildAll(ctx, home)
	if err != nil {
		return err
	}
	l := &library{root: home, dir: *data, longest: *reuse}
	if l.dir == "" {
		l.dir = filepath.Join(home, "bin", "bench-data")
	}
	r := newReport(ctx, home)
	r.made = out.without(f, "run")
	if err := p.run(ctx, r, bin, l); err != nil {
		return err
	}
	return out.write(r)
}

func (p *plan) run(ctx context.Context, r *report, bin binaries, l *library) error {
	if !p.noCPU {
		if err := measureCPU(ctx, r, bin, p.cpu); err != nil {
			return err
		}
		for _, batch := range p.small {
			const share = 10
			small := p.cpu
			small.batch, small.calls, small.rounds = batch, small.calls/share, min(3, small.rounds)
			if err := measureCPU(ctx, r, bin, small); err != nil {
				return err
			}
		}
	}
	var all []*sized
	for _, n := range p.sizes {
		s, err := p.measureSize(ctx, bin, l, n)
		if err != nil {
			return fmt.Errorf("with %d calls: %w", n, err)
		}
		all = append(all, s)
	}
	empty, err := measureEmpty(ctx, bin)
	if err != nil {
		return err
	}
	r.sizes(empty, all)
	return nil
}

// sized holds the measurements with a given number of stored calls.
type sized struct {
	calls int
	set   *filled

	warm, cold     beginning
	idle           float64 // MB
	live           cpuRoundResult
	alone, writing []timing
	crowd          crowd
	crowdMemory    float64 // MB
	crowdAck       float64 // ms
	verifyRate     float64
	verifyCPU      float64
	dropped        *dropped
}

type cpuRoundResult struct{ cpu, rate float64 }

// measureEmpty returns the memory of a server with an empty database that has nothing to do, in MB.
func measureEmpty(ctx context.Context, bin binaries) (float64, error) {
	dir, err := os.MkdirTemp(bin.work, "bench-work-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := startOurs(ctx, bin.ours, dir)
	if err != nil {
		return 0, err
	}
	defer s.end()
	var unused any
	if err := s.get(ctx, "/stats", &unused); err != nil {
		return 0, err
	}
	mb, err := restingMemory(ctx, s.process)
	if err != nil {
		return 0, err
	}
	return mb, s.stop()
}

func (p *plan) measureSize(ctx context.Context, bin binaries, l *library, calls int) (*sized, error) {
	from, set, err := l.get(ctx, calls)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(bin.work, "bench-work-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := copyFolder(ctx, from, dir); err != nil {
		return nil, err
	}
	out := &sized{calls: calls, set: set}
	truth := set.Truth
	for i, b := range []*beginning{&out.cold, &out.warm} {
		progress("start with %d calls", calls)
		if i == 0 {
			if err := forget(dir); err != nil {
				return nil, err
			}
		}
		var sent loadgen.Truth
		if *b, sent, err = measureStart(ctx, bin.ours, dir, uint64(100+i)); err != nil {
			return nil, err
		}
		truth = truth.Plus(sent)
	}
	if truth, err = p.measureServer(ctx, bin, dir, out, truth); err != nil {
		return nil, err
	}
	progress("dropping a day")
	out.dropped, err = dropDay(ctx, bin.ours, dir, set, truth.Calls)
	return out, err
}

// measureServer measures one server on a filled database, which it stops. It returns the sums of all calls
// that are stored then; the server's are checked against them.
func (p *plan) measureServer(ctx context.Context, bin binaries, dir string, out *sized, truth loadgen.Truth) (loadgen.Truth, error) {
	s, err := startOurs(ctx, bin.ours, dir)
	if err != nil {
		return truth, err
	}
	defer s.end()
	if err := s.check(ctx, truth); err != nil {
		return truth, err
	}
	if out.idle, err = restingMemory(ctx, s.process); err != nil {
		return truth, err
	}
	web := newAPI(s.console, 1)
	defer web.close()
	q, err := newQuestions(ctx, web, out.set)
	if err != nil {
		return truth, err
	}
	progress("queries with %d calls, alone", out.calls)
	if out.alone, err = latencies(ctx, s, q.all(), p.latency); err != nil {
		return truth, err
	}

	const perSecond = 500
	to := newSender(s.otlp, p.cpu.connections)
	defer to.close()
	w := startWriting(ctx, to, 200, perSecond)
	defer func() { _ = w.stop() }()
	progress("queries with %d calls, while %d calls a second are written", out.calls, perSecond)
	if out.writing, err = latencies(ctx, s, q.all(), p.latency); err != nil {
		return truth, err
	}
	progress("%d clients", p.crowd)
	memory := watchMemory(s.process)
	out.crowd = crowd{clients: p.crowd, pause: time.Second, lasts: p.lasts}
	begun := time.Now()
	err = out.crowd.ask(ctx, s, q)
	out.crowdMemory, out.crowdAck = memory(), w.longest(begun, time.Now())
	if err != nil {
		return truth, err
	}
	if err := w.stop(); err != nil {
		return truth, err
	}
	truth = truth.Plus(w.truth)
	progress("key checks")
	if out.verifyRate, out.verifyCPU, err = verifyRate(ctx, s, q, p.lasts/2); err != nil {
		return truth, err
	}
	progress("live calls")
	if truth, err = p.sendLive(ctx, s, to, out, truth); err != nil {
		return truth, err
	}
	if err := s.check(ctx, truth); err != nil {
		return truth, err
	}
	return truth, s.stop()
}

// sendLive measures the processor time of live calls with others stored.
func (p *plan) sendLive(ctx context.Context, s *server, to *sender, out *sized, truth loadgen.Truth) (loadgen.Truth, error) {
	calls := p.cpu.calls / 2
	g := loadgen.New(loadgen.Set{Seed: 300, Calls: calls, End: time.Now(), Over: time.Minute, Ordered: true})
	requests, err := g.Requests(p.cpu.batch)
	if err != nil {
		return truth, err
	}
	before, err := s.quietCPU(ctx)
	if err != nil {
		return truth, err
	}
	begun := time.Now()
	if err := to.sendAll(ctx, requests, p.cpu.connections); err != nil {
		return truth, err
	}
	out.live.rate = float64(calls) / time.Since(begun).Seconds()
	after, err := s.quietCPU(ctx)
	out.live.cpu = (after - before).Seconds() * 1e6 / float64(calls)
	return truth.Plus(g.Distinct), err
}
