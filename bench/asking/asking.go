// Package asking measures questions by several values together.
package asking

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Command asks the questions of a filled database, in this process: how long the first answer takes, and the median of the
// later ones, with other values each time. Open opens the database in a folder; cpu is this process's processor time so far.
func Command(
	ctx context.Context, out io.Writer, args []string, open func(ctx context.Context, dir string) (*ledger.Ledger, error), cpu func() (time.Duration, error),
) error {
	f := flag.NewFlagSet("ask", flag.ContinueOnError)
	dir := f.String("dir", "", "folder of the database")
	times := f.Int("times", 30, "how often each question is asked")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *times < 2 {
		return errors.New("name the folder with --dir, and ask at least twice")
	}
	l, err := open(ctx, *dir)
	if err != nil {
		return err
	}
	return errors.Join(ask(ctx, out, l, *times, cpu), l.Close())
}

// question is asked with another number each time.
type question struct {
	name string
	ask  func(i int) error
}

func questions(ctx context.Context, l *ledger.Ledger) []question {
	key := func(i int) []string { return []string{l.KeyedFingerprint(usage.Fingerprint(loadgen.KeyOf(i % 50)))} }
	user := func(i int) []string { return []string{fmt.Sprintf("user-%04d", 1500+i)} }
	return []question{
		{"stats of a key", func(i int) error {
			_, err := l.Query(ctx, ledger.Query{Filter: store.Filter{Keys: key(i)}, By: ledger.ByModel, Overall: true})
			return err
		}},
		{"breakdown by model and key, all", func(int) error {
			_, err := l.Breakdown(ctx, ledger.BreakdownQuery{By: []ledger.GroupBy{ledger.ByModel, ledger.ByKey}})
			return err
		}},
		{"logs of a rare user", func(i int) error {
			_, _, err := l.List(ctx, store.Page{Filter: store.Filter{Users: user(i)}, Limit: 100})
			return err
		}},
		{"logs of key, user, errors", func(i int) error {
			_, _, err := l.List(ctx, store.Page{Filter: store.Filter{Keys: key(i), Users: user(i), Statuses: []string{"error"}}, Limit: 100})
			return err
		}},
	}
}

func ask(ctx context.Context, out io.Writer, l *ledger.Ledger, times int, cpu func() (time.Duration, error)) error {
	for _, q := range questions(ctx, l) {
		before, err := cpu()
		if err != nil {
			return err
		}
		took := make([]time.Duration, times)
		for i := range took {
			begun := time.Now()
			if err := q.ask(i); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			took[i] = time.Since(begun)
		}
		after, err := cpu()
		if err != nil {
			return err
		}
		later := slices.Sorted(slices.Values(took[1:]))
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		_, err = fmt.Fprintf(out, "%-34s first %7.1f ms, later p50 %7.1f, longest %7.1f; processor of all %6.0f ms\n",
			q.name, ms(took[0]), ms(later[len(later)/2]), ms(later[len(later)-1]), ms(after-before))
		if err != nil {
			return fmt.Errorf("write the figures: %w", err)
		}
	}
	return nil
}
