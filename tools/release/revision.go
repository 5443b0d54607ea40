package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// revision is the commit that is released.
type revision struct {
	version string // 1.2.3, 1.2.3-rc.1, or 1.2.3+4.gabc for a commit behind the tag
	commit  string
	time    time.Time // of the commit, UTC
}

var (
	tagPattern     = regexp.MustCompile(`^v(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)-(\d+)-(g[0-9a-f]+)(-dirty)?$`)
	nextPattern    = regexp.MustCompile(`(?m)^  version: (\S+)$`)
	versionPattern = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.]+)?$`)
)

// describe reads the revision from git and, before the first tag, the version from builder-config.yaml.
func describe(ctx context.Context, root string) (revision, error) {
	var r revision
	shown, err := git(ctx, root, "show", "--no-patch", "--format=%H %cI", "HEAD")
	if err != nil {
		return r, err
	}
	commit, date, _ := strings.Cut(shown, " ")
	r.commit = commit
	if r.time, err = time.Parse(time.RFC3339, date); err != nil {
		return r, fmt.Errorf("read the date of the commit: %w", err)
	}
	r.time = r.time.UTC()
	described, err := git(ctx, root, "describe", "--tags", "--long", "--dirty", "--always", "--match", "v[0-9]*")
	if err != nil {
		return r, err
	}
	manifest, err := os.ReadFile(filepath.Join(root, "builder-config.yaml"))
	if err != nil {
		return r, fmt.Errorf("read the next version: %w", err)
	}
	next := nextPattern.FindSubmatch(manifest)
	if next == nil {
		return r, fmt.Errorf("builder-config.yaml has no version")
	}
	if r.version = versionOf(described, string(next[1])); !versionPattern.MatchString(r.version) {
		return r, fmt.Errorf("%q, from git describe, is no semantic version", r.version)
	}
	return r, nil
}

// versionOf makes a version of the answer of git describe. A build of a commit after a tag is newer
// than the tag; what is built before the first tag is older than next. Packages sort in that order.
func versionOf(described, next string) string {
	m := tagPattern.FindStringSubmatch(described)
	if m == nil { // no tag: "abc1234" or "abc1234-dirty"
		hash, dirty := strings.CutSuffix(described, "-dirty")
		return next + "-dev+g" + hash + suffix(dirty)
	}
	switch tag, behind, dirty := m[1], m[2], m[4] != ""; {
	case behind != "0":
		return tag + "+" + behind + "." + m[3] + suffix(dirty)
	case dirty:
		return tag + "+dirty"
	default:
		return tag
	}
}

func suffix(dirty bool) string {
	if dirty {
		return ".dirty"
	}
	return ""
}

// git runs git in a folder and gives what it prints, without the newline at its end.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
