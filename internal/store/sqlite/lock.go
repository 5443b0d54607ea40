package sqlite

import (
	"fmt"

	"github.com/gofrs/flock"

	"github.com/tokenboard/tokenboard/internal/store"
)

// fileLock is held while a process owns the database: the ledger keeps sums and the relations of records
// in memory, which a second writer would make wrong.
type fileLock struct{ f *flock.Flock }

// lockFile locks a file, which is made where it does not exist. It returns store.ErrInUse where another
// process, or another engine of this one, holds the lock.
func lockFile(path string) (*fileLock, error) {
	f := flock.New(path, flock.SetPermissions(0o600))
	locked, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	if !locked {
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("close the lock file: %w", err)
		}
		return nil, store.ErrInUse
	}
	return &fileLock{f: f}, nil
}

// release unlocks the database. The file stays: removing it would let two processes lock
// two files of one name.
func (l *fileLock) release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("unlock the database: %w", err)
	}
	return nil
}
