package ledger

import (
	"errors"
	"time"
)

// Why a call is rejected, whatever it reports. Commit leaves such calls out and counts them.
var (
	ErrTooOld = errors.New("it is older than what is kept")
	ErrTooNew = errors.New("it lies in the future")
	ErrNoTime = errors.New("it has no time that can be meant")
)

// Refuses returns why a call that starts at a time would not be taken now; nil where it would.
func (l *Ledger) Refuses(start time.Time) error {
	watermark := l.sums.Watermark()
	now := l.o.Now()
	switch {
	case start.Before(earliest):
		return ErrNoTime
	case start.After(now.Add(maxAhead)):
		return ErrTooNew
	case start.Before(watermark), l.o.MaxAge > 0 && start.Before(now.Add(-l.o.MaxAge)):
		return ErrTooOld
	}
	return nil
}
