package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
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
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("name the folder with --dir")
	}
	return fill(ctx, *dir, set)
}

// fill puts a data set into a new database, as an exporter does.
func fill(ctx context.Context, dir string, set loadgen.Set) error {
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, tokenstoreextension.FileName)})
	if err != nil {
		return err
	}
	book, err := pricing.Default()
	if err != nil {
		return err
	}
	l, err := ledger.Open(ctx, engine, ledger.Options{Prices: book, MaxSpans: 50_000})
	if err != nil {
		return err
	}
	set.Ordered = true // as it came over the days
	g := loadgen.New(set)
	begun := time.Now()
	for more := true; more; {
		var b usage.Batch
		for len(b.Calls) < 4_000 {
			c, ok := g.Next()
			if more = ok; !ok {
				break
			}
			b.Calls = append(b.Calls, c)
		}
		if err := l.Commit(ctx, b); err != nil {
			return err
		}
	}
	took := time.Since(begun)
	fmt.Printf("%+v in %s, %.1f µs a call\n", g.Distinct, took.Round(time.Second), float64(took.Microseconds())/float64(set.Calls))
	return l.Close()
}
