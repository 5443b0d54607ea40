// Command tokenboard is an OpenTelemetry Collector that counts the tokens of language models.
//
// With --config it is a collector like any other. Without, it runs the quickstart configuration
// on this machine's loopback addresses.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tokenboard/tokenboard/examples/quickstart"
	"github.com/tokenboard/tokenboard/internal/cli"
)

const dataDirVariable = "TOKENBOARD_DATA_DIR"

func main() {
	if err := limitMemory(memlimit.FromCgroup); err != nil {
		fmt.Fprintln(os.Stderr, "tokenboard: "+oneLine(err))
	}
	if err := newCommand().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "tokenboard: "+oneLine(err))
		os.Exit(cli.ExitCode(err))
	}
}

func newCommand() *cobra.Command {
	version := readVersion()
	settings := otelcol.CollectorSettings{
		BuildInfo:              component.BuildInfo{Command: "tokenboard", Description: "Tokenboard", Version: version.version},
		Factories:              components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: resolverSettings("yaml:" + quickstart.Config)},
	}
	cmd := otelcol.NewCommand(settings)
	cmd.Short = "Tokenboard: exact accounting of LLM tokens and cost"
	cmd.Long = cmd.Short + `

An OpenTelemetry Collector. With --config it runs that configuration. Without, it runs the
quickstart: OTLP on 127.0.0.1:4317 (gRPC) and 127.0.0.1:4318 (HTTP), the console on
http://127.0.0.1:8317/console. Environment variables:

  TOKENBOARD_DATA_DIR            folder of the database
  TOKENBOARD_CONSOLE_ENDPOINT    address of the console and its API
  TOKENBOARD_OTLP_GRPC_ENDPOINT  address for OTLP over gRPC
  TOKENBOARD_OTLP_HTTP_ENDPOINT  address for OTLP over HTTP

The commands stats, trend, breakdown, forecast, changes, alerts, logs, export, import, keys,
budgets, teams and mcp use a running server:

  TOKENBOARD_SERVER              its address (default http://127.0.0.1:8317)
  TOKENBOARD_TOKEN               an API token, where it asks for one`
	cmd.SetVersionTemplate(strings.NewReplacer("{{", "", "}}", "").Replace(version.String()))
	cmd.SilenceErrors = true // main prints them, on one line
	cmd.Args = cobra.NoArgs
	cmd.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		if f := c.Flags().Lookup("config"); f == nil || f.Changed {
			return nil
		}
		return prepareQuickstart(c == cmd)
	}
	cmd.RunE = stoppable(cmd.RunE)
	cmd.AddCommand(newBackupCommand(), newMigrateCommand(), newUserCommand(), newRepriceCommand(), newVersionCommand(version))
	cmd.AddCommand(cli.Commands()...)
	return cmd
}

// stoppable makes a collector stop in order by a signal that comes while it starts. The collector listens
// for signals only after all components have started, so that one that came before ended the process at once,
// even when the console had said that it was ready.
func stoppable(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		c.SetContext(ctx)
		err := run(c, args)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // a start that was stopped
		}
		return err
	}
}

// prepareQuickstart sets what the quickstart configuration needs.
func prepareQuickstart(verbose bool) error {
	if os.Getenv(dataDirVariable) == "" {
		dir, err := defaultDataDir()
		if err != nil {
			return fmt.Errorf("find a folder for the data: %w; set %s to one", err, dataDirVariable)
		}
		if err := os.Setenv(dataDirVariable, dir); err != nil {
			return fmt.Errorf("set %s: %w", dataDirVariable, err)
		}
	}
	if verbose {
		fmt.Fprintln(os.Stderr, "tokenboard: quickstart configuration (give your own with --config); data in "+os.Getenv(dataDirVariable))
	}
	return nil
}

// defaultDataDir is where programs keep a user's data on each system.
func defaultDataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tokenboard"), nil
	}
	if dir := os.Getenv("LocalAppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "tokenboard"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home directory: %w", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "tokenboard"), nil
	}
	return filepath.Join(home, ".local", "share", "tokenboard"), nil
}

// oneLine puts an error that the collector spreads over several lines on one.
func oneLine(err error) string {
	var parts []string
	for _, line := range strings.Split(err.Error(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, " ")
}
