package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

// openCommand opens a database as the binary does and prints what that took, until its sums are right.
func openCommand(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("open", flag.ContinueOnError)
	dir := f.String("dir", "", "folder of the database")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("name the folder with --dir")
	}
	l, opened, ready, err := openAsBinary(ctx, *dir)
	if err != nil {
		return err
	}
	used, err := cpuOf(os.Getpid())
	_, highest, memory := memoryOf(os.Getpid())
	if err := errors.Join(err, memory, l.Close()); err != nil {
		return err
	}
	fmt.Printf("the store %.2f s, with the sums %.2f s, processor %.2f s, memory at most %.0f MB\n", opened.Seconds(), ready.Seconds(), used.Seconds(), float64(highest)/1e6)
	return nil
}

// openAsBinary opens a database as the binary does. It returns when the store was open and when the sums were there.
func openAsBinary(ctx context.Context, dir string) (l *ledger.Ledger, opened, ready time.Duration, err error) {
	begun := time.Now()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, tokenstoreextension.FileName), Keyed: true})
	if err != nil {
		return nil, 0, 0, err
	}
	opened = time.Since(begun)
	book, err := pricing.Default()
	if err != nil {
		return nil, 0, 0, errors.Join(err, engine.Close())
	}
	c := tokenstoreextension.NewFactory().CreateDefaultConfig().(*tokenstoreextension.Config)
	l, err = ledger.Open(ctx, engine, ledger.Options{
		Prices: book, Window: c.Correlation.Window, MaxSpans: c.Correlation.MaxSpans, NoTwins: !c.Correlation.Twins, SaveInterval: c.Sums.SaveInterval,
	})
	return l, opened, time.Since(begun), err
}
