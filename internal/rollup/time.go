package rollup

import (
	"math"
	"time"
)

// BucketOf numbers the base buckets from the Unix epoch.
func BucketOf(t time.Time) int64 { return floorDiv(t.UnixNano(), int64(Bucket)) }

// BucketStart is the reverse of BucketOf.
func BucketStart(b int64) time.Time { return time.Unix(0, b*int64(Bucket)).UTC() }

// Aligned reports whether a time is the start of a base bucket.
func Aligned(t time.Time) bool { return BucketStart(BucketOf(t)).Equal(t) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// DayOf numbers the UTC day of a time.
func DayOf(t time.Time) int64 { return floorDiv(BucketOf(t), bucketsPerDay) }

// DayBuckets returns the buckets of a day, the end excluded.
func DayBuckets(day int64) (from, to int64) { return day * bucketsPerDay, (day + 1) * bucketsPerDay }

// Open are the edges of all time.
var Open = []int64{math.MinInt64, math.MaxInt64}

const hour = int64(time.Hour)

// HourOf numbers the hour of a time, from the Unix epoch.
func HourOf(t time.Time) int64 { return floorDiv(t.UnixNano(), hour) }

// HourBuckets returns the buckets of an hour, the end excluded.
func HourBuckets(h int64) (from, to int64) {
	return h * hour / int64(Bucket), (h + 1) * hour / int64(Bucket)
}
