package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func fillCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("fill", flag.ContinueOnError)
	dir, set := f.String("dir", "", "folder of the database to fill"), loadgen.Set{}
	f.IntVar(&set.Calls, "calls", 1_000_000, "number of calls, duplicates included")
	f.IntVar(&set.Days, "days", 90, "days over which they are spread")
	f.Uint64Var(&set.Seed, "seed", 1, "the same seed gives the same calls")
	f.IntVar(&set.Keys, "keys", 0, "number of keys (500)")
	f.IntVar(&set.Models, "models", 0, "number of models (40)")
	f.IntVar(&set.Services, "services", 0, "number of services (10)")
	steps := f.Int("steps", 10, "parts whose processor time is reported")
	profile := f.String("cpuprofile", "", "write a profile of the processor time to this file")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("name the folder with --dir")
	}
	if *profile != "" {
		out, err := os.Create(*profile)
		if err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		defer func() { _ = out.Close() }()
		if err := pprof.StartCPUProfile(out); err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	return fill(ctx, *dir, set, max(1, *steps))
}

// filled describes a database that fill made. It is stored beside the database.
type filled struct {
	Calls int       `json:"calls"` // duplicates included
	Days  int       `json:"days"`
	Seed  uint64    `json:"seed"`
	End   time.Time `json:"end"`
	Truth loadgen.Truth
	Steps []fillStep `json:"steps"`
	Bytes int64      `json:"bytes"` // once closed
}

// fillStep is a part of a filling.
type fillStep struct {
	Calls int     `json:"calls"` // stored at its end
	CPU   float64 `json:"cpu_us_per_call"`
}

const filledName = "bench.json"

// fill puts a data set into a new database, as an exporter does.
func fill(ctx context.Context, dir string, set loadgen.Set, steps int) error {
	making, err := generatorCost(set)
	if err != nil {
		return err
	}
	var clock atomic.Int64 // the time of the calls, so that the ledger keeps the recent ones in memory
	set.Ordered, set.End = true, time.Now()
	clock.Store(set.End.AddDate(0, 0, -set.Days).UnixNano())
	l, err := openLedger(ctx, dir, &clock)
	if err != nil {
		return err
	}
	out := filled{Calls: set.Calls, Days: set.Days, Seed: set.Seed, End: set.End}
	g, begun := loadgen.New(set), time.Now()
	err = out.commitAll(ctx, l, g, &clock, steps, making)
	if closed := l.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("fill %s: %w", dir, err)
	}
	took := time.Since(begun)
	fmt.Printf("%+v in %s, %.1f µs a call\n", g.Distinct, took.Round(time.Second), float64(took.Microseconds())/float64(set.Calls))
	out.Truth = g.Distinct
	if out.Bytes, err = folderSize(dir); err != nil {
		return err
	}
	b, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode the description of the database: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, filledName), b, 0o600); err != nil {
		return fmt.Errorf("write the description of the database: %w", err)
	}
	return nil
}

// openLedger opens a ledger on a new database with the default configuration and the given clock.
func openLedger(ctx context.Context, dir string, clock *atomic.Int64) (*ledger.Ledger, error) {
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, tokenstoreextension.FileName), Keyed: true})
	if err != nil {
		return nil, err
	}
	book, err := pricing.Default()
	if err != nil {
		return nil, err
	}
	c := tokenstoreextension.NewFactory().CreateDefaultConfig().(*tokenstoreextension.Config)
	return ledger.Open(ctx, engine, ledger.Options{
		Prices: book, Window: c.Correlation.Window, MaxSpans: c.Correlation.MaxSpans, NoTwins: !c.Correlation.Twins, SaveInterval: c.Sums.SaveInterval,
		Now: func() time.Time { return time.Unix(0, clock.Load()).UTC() },
	})
}

// commitAll commits all generated calls in batches, and notes the processor time of a call after each step, without the
// microseconds that making a call costs.
func (out *filled) commitAll(ctx context.Context, l *ledger.Ledger, g *loadgen.Generator, clock *atomic.Int64, steps int, making float64) error {
	done, noted := 0, 0
	before, err := cpuOf(os.Getpid())
	if err != nil {
		return err
	}
	for {
		var b usage.Batch
		for len(b.Calls) < 4_000 {
			c, ok := g.Next()
			if !ok {
				break
			}
			clock.Store(max(clock.Load(), c.Start.UnixNano()))
			b.Calls = append(b.Calls, c)
		}
		if len(b.Calls) == 0 {
			return nil
		}
		if err := l.Commit(ctx, b); err != nil {
			return err
		}
		done += len(b.Calls)
		if done-noted >= out.Calls/steps || done == out.Calls {
			now, err := cpuOf(os.Getpid())
			if err != nil {
				return err
			}
			out.Steps = append(out.Steps, fillStep{done, (now-before).Seconds()*1e6/float64(done-noted) - making})
			before, noted = now, done
			progress("%d of %d calls, %.1f µs a call", done, out.Calls, out.Steps[len(out.Steps)-1].CPU)
		}
	}
}

// generatorCost returns the processor time of making a call, in microseconds, which is not a part of storing it.
func generatorCost(set loadgen.Set) (float64, error) {
	const calls = 200_000
	set.Calls = calls
	before, err := cpuOf(os.Getpid())
	if err != nil {
		return 0, err
	}
	g := loadgen.New(set)
	for more := true; more; {
		_, more = g.Next()
	}
	after, err := cpuOf(os.Getpid())
	return (after - before).Seconds() * 1e6 / calls, err
}
