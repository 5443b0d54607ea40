//go:build !unix

package sqlite

import (
	"fmt"
	"os"
)

// fileLock marks a database as open. Where there is no flock it cannot keep a second process
// away; one that opens the database all the same is not prevented.
type fileLock struct{ f *os.File }

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	return &fileLock{f: f}, nil
}

func (l *fileLock) release() error { return l.f.Close() }
