// Package formats keeps, for a process that shares its store, which formats of calls the store has, and raises the newest
// one. Formats are those of internal/usage/format; docs/upgrading.md says what replicas of two versions do.
package formats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage/format"
)

// ErrUnread says that calls are of a format that not all replicas read.
var ErrUnread = errors.New("not all replicas read the batch")

// State is what a process knows. Written and Newer are safe for concurrent use with the other methods, which belong to
// one goroutine each: Note to the one that gives signs of life, Raise to the writer.
type State struct {
	written  atomic.Int64
	newer    atomic.Pointer[error]
	unraised struct { // a format could not be raised
		err   error
		until time.Time
	}
}

// Written is the newest format of calls that the store may have.
func (s *State) Written() int { return int(s.written.Load()) }

// Newer is why this process must not go on: the store has calls of a format that it does not read. Nil where it may.
func (s *State) Newer() error {
	if err := s.newer.Load(); err != nil {
		return *err
	}
	return nil
}

// Joined notes what the store may have when the process begins to use it.
func (s *State) Joined(f store.Formats) { s.written.Store(int64(f.Written)) }

// Note notes what the store may have.
func (s *State) Note(f store.Formats) {
	s.written.Store(int64(f.Written))
	if f.Written > format.Newest() { // others wrote it while this process was suspended, and took it for ended
		err := fmt.Errorf("%w: others store calls of format %d since, this program reads up to %d; replace this replica by the newer version", store.ErrNewer, f.Written, format.Newest())
		s.newer.Store(&err)
	}
}

// Raise lets calls of a format be written, where all processes read it; else its error is ErrUnread. After an error it does
// not ask the store again before a pause has passed.
func (s *State) Raise(ctx context.Context, st store.Shared, epoch int64, to int, pause time.Duration) error {
	if to <= s.Written() {
		return nil
	}
	if time.Now().Before(s.unraised.until) {
		return s.unraised.err
	}
	f, err := st.RaiseFormat(ctx, epoch, to)
	if err != nil {
		err = fmt.Errorf("raise the format of the calls: %w", err)
	} else if s.written.Store(int64(f.Written)); f.Written < to {
		err = fmt.Errorf("%w: it is of format %d, and a replica of the version before reads up to %d only; it waits until that one is replaced, or was not heard of for a minute",
			ErrUnread, to, f.Readable)
	}
	s.unraised.err, s.unraised.until = err, time.Now().Add(pause)
	return err
}
