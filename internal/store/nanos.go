package store

import (
	"math"
	"time"
)

// UnixNano returns Unix nanoseconds, the least or the greatest number where the time is beyond them.
func UnixNano(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < -math.MaxInt64/int64(time.Second):
		return math.MinInt64
	case s > math.MaxInt64/int64(time.Second)-1:
		return math.MaxInt64
	}
	return t.UnixNano()
}
