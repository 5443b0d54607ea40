package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// environment returns the environment of the compiler. The variables that change the compiler's output are set here, so
// that the settings of a machine do not get into a release.
func environment(p platform) []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GODEBUG=", "GOFIPS140=off")
}

// build compiles the program. Paths are trimmed, and the revision is set by the linker: what Go would record of git
// says "modified" for files that are not part of the build.
func (r *release) build(ctx context.Context, p platform, binary string) error {
	flags := fmt.Sprintf("-s -w -X main.buildVersion=%s -X main.buildCommit=%s -X main.buildDate=%s",
		r.revision.version, r.revision.commit, r.revision.time.Format(time.RFC3339))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", binary, "./cmd/tokenboard")
	cmd.Dir = r.root
	cmd.Env = environment(p)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for %s: %w", p, err)
	}
	return nil
}

// bill writes the bill of materials of a binary, in CycloneDX: the modules that the linker took, with their hashes.
func (r *release) bill(ctx context.Context, p platform, binary string) error {
	name := filepath.Join(r.out, fmt.Sprintf("tokenboard-%s-%s.cdx.json", r.revision.version, p))
	cmd := exec.CommandContext(ctx, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", "v"+r.revision.version, "-output", name, binary)
	cmd.Dir = filepath.Join(r.root, "tools", "release")
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write the bill of materials for %s: %w: %s", p, err, out)
	}
	return nil
}
