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
	steps := f.Int("steps", 10, "parts of which the processor time is told")
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

// filled describes a database that fill made. It lies beside the database.
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
func fill(ctx context.Context, dir string, set loadgen.Set, steps int) (err error) {
	making, err := generatorCost(set)
	if err != nil {
		return err
	}
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, tokenstoreextension.FileName), Keyed: true})
	if err != nil {
		return err
	}
	book, err := pricing.Default()
	if err != nil {
		return err
	}
	var clock atomic.Int64 // as if the calls had come when they were made: the ledger holds what came lately in memory
	set.Ordered, set.End = true, time.Now()
	clock.Store(set.End.AddDate(0, 0, -set.Days).UnixNano())
	c := tokenstoreextension.NewFactory().CreateDefaultConfig().(*tokenstoreextension.Config)
	l, err := ledger.Open(ctx, engine, ledger.Options{
		Prices: book, Window: c.Correlation.Window, MaxSpans: c.Correlation.MaxSpans, NoTwins: !c.Correlation.Twins, SaveInterval: c.Sums.SaveInterval,
		Now: func() time.Time { return time.Unix(0, clock.Load()).UTC() },
	})
	if err != nil {
		return err
	}
	out := filled{Calls: set.Calls, Days: set.Days, Seed: set.Seed, End: set.End}
	g := loadgen.New(set)
	begun, done, noted := time.Now(), 0, 0
	before, err := cpuOf(os.Getpid())
	for more := true; more && err == nil; {
		var b usage.Batch
		for len(b.Calls) < 4_000 {
			c, ok := g.Next()
			if more = ok; !ok {
				break
			}
			b.Calls = append(b.Calls, c)
		}
		if len(b.Calls) == 0 {
			break
		}
		for i := range b.Calls {
			clock.Store(max(clock.Load(), b.Calls[i].Start.UnixNano()))
		}
		if err = l.Commit(ctx, b); err != nil {
			break
		}
		done += len(b.Calls)
		if done-noted >= set.Calls/steps || done == set.Calls {
			var now time.Duration
			if now, err = cpuOf(os.Getpid()); err != nil {
				break
			}
			out.Steps = append(out.Steps, fillStep{done, (now-before).Seconds()*1e6/float64(done-noted) - making})
			before, noted = now, done
			progress("%d of %d calls, %.1f µs a call", done, set.Calls, out.Steps[len(out.Steps)-1].CPU)
		}
	}
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
		return fmt.Errorf("encode what was filled: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, filledName), b, 0o600); err != nil {
		return fmt.Errorf("note what was filled: %w", err)
	}
	return nil
}

// generatorCost is the processor time of making a call, in microseconds; it is none of a filling's.
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
