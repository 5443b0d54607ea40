package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// container puts a platform's binary into the context of the image: examples/container/Dockerfile takes
// linux-amd64/tokenboard or linux-arm64/tokenboard from there, by the platform that the image is for.
func (r *release) container(p platform, binary string) error {
	context := filepath.Join(r.out, "container")
	for _, e := range []entry{
		{filepath.Join(p.String(), "tokenboard"), binary, 0o755},
		{"Dockerfile", filepath.Join(r.root, "examples/container/Dockerfile"), 0o644},
		{"config.yaml", filepath.Join(r.root, "examples/container/config.yaml"), 0o644},
		{"LICENSE", filepath.Join(r.root, "LICENSE"), 0o644},
	} {
		b, err := os.ReadFile(e.source)
		if err != nil {
			return fmt.Errorf("read a file of the image: %w", err)
		}
		name := filepath.Join(context, e.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("make the context of the image: %w", err)
		}
		if err := os.WriteFile(name, b, os.FileMode(e.mode)); err != nil {
			return fmt.Errorf("write a file of the image: %w", err)
		}
		if err := os.Chmod(name, os.FileMode(e.mode)); err != nil { // whatever the umask is: the image's user reads it
			return fmt.Errorf("set the mode of a file of the image: %w", err)
		}
	}
	// An empty folder, from which the volume of the image takes its owner.
	if err := os.MkdirAll(filepath.Join(context, "data"), 0o755); err != nil {
		return fmt.Errorf("make the folder of the volume: %w", err)
	}
	return nil
}
