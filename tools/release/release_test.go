package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVersionOf(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3-0-gabc1234":             "1.2.3",
		"v1.2.3-rc.1-0-gabc1234":        "1.2.3-rc.1",
		"v1.2.3-4-gabc1234":             "1.2.3+4.gabc1234",
		"v1.2.3-rc.1-4-gabc1234":        "1.2.3-rc.1+4.gabc1234",
		"v1.2.3-0-gabc1234-dirty":       "1.2.3+dirty",
		"v1.2.3-4-gabc1234-dirty":       "1.2.3+4.gabc1234.dirty",
		"abc1234":                       "9.9.9-dev+gabc1234",
		"abc1234-dirty":                 "9.9.9-dev+gabc1234.dirty",
		"v1.2.3-beta-2.x-0-gabc1234":    "1.2.3-beta-2.x",
		"v10.20.30-12-gabcdef012345678": "10.20.30+12.gabcdef012345678",
	} {
		got := versionOf(described, "9.9.9")
		if got != want {
			t.Errorf("%s: %s, want %s", described, got, want)
		}
		if !versionPattern.MatchString(got) {
			t.Errorf("%s is no version", got)
		}
	}
}

func TestParseTargets(t *testing.T) {
	all, err := parseTargets(allTargets)
	if err != nil || len(all) != 5 {
		t.Fatal(all, err)
	}
	for _, wrong := range []string{"", "linux", "linux/amd64,", "linux/amd64,linux/amd64", "plan9/amd64"} {
		if _, err := parseTargets(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// testRelease is a release of this repository, of a version and time of the test's own.
func testRelease(t *testing.T, version string) *release {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return &release{root: root, out: t.TempDir(), revision: revision{
		version: version, commit: "abc", time: time.Date(2026, 11, 25, 1, 13, 46, 0, time.UTC),
	}}
}

// program writes a file in the place of a binary.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(name, bytes.Repeat([]byte("no program "), 10_000), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSameBytes makes everything but the binary twice, at other times, in other places, from files with other
// times and modes, and compares.
func TestSameBytes(t *testing.T) {
	var made [2]map[string]string
	for i := range made {
		r := testRelease(t, "1.2.3-rc.1+4.gabc")
		binary := program(t)
		if err := os.Chtimes(binary, time.Time{}, time.Unix(int64(1_000_000+i*86_400), 0)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(binary, []os.FileMode{0o700, 0o755}[i]); err != nil {
			t.Fatal(err)
		}
		for _, p := range []platform{{"linux", "arm64"}, {"windows", "amd64"}} {
			if err := r.archive(p, binary); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.forLinux(platform{"linux", "arm64"}, binary); err != nil {
			t.Fatal(err)
		}
		if err := r.sums(); err != nil {
			t.Fatal(err)
		}
		made[i] = hashes(t, r.out)
		if i == 0 {
			time.Sleep(1100 * time.Millisecond) // a time of now in a file would differ
		}
	}
	if len(made[0]) != 9 {
		t.Errorf("%d files, want 9: %v", len(made[0]), made[0])
	}
	for name, sum := range made[0] {
		if strings.Contains(name, "~") {
			t.Errorf("%s would be renamed where it is uploaded", name)
		}
		if made[1][name] != sum {
			t.Errorf("%s differs", name)
		}
	}
}

// hashes returns the sum and mode of each file below a folder.
func hashes(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		all[name] = fmt.Sprintf("%x %v", sha256.Sum256(b), info.Mode())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestArchives: what is in them, by whom, of when.
func TestArchives(t *testing.T) {
	r := testRelease(t, "1.2.3")
	binary := program(t)
	for _, p := range []platform{{"linux", "amd64"}, {"windows", "amd64"}} {
		if err := r.archive(p, binary); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"tokenboard", "LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "config.yaml", "tokenboard.1", "tokenboard.service"}
	f, err := os.Open(filepath.Join(r.out, "tokenboard-1.2.3-linux-amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "tokenboard-1.2.3-linux-amd64/")
		names = append(names, name)
		if mode := map[bool]int64{true: 0o755, false: 0o644}[name == "tokenboard"]; h.Mode != mode || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(r.revision.time) {
			t.Errorf("%s: %o, %d:%d, %v", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	z, err := zip.OpenReader(filepath.Join(r.out, "tokenboard-1.2.3-windows-amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	names = nil
	for _, f := range z.File {
		names = append(names, strings.TrimPrefix(f.Name, "tokenboard-1.2.3-windows-amd64/"))
	}
	if want := []string{"tokenboard.exe", "LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "config.yaml"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// TestOtherFolder: a folder that this program did not make is not emptied.
func TestOtherFolder(t *testing.T) {
	r := testRelease(t, "1.2.3")
	precious := filepath.Join(r.out, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.emptyOut(); err == nil || !strings.Contains(err.Error(), "-out") {
		t.Error(err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(r.out, marker), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.emptyOut(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(precious); err == nil {
		t.Error("the release of before is still there")
	}
}

// TestContainerContext: what the Dockerfile copies is in its context, for each processor, readable by the image's user.
func TestContainerContext(t *testing.T) {
	r := testRelease(t, "1.2.3")
	binary := program(t)
	for _, arch := range []string{"amd64", "arm64"} {
		if err := r.container(platform{"linux", arch}, binary); err != nil {
			t.Fatal(err)
		}
		dockerfile, err := os.ReadFile(filepath.Join(r.out, "container", "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		copied := 0
		for line := range strings.Lines(string(dockerfile)) {
			words := strings.Fields(strings.ReplaceAll(line, "${TARGETARCH}", arch))
			if len(words) < 3 || words[0] != "COPY" {
				continue
			}
			copied++
			info, err := os.Stat(filepath.Join(r.out, "container", words[len(words)-2]))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm()&0o044 != 0o044 {
				t.Errorf("%s: %v", info.Name(), info.Mode())
			}
		}
		if copied != 4 {
			t.Errorf("%d files are copied, want 4", copied)
		}
	}
}
