// Command release builds the files of a published version: for each platform a static binary in an archive and its bill
// of materials, Debian and RPM packages, the context of the container image, and checksums of all. Two runs on one
// commit write the same bytes: every time is the commit's, every list is sorted, and no path of the machine gets into a
// file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// allTargets are the platforms of a release.
const allTargets = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	source := flags.String("source", "../..", "root of the repository")
	out := flags.String("out", "../../dist/release", "folder of the release, which is emptied first")
	targets := flags.String("targets", allTargets, "platforms to build for, as GOOS/GOARCH, with commas between")
	if err := flags.Parse(args); err != nil {
		return err
	}
	platforms, err := parseTargets(*targets)
	if err != nil {
		return err
	}
	root, err := filepath.Abs(*source)
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	from, err := describe(ctx, root)
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(*out)
	if err != nil {
		return fmt.Errorf("find the folder for the release: %w", err)
	}
	r := &release{root: root, out: folder, revision: from}
	if err := r.make(ctx, platforms); err != nil {
		return err
	}
	fmt.Printf("tokenboard %s is in %s\n", from.version, folder)
	return nil
}

// platform is a system and a processor, as Go names them.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "-" + p.arch }

// binary is the file name of the program.
func (p platform) binary() string {
	if p.os == "windows" {
		return "tokenboard.exe"
	}
	return "tokenboard"
}

func parseTargets(list string) ([]platform, error) {
	var all []platform
	for _, name := range strings.Split(list, ",") {
		system, arch, ok := strings.Cut(name, "/")
		if p := (platform{system, arch}); ok && slices.Contains(strings.Split(allTargets, ","), name) && !slices.Contains(all, p) {
			all = append(all, p)
			continue
		}
		return nil, fmt.Errorf("target %q is unknown or there twice; known are %s", name, allTargets)
	}
	return all, nil
}

// release is one run.
type release struct {
	root     string // of the repository
	out      string
	revision revision
}

// make writes the release: archives, packages, bills of materials, the container's context, checksums.
func (r *release) make(ctx context.Context, platforms []platform) error {
	if err := r.emptyOut(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "tokenboard-release")
	if err != nil {
		return fmt.Errorf("make a folder for the binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	for _, p := range platforms {
		fmt.Println("building " + p.String())
		binary := filepath.Join(work, p.String(), p.binary())
		if err := r.build(ctx, p, binary); err != nil {
			return err
		}
		if err := r.bill(ctx, p, binary); err != nil {
			return err
		}
		if err := r.archive(p, binary); err != nil {
			return err
		}
		if p.os == "linux" {
			if err := r.forLinux(p, binary); err != nil {
				return err
			}
		}
	}
	return r.sums()
}

func (r *release) forLinux(p platform, binary string) error {
	for _, format := range []string{"deb", "rpm"} {
		if _, err := r.pack(format, p.arch, binary); err != nil {
			return err
		}
	}
	return r.container(p, binary)
}

// marker is in a folder that this program has made; it empties no other.
const marker = ".tokenboard-release"

// emptyOut empties the folder of the release.
func (r *release) emptyOut() error {
	entries, err := os.ReadDir(r.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("look into the folder for the release: %w", err)
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(r.out, marker)); err != nil {
			return fmt.Errorf("%s has files that are no release of before; name an empty folder with -out", r.out)
		}
		if err := os.RemoveAll(r.out); err != nil {
			return fmt.Errorf("empty the folder for the release: %w", err)
		}
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return fmt.Errorf("make the folder for the release: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.out, marker), nil, 0o644); err != nil {
		return fmt.Errorf("mark the folder for the release: %w", err)
	}
	return nil
}
