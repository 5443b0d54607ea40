//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/tokenboard/tokenboard/internal/store"
)

// fileLock is held while a process owns the database: the ledger keeps sums and relations in
// memory, which a second writer would make wrong.
type fileLock struct{ f *os.File }

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the database
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a descriptor is small
	if err == nil {
		return &fileLock{f: f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, store.ErrInUse
	}
	return nil, fmt.Errorf("lock the database: %w", err)
}

// release gives the database free. The file stays: removing it would let two processes lock
// two files of one name.
func (l *fileLock) release() error { return l.f.Close() }
