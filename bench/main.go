// Command bench measures Tokenboard: see docs/capacity.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tokenboard/tokenboard/bench/asking"
	"github.com/tokenboard/tokenboard/bench/forecasts"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

const help = `usage:
  bench run  [--quick] [--sizes N,N] ...    everything; exit code 1 where a sum is wrong
  bench cpu  [--rounds N] [--calls N] ...   processor time of a call beside stock components
  bench fill --dir FOLDER [--calls N] ...   put a data set into a new database
  bench forecast [--each N] [--set NAME]    error of forecasts on simulated histories, and how often their band holds
  bench promql --dir FOLDER                 the Overview dashboard's panels over PromQL: time and memory of each
  bench ask --dir FOLDER                    time of questions by several values together
  bench open --dir FOLDER                   time and memory of opening it
each with --help for its flags`

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%s", help)
	}
	switch args[0] {
	case "run":
		return runCommand(ctx, args[1:])
	case "cpu":
		return cpuCommand(ctx, args[1:])
	case "fill":
		return fillCommand(ctx, args[1:])
	case "forecast":
		return forecasts.Command(os.Stdout, args[1:])
	case "promql":
		return promqlCommand(ctx, args[1:])
	case "ask":
		return asking.Command(ctx, os.Stdout, args[1:], func(ctx context.Context, dir string) (*ledger.Ledger, error) {
			l, _, _, err := openAsBinary(ctx, dir)
			return l, err
		}, func() (time.Duration, error) { return cpuOf(os.Getpid()) })
	case "open":
		return openCommand(ctx, args[1:])
	}
	return fmt.Errorf("%s", help)
}
