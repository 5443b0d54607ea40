// Command soak runs the Go suites again and again, in random order, with 1, 2 and 4 processors, the race
// detector, and busy processors beside them: what a newcomer's first run of the tests on a loaded machine
// meets once in a thousand, it meets in an hour. It ends with a summary, and fails where any run failed. A package is
// built once and then run -times times: to link a test again for each run takes longer than most tests.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// spared has SQLite compiled without the race detector's calls: translated from C, it keeps its data outside of
// Go's heap, where the detector looks at nothing, and is several times slower with them. The Makefile has the same.
const spared = "-gcflags=modernc.org/sqlite/lib=-race=false"

// options say what is run, and how.
type options struct {
	root     string
	length   time.Duration
	rounds   int
	times    int      // how often a package is run once it is built
	modules  []string // folders below root
	packages []testPackage
	cpu      string
	busy     int
	race     bool
	checks   int             // of every property; 0: as many as rapid has by default
	checked  map[string]bool // the packages that have properties
	args     []string        // for every test
	logs     string
	built    string // the folder for the tests' programs
}

// testPackage is a package that has tests: its module's folder, its path, and its own folder, where its tests run.
type testPackage struct{ dir, path, at string }

// failure is a run that failed.
type failure struct {
	pkg     string
	command string
	log     string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	var modules, packages string
	flag.StringVar(&o.root, "root", ".", "the folder of the repository")
	flag.DurationVar(&o.length, "for", time.Hour, "how long to run; the package at hand is run to its end")
	flag.IntVar(&o.rounds, "rounds", 0, "end after so many runs of every package; 0: when the time is over")
	flag.IntVar(&o.times, "times", 1, "run a package so often in a row, each time in another order; it is built once for that")
	flag.StringVar(&packages, "packages", "", "package patterns, separated by spaces, relative to root; empty: all packages of the modules but bench")
	flag.StringVar(&modules, "modules", ".", "the folders of the modules, separated by spaces, relative to root")
	flag.StringVar(&o.cpu, "cpu", "1,2,4", "values of GOMAXPROCS")
	flag.IntVar(&o.busy, "busy", runtime.NumCPU(), "processors that are kept busy")
	flag.BoolVar(&o.race, "race", true, "use the race detector, which needs a C compiler")
	flag.IntVar(&o.checks, "checks", 0, "check every property so many times in each run; 0: as often as go test does, 100 times")
	flag.StringVar(&o.logs, "logs", "", "the folder for the output of failed runs; empty: a new one")
	flag.Parse()
	o.args = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	o.modules = strings.Fields(modules)
	if o.packages, err = o.list(ctx, strings.Fields(packages)); err != nil {
		return err
	}
	if o.checks > 0 {
		if o.checked, err = o.listChecked(ctx); err != nil {
			return err
		}
	}
	if o.logs == "" {
		o.logs, err = os.MkdirTemp("", "soak-")
	} else {
		err = os.MkdirAll(o.logs, 0o700)
	}
	if err != nil {
		return fmt.Errorf("make a folder for logs: %w", err)
	}
	if o.built, err = os.MkdirTemp("", "soak-built-"); err != nil {
		return fmt.Errorf("make a folder for programs: %w", err)
	}
	defer func() { _ = os.RemoveAll(o.built) }()
	for range o.busy {
		go spin(ctx)
	}
	return o.soak(ctx)
}

// spin keeps a processor busy, with some garbage to collect.
func spin(ctx context.Context) {
	var kept [64][]byte
	for i := 0; ctx.Err() == nil; i++ {
		kept[i%len(kept)] = bytes.Repeat([]byte{byte(i)}, 4<<10)
	}
}

// list returns the packages that have tests.
func (o *options) list(ctx context.Context, patterns []string) ([]testPackage, error) {
	of := map[string][]string{}
	for _, p := range patterns {
		module, pattern := o.within(p)
		of[module] = append(of[module], pattern)
	}
	if len(patterns) == 0 {
		for _, module := range o.modules {
			of[module] = []string{"./..."}
		}
	}
	var all []testPackage
	for _, module := range slices.Sorted(maps.Keys(of)) {
		dir := filepath.Join(o.root, module)
		format := "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}"
		cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", format}, of[module]...)...) //nolint:gosec // the patterns are the caller's
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list the packages in %s: %w", dir, err)
		}
		for line := range strings.Lines(string(out)) {
			path, at, is := strings.Cut(strings.TrimSpace(line), "\t")
			if is && !strings.HasSuffix(path, "/bench") {
				all = append(all, testPackage{dir, path, at})
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no package has tests")
	}
	return all, nil
}

// within returns the innermost module that a pattern lies in, and the pattern relative to that.
func (o *options) within(pattern string) (module, relative string) {
	module = "."
	path := strings.TrimPrefix(pattern, "./")
	for _, m := range o.modules {
		if (path == m || strings.HasPrefix(path, m+"/")) && (module == "." || len(m) > len(module)) {
			module = m
		}
	}
	if module == "." {
		return module, pattern
	}
	return module, "." + strings.TrimPrefix(path, module)
}

// listChecked returns the paths of the packages whose tests use rapid: the others do not accept its flags.
func (o *options) listChecked(ctx context.Context) (map[string]bool, error) {
	of := map[string][]string{}
	for _, p := range o.packages {
		of[p.dir] = append(of[p.dir], p.path)
	}
	checked := map[string]bool{}
	format := `{{$test := .ImportPath}}{{range .Deps}}{{if eq . "pgregory.net/rapid"}}{{$test}}{{"\n"}}{{end}}{{end}}`
	for dir, paths := range of {
		cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-test", "-f", format}, paths...)...) //nolint:gosec // the packages are this repository's
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("list the packages that have properties in %s: %w", dir, err)
		}
		for line := range strings.Lines(string(out)) {
			if pkg, isTest := strings.CutSuffix(strings.TrimSpace(line), ".test"); isTest {
				checked[pkg] = true
			}
		}
	}
	return checked, nil
}

