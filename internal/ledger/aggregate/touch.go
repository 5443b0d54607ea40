package aggregate

import (
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// touches returns a query that reads sums and records one after the other whether a commit came in
// between and changed what it reads: then it reads again. So neither has to wait for the other.
type touches struct {
	// current are the buckets that a commit changes which may be on disk, and is not in the sums yet.
	current atomic.Pointer[[]int64]

	// The fields below are guarded by the ledger's lock.
	number int64           // of the last change
	last   map[int64]int64 // by bucket, the number of its last change
	known  int64           // changes up to this number are no longer known
}

const maxTouched = 4_096 // buckets

// begin notes what a commit is about to change on disk, end that it is in the sums or was not made.
func (t *touches) begin(changes []usage.Change) {
	buckets := bucketsOf(changes)
	t.current.Store(&buckets)
}

func (t *touches) end() { t.current.Store(nil) }

func bucketsOf(changes []usage.Change) (buckets []int64) {
	seen := map[int64]bool{}
	for i := range changes {
		b := rollup.BucketOf(changes[i].Call.Start)
		if n := len(buckets); n > 0 && (buckets[n-1] == b || seen[b]) {
			continue
		}
		seen[b] = true
		buckets = append(buckets, b)
	}
	return buckets
}

// note notes that what begin announced is in the sums now.
func (t *touches) note() {
	t.number++
	buckets := t.current.Load()
	if buckets == nil {
		return
	}
	if t.last == nil || len(t.last)+len(*buckets) > maxTouched {
		t.last, t.known = map[int64]int64{}, t.number-1
	}
	for _, b := range *buckets {
		t.last[b] = t.number
	}
}

// forget says that anything may have changed.
func (t *touches) forget() {
	t.number++
	t.last, t.known = nil, t.number
}

// moment is a state of the sums.
type moment struct {
	number    int64
	watermark time.Time
}

func (t *touches) now(watermark time.Time) moment { return moment{t.number, watermark} }

// changing reports whether a commit is about to change one of some buckets.
func (t *touches) changing(buckets map[int64]bool) bool {
	if len(buckets) == 0 {
		return false
	}
	if current := t.current.Load(); current != nil {
		for _, b := range *current {
			if buckets[b] {
				return true
			}
		}
	}
	return false
}

// same reports whether none of some buckets changed since a moment.
func (t *touches) same(m moment, watermark time.Time, buckets map[int64]bool) bool {
	if !m.watermark.Equal(watermark) || m.number < t.known {
		return false
	}
	for b := range buckets {
		if t.last[b] > m.number {
			return false
		}
	}
	return true
}

// changingBefore reports whether a commit is about to change a bucket that begins before a time.
func (t *touches) changingBefore(before time.Time) bool {
	current := t.current.Load()
	if current == nil || before.IsZero() {
		return false
	}
	for _, b := range *current {
		if rollup.BucketStart(b).Before(before) {
			return true
		}
	}
	return false
}

// sameBefore reports whether no bucket that begins before a time changed since a moment.
func (t *touches) sameBefore(m moment, watermark, before time.Time) bool {
	if !m.watermark.Equal(watermark) || m.number < t.known {
		return false
	}
	for b, number := range t.last {
		if number > m.number && rollup.BucketStart(b).Before(before) {
			return false
		}
	}
	return true
}
