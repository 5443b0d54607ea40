package panels

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/promapi"
)

// Database is an open one that bench fill made.
type Database struct {
	Ledger *ledger.Ledger
	Calls  int       // stored, duplicates included
	End    time.Time // of the newest call
	Opened time.Duration
}

const smallSet = 1_000_000 // calls

// Command measures the panels over a database in a folder, or over one that it makes with fill and removes. It fails
// where a panel is above its limits.
func Command(
	ctx context.Context, out io.Writer, args []string, fill func(context.Context, string, loadgen.Set) error,
	open func(context.Context, string) (*Database, error),
) error {
	f := flag.NewFlagSet("promql", flag.ContinueOnError)
	dir := f.String("dir", "", "folder of a database that fill made; otherwise one is made and removed")
	calls := f.Int("calls", smallSet, "number of calls of a database that is made: of 858 series")
	days := f.Int("days", 90, "days that the dashboard shows, and of a database that is made")
	rounds := f.Int("rounds", 5, "how often each panel is asked; the middle one counts")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		made, err := os.MkdirTemp("", "tokenboard-promql")
		if err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(made) }()
		*dir = made
		// all combinations of these and of two outcomes are 858 series
		if err := fill(ctx, made, loadgen.Set{Calls: *calls, Days: *days, Seed: 1, Keys: 13, Models: 11, Services: 3}); err != nil {
			return err
		}
	}
	db, err := open(ctx, *dir)
	if err != nil {
		return err
	}
	view := &promapi.View{KeyName: func(f string) string { return f }}
	api, err := promapi.New(promapi.Options{
		Ledger: db.Ledger, Now: func() time.Time { return db.End }, View: func(context.Context) (*promapi.View, error) { return view, nil },
	})
	if err != nil {
		return errors.Join(err, db.Ledger.Close())
	}
	defer func() {
		api.Close()
		_ = db.Ledger.Close() // it was only read
	}()
	series, _ := db.Ledger.Counters()
	if _, err := fmt.Fprintf(out, "%d calls, %d series, opened in %.2f s\n", db.Calls, len(series), db.Opened.Seconds()); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	p := &Panels{API: api, End: db.End, Span: time.Duration(*days) * 24 * time.Hour, Rounds: *rounds, Large: db.Calls > smallSet}
	return p.Measure(ctx, out)
}
