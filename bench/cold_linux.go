package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// forget makes the system drop a folder's files from its cache in memory, so that the next read goes to the disk.
func forget(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("forget %s: %w", dir, err)
	}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("forget %s: %w", dir, err)
		}
		err = f.Sync() // what is not written yet cannot be forgotten
		if err == nil {
			err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		}
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("forget %s: %w", e.Name(), err)
		}
	}
	return nil
}
