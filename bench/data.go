package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// library keeps filled databases, which take long to make.
type library struct {
	root, dir string
	longest   time.Duration // how old the newest call may be
}

const seed = 1

// get returns a filled database, made now unless there is one. It is not to be written.
func (l *library) get(ctx context.Context, calls int) (string, *filled, error) {
	version, err := l.version()
	if err != nil {
		return "", nil, err
	}
	prefix := fmt.Sprintf("calls-%d-seed-%d-", calls, seed)
	dir := filepath.Join(l.dir, prefix+version)
	if f, err := readFilled(dir); err == nil && time.Since(f.End) < l.longest {
		progress("%d calls are there from %s", calls, f.End.Format(time.DateTime))
		return dir, f, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	old, err := filepath.Glob(filepath.Join(l.dir, prefix+"*"))
	if err != nil {
		return "", nil, fmt.Errorf("look for old data: %w", err)
	}
	for _, o := range old { // of another version, too old, or half made
		if err := os.RemoveAll(o); err != nil {
			return "", nil, fmt.Errorf("remove old data: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("make a folder for data: %w", err)
	}
	progress("filling a database with %d calls", calls)
	self, err := os.Executable()
	if err != nil {
		return "", nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "fill", "--dir", dir, "--calls", strconv.Itoa(calls), "--seed", strconv.Itoa(seed))
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", nil, errors.Join(fmt.Errorf("fill a database: %w", err), os.RemoveAll(dir))
	}
	f, err := readFilled(dir)
	return dir, f, err
}

func readFilled(dir string) (*filled, error) {
	b, err := os.ReadFile(filepath.Join(dir, filledName))
	if err != nil {
		return nil, fmt.Errorf("read what was filled: %w", err)
	}
	var f filled
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read what was filled: %w", err)
	}
	return &f, nil
}

// version changes with what decides what a filled database looks like.
func (l *library) version() (string, error) {
	h := sha256.New()
	for _, part := range []string{"store", "ledger", "rollup", "usage", "pricing", "loadgen"} {
		err := filepath.WalkDir(filepath.Join(l.root, "internal", part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				_, err = h.Write(append(b, 0))
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the source: %w", err)
		}
	}
	const letters = 8
	return hex.EncodeToString(h.Sum(nil))[:letters], nil
}

// copyFolder copies the files of a folder.
func copyFolder(ctx context.Context, from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync() // what is written back later would disturb what is measured
	}
	return errors.Join(err, out.Close())
}