// soak runs all packages in one random order after another, until the time is over.
func (o *options) soak(ctx context.Context) error {
	began := time.Now()
	var failures []failure
	runs, rounds := 0, 0
	seen := map[testPackage]bool{}
	over := func() bool { return ctx.Err() != nil || time.Since(began) > o.length }
	for ; !over() && (o.rounds == 0 || rounds < o.rounds); rounds++ {
		for _, i := range rand.Perm(len(o.packages)) {
			if over() {
				break
			}
			n, failed, err := o.inARow(ctx, o.packages[i])
			if err != nil {
				return err
			}
			if n > 0 {
				seen[o.packages[i]] = true
			}
			runs += n
			failures = append(failures, failed...)
		}
	}
	if o.checks > 0 {
		fmt.Printf("\nevery property was checked %d times in a run", o.checks)
	}
	fmt.Printf("\n%d runs of %d of %d packages in %s, GOMAXPROCS %s each, %d processors kept busy: %d failed\n",
		runs, len(seen), len(o.packages), time.Since(began).Round(time.Second), o.cpu, o.busy, len(failures))
	for _, f := range failures {
		fmt.Printf("  %s\n    %s\n    output: %s\n", f.pkg, f.command, f.log)
	}
	switch {
	case len(failures) > 0:
		return fmt.Errorf("%d of %d runs failed", len(failures), runs)
	case ctx.Err() != nil:
		return errors.New("it was interrupted")
	case runs == 0:
		return errors.New("nothing was run")
	}
	return nil
}

// inARow builds the tests of one package and runs them, and returns how often, and what failed. What cannot be built has
// failed once.
func (o *options) inARow(ctx context.Context, pkg testPackage) (runs int, failures []failure, err error) {
	program := filepath.Join(o.built, "test")
	args := o.buildArguments(pkg.path, program)
	build := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the packages are this repository's
	build.Dir = pkg.dir
	if out, err := build.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return 0, nil, nil // it was cut off, whatever it says
		}
		f, err := o.failed(pkg, args, 0, 0, out)
		return 1, []failure{f}, err
	}
	for range o.times {
		f, err := o.test(ctx, pkg, program)
		if err != nil {
			return runs, failures, err
		}
		if ctx.Err() != nil {
			break // the run was cut off
		}
		runs++
		if f != nil {
			failures = append(failures, *f)
		}
	}
	return runs, failures, nil
}

// buildArguments returns the arguments of the go command that builds the tests of a package.
func (o *options) buildArguments(pkg, program string) []string {
	args := []string{"test", "-c", "-o", program}
	if o.race {
		args = append(args, "-race", spared)
	}
	return append(args, pkg)
}

// arguments returns the arguments of the go command that repeats one run of a package's tests.
func (o *options) arguments(pkg string, seed int64) []string {
	args := []string{"test", "-count=1", "-timeout=60m", "-cpu=" + o.cpu, fmt.Sprintf("-shuffle=%d", seed)}
	if o.race {
		args = append(args, "-race", spared)
	}
	return append(append(args, pkg), o.ownArguments(pkg)...)
}

// testArguments returns those of the built program for the same run.
func (o *options) testArguments(pkg string, seed int64) []string {
	args := []string{"-test.count=1", "-test.timeout=60m", "-test.paniconexit0", "-test.cpu=" + o.cpu, fmt.Sprintf("-test.shuffle=%d", seed)}
	for _, a := range o.ownArguments(pkg) {
		if name, _, _ := strings.Cut(a, "="); strings.HasPrefix(a, "-") && !strings.Contains(name, ".") {
			a = "-test." + strings.TrimLeft(a, "-") // go test does the same
		}
		args = append(args, a)
	}
	return args
}

// ownArguments are the further arguments of a package's tests.
func (o *options) ownArguments(pkg string) []string {
	var args []string
	if o.checked[pkg] {
		args = append(args, fmt.Sprintf("-rapid.checks=%d", o.checks))
	}
	return append(args, o.args...)
}

// test runs one package; nil where it passes.
func (o *options) test(ctx context.Context, pkg testPackage, program string) (*failure, error) {
	seed := rand.Int64N(1 << 31)
	cmd := exec.CommandContext(ctx, program, o.testArguments(pkg.path, seed)...) //nolint:gosec // the packages are this module's
	cmd.Dir = pkg.at
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began).Round(time.Second)
	if err == nil {
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		fmt.Printf("ok    %7s  %s  (%s of processors)\n", took, pkg.path, used.Round(100*time.Millisecond))
		return nil, nil //nolint:nilnil // it passes
	}
	f, err := o.failed(pkg, o.arguments(pkg.path, seed), seed, took, out.Bytes())
	return &f, err
}

// failed notes what failed.
func (o *options) failed(pkg testPackage, args []string, seed int64, took time.Duration, out []byte) (failure, error) {
	log := filepath.Join(o.logs, fmt.Sprintf("%s-%d.txt", filepath.Base(pkg.path), seed))
	if err := os.WriteFile(log, out, 0o600); err != nil {
		return failure{}, fmt.Errorf("write the output of a failed run: %w", err)
	}
	fmt.Printf("FAIL  %7s  %s  %s\n", took, pkg.path, log)
	return failure{pkg: pkg.path, command: "cd " + pkg.dir + " && go " + strings.Join(args, " "), log: log}, nil
}
