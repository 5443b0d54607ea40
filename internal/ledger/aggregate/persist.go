package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// The sums are in memory, in pages by day, and on disk in the same form. A commit that changes sums notes in its own
// transaction the hours whose stored sums lack it; from time to time, and at the end, the pages are stored and the
// notes removed. At start the pages are read, and only the hours with a note are added up from their records.

// endOfTime is after every start that a record can have.
var endOfTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

// errExceedsLimits reports stored sums of more values than can have sums of their own now.
var errExceedsLimits = errors.New("the stored sums have more values than sums::max_values allows")

// Build adds up all records that start at the watermark or later.
func (x *State) Build(ctx context.Context, watermark, lastCommit time.Time) error {
	x.watermark, x.last = watermark, lastCommit
	return x.addUp(ctx, watermark, endOfTime)
}

// Load reads the stored sums and adds up what is not in them. It returns the hours that the store has records of, and
// whether the sums differ from the stored ones beyond the dirty hours.
func (x *State) Load(ctx context.Context, stored store.Sums, watermark, lastCommit time.Time) (hours []store.Hour, unsaved bool, err error) {
	x.watermark, x.last = watermark, lastCommit
	err = stored.SumPages(ctx, 0, func(p store.SumPage) error {
		err := x.sums.Load(rollup.Page{Day: p.Day, Dimension: rollup.Dimension(p.Axis), Data: p.Data})
		if err == nil && x.sums.ExceedsLimits() {
			err = errExceedsLimits
		}
		return err
	})
	if err != nil && !errors.Is(err, errExceedsLimits) {
		return nil, false, fmt.Errorf("read the stored sums: %w", err)
	}
	var failed error
	if hours, failed = stored.Hours(ctx); failed != nil {
		return nil, false, fmt.Errorf("read which sums are dirty: %w", failed)
	}
	if err != nil {
		return hours, true, x.rebuild(ctx, stored)
	}
	unsaved = len(x.sums.Dirty()) > 0 // pages of an older form
	if x.newest, err = x.sums.Newest(ctx); err != nil {
		return nil, false, fmt.Errorf("read the stored sums: %w", err)
	}
	// Calls that start before the watermark are about to be dropped; the watermark may lie within a bucket.
	bucket := rollup.BucketOf(watermark)
	if err := x.sums.Drop(ctx, rollup.Open[0], bucket); err != nil {
		return nil, false, fmt.Errorf("drop sums: %w", err)
	}
	if !rollup.Aligned(watermark) {
		if err := x.sums.Drop(ctx, bucket, bucket+1); err != nil {
			return nil, false, fmt.Errorf("drop sums: %w", err)
		}
		if err := x.addUp(ctx, watermark, rollup.BucketStart(bucket+1)); err != nil {
			return nil, false, err
		}
	}
	return hours, unsaved, x.rebuildHours(ctx, hours)
}

// rebuildHours adds up the records of the dirty ones of some hours, which are ascending.
func (x *State) rebuildHours(ctx context.Context, hours []store.Hour) error {
	for i := 0; i < len(hours); {
		if !hours[i].Dirty {
			i++
			continue
		}
		n := i + 1 // hours in a row are read at once
		for n < len(hours) && hours[n].Dirty && hours[n].Number == hours[n-1].Number+1 {
			n++
		}
		from, _ := rollup.HourBuckets(hours[i].Number)
		_, to := rollup.HourBuckets(hours[n-1].Number)
		if err := x.sums.Drop(ctx, from, to); err != nil {
			return fmt.Errorf("drop sums: %w", err)
		}
		start := rollup.BucketStart(from)
		if start.Before(x.watermark) {
			start = x.watermark
		}
		if err := x.addUp(ctx, start, rollup.BucketStart(to)); err != nil {
			return err
		}
		i = n
	}
	return nil
}

// rebuild makes the sums from the records, with as many values as are allowed.
func (x *State) rebuild(ctx context.Context, stored store.Sums) error {
	x.sums = rollup.New(x.options)
	var days []int64
	err := stored.SumPages(ctx, 0, func(p store.SumPage) error {
		if len(days) == 0 || days[len(days)-1] != p.Day {
			days = append(days, p.Day)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read which sums are stored: %w", err)
	}
	x.sums.Replace(days)
	return x.addUp(ctx, x.watermark, endOfTime)
}

// mergeStep is after how many records the changes of the sums are merged into their pages while they are added up.
const mergeStep = 1_000

// addUp adds the records of a range of time to the sums.
func (x *State) addUp(ctx context.Context, from, to time.Time) error {
	if !from.Before(to) {
		return nil
	}
	added := 0
	err := x.engine.Figures(ctx, store.Filter{From: from, To: to}, func(r *store.Record) error {
		x.sums.Add(&r.Call, 1)
		if r.Start.After(x.newest) {
			x.newest = r.Start
		}
		if added++; added%mergeStep == 0 {
			x.MergeChanges(ctx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add up stored records: %w", err)
	}
	return nil
}

// Unsaved returns the pages that differ from what is on disk, and the bytes to store. Nothing may be applied before
// Saved.
func (x *State) Unsaved(ctx context.Context) (pages []rollup.Page, stored []store.SumPage, err error) {
	x.mu.RLock()
	pages = x.sums.Dirty()
	x.mu.RUnlock()
	stored = make([]store.SumPage, 0, len(pages))
	for i := range pages {
		p := &pages[i]
		if err := x.mergePage(ctx, *p); err != nil {
			return nil, nil, fmt.Errorf("store the sums: %w", err)
		}
		x.mu.RLock() // beside readers: only the writer changes sums
		x.sums.Encode(p)
		x.mu.RUnlock()
		stored = append(stored, store.SumPage{SumKey: SumKey(p, 0), Data: p.Data})
		for part, data := range p.Parts {
			if data != nil {
				stored = append(stored, store.SumPage{SumKey: SumKey(p, rollup.Part(part)), Data: data})
			}
		}
	}
	return pages, stored, nil
}

// Saved states that pages are stored as Unsaved returned them.
func (x *State) Saved(pages []rollup.Page) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sums.Saved(pages)
}

// MergeChanges frees memory for changes of the sums, while readers continue. A page that cannot be read now is merged
// later.
func (x *State) MergeChanges(ctx context.Context) {
	x.mu.RLock()
	pages := x.sums.Crowded()
	x.mu.RUnlock()
	for _, p := range pages {
		_ = x.mergePage(ctx, p)
	}
}

// mergePage merges the changes of a page into it, concurrently with readers, which wait only while the page is
// replaced. Data that the merge needs is read without a lock: only the writer changes sums.
func (x *State) mergePage(ctx context.Context, p rollup.Page) error {
	x.mu.RLock()
	merged := x.sums.BeginRemerge(p)
	x.mu.RUnlock()
	if err := merged.Work(ctx); err != nil {
		return fmt.Errorf("merge the changes of sums: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sums.Put(merged)
	return nil
}

// SumKey names a stored part of a page: part 0 is the page itself, which a start reads.
func SumKey(p *rollup.Page, part rollup.Part) store.SumKey {
	return store.SumKey{Part: uint8(part), Axis: uint8(p.Dimension), Day: p.Day}
}
