package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed stock-builder.yaml
var stockBuilder []byte

// root is the folder of the module that this is run in.
func root(ctx context.Context) (string, error) {
	out, err := command(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return strings.TrimSpace(out), nil
}

// binaries are the two programs that are measured, and where they work: not in the system's folder for
// temporary files, which often is in memory, where nothing has to be waited for.
type binaries struct{ ours, stock, work string }

// buildAll builds Tokenboard as `make build` does, and the stock collector unless it is there already.
func buildAll(ctx context.Context, root string) (binaries, error) {
	b := binaries{ours: filepath.Join(root, "bin", "tokenboard"), work: filepath.Join(root, "bin")}
	if _, err := command(ctx, root, "go", "build", "-o", b.ours, "./cmd/tokenboard"); err != nil {
		return b, fmt.Errorf("build tokenboard: %w", err)
	}
	sum := sha256.Sum256(append(bytes.Clone(stockBuilder), runtime.Version()...))
	b.stock = filepath.Join(root, "bin", "stock-collector-"+hex.EncodeToString(sum[:4]))
	if _, err := os.Stat(b.stock); err == nil {
		return b, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return b, fmt.Errorf("look for the stock collector: %w", err)
	}
	fmt.Fprintln(os.Stderr, "bench: building the stock collector; this takes minutes, once")
	return b, buildStock(ctx, root, b.stock)
}

// buildStock lets the collector's builder write the source, and compiles it with the settings of our
// own binary: the builder's differ in what the linker leaves out.
func buildStock(ctx context.Context, root, into string) error {
	source := filepath.Join(root, "bin", "stock-collector-source")
	defer func() { _ = os.RemoveAll(source) }()
	config := filepath.Join(root, "bin", "stock-builder.yaml")
	if err := os.WriteFile(config, stockBuilder, 0o600); err != nil {
		return fmt.Errorf("write the builder's configuration: %w", err)
	}
	defer func() { _ = os.Remove(config) }()
	if _, err := command(ctx, root, "go", "tool", "builder", "--config", config, "--skip-compilation"); err != nil {
		return fmt.Errorf("generate the stock collector: %w", err)
	}
	if _, err := command(ctx, source, "go", "build", "-o", into, "."); err != nil {
		return fmt.Errorf("compile the stock collector: %w", err)
	}
	return nil
}

// command runs a program to its end and returns what it wrote.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(problems.String()))
	}
	return out.String(), nil
}
