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

// Stored is where sums are read from.
type Stored interface {
	SumPages(ctx context.Context, part uint8, visit func(store.SumPage) error) error
	Hours(ctx context.Context) ([]store.Hour, error)
}

// figures are the records of what is not in the stored sums.
type figures interface {
	Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error
}

// Build adds up all records that start at the watermark or later.
func (x *State) Build(ctx context.Context, watermark, lastCommit time.Time) error {
	x.watermark, x.last = watermark, lastCommit
	return x.addUp(ctx, x.engine, watermark, endOfTime)
}

// Load reads the stored sums and adds up what is not in them, from records, which are of the same moment. It returns the
// hours that the store has records of, and whether the sums differ from the stored ones beyond the dirty hours. Without
// Options.Rollup.Read, all of the stored sums are kept in memory.
func (x *State) Load(ctx context.Context, stored Stored, records figures, watermark, lastCommit time.Time) (hours []store.Hour, unsaved bool, err error) {
	x.watermark, x.last = watermark, lastCommit
	parts, err := x.loadParts(ctx, stored)
	if err != nil {
		return nil, false, err
	}
	err = stored.SumPages(ctx, 0, func(p store.SumPage) error {
		page := rollup.Page{Day: p.Day, Dimension: rollup.Dimension(p.Axis), Data: p.Data}
		for part := range page.Parts {
			page.Parts[part] = parts[store.SumKey{Part: uint8(part), Axis: p.Axis, Day: p.Day}]
		}
		err := x.sums.Load(page)
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
		return hours, true, x.rebuild(ctx, stored, records)
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
		if err := x.addUp(ctx, records, watermark, rollup.BucketStart(bucket+1)); err != nil {
			return nil, false, err
		}
	}
	return hours, unsaved, x.rebuildHours(ctx, records, hours)
}

// loadParts reads the parts of all pages, where they cannot be read when they are needed.
func (x *State) loadParts(ctx context.Context, stored Stored) (map[store.SumKey][]byte, error) {
	if x.options.Read != nil {
		return nil, nil //nolint:nilnil // an empty one
	}
	parts := map[store.SumKey][]byte{}
	for _, part := range []rollup.Part{rollup.Buckets, rollup.Hists} {
		err := stored.SumPages(ctx, uint8(part), func(p store.SumPage) error {
			parts[p.SumKey] = p.Data
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the stored sums: %w", err)
		}
	}
	return parts, nil
}

// Replace puts sums that were loaded afresh in the place of these, as a commit would.
func (x *State) Replace(with *State) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sums, x.newest, x.last, x.watermark = with.sums, with.newest, with.last, with.watermark
	x.number++
	x.touches.forget()
}

// DropBefore drops the sums of calls that start before a time, as another process did. Left are the counted records of the
// base bucket in which the time lies that start then or later; none where it is the beginning of a bucket.
func (x *State) DropBefore(ctx context.Context, before time.Time, left []store.Record) error {
	to := rollup.BucketOf(before)
	if !rollup.Aligned(before) {
		to++
	}
	x.mu.RLock()
	d := x.sums.BeginDrop(rollup.Open[0], to)
	x.mu.RUnlock()
	if err := d.Work(ctx); err != nil {
		return fmt.Errorf("drop sums: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sums.EndDrop(d)
	for i := range left {
		x.sums.Add(&left[i].Call, 1)
	}
	x.watermark = before
	return nil
}

// BucketOf returns the part of the base bucket in which a time lies from then on; an empty one where it begins then.
func BucketOf(at time.Time) (from, to time.Time) {
	if rollup.Aligned(at) {
		return at, at
	}
	return at, rollup.BucketStart(rollup.BucketOf(at) + 1)
}

// rebuildHours adds up the records of the dirty ones of some hours, which are ascending.
func (x *State) rebuildHours(ctx context.Context, records figures, hours []store.Hour) error {
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
		if err := x.addUp(ctx, records, start, rollup.BucketStart(to)); err != nil {
			return err
		}
		i = n
	}
	return nil
}

// rebuild makes the sums from the records, with as many values as are allowed.
func (x *State) rebuild(ctx context.Context, stored Stored, records figures) error {
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
	return x.addUp(ctx, records, x.watermark, endOfTime)
}

// mergeStep is after how many records the changes of the sums are merged into their pages while they are added up.
const mergeStep = 1_000

// addUp adds the records of a range of time to the sums.
func (x *State) addUp(ctx context.Context, records figures, from, to time.Time) error {
	if !from.Before(to) {
		return nil
	}
	added := 0
	err := records.Figures(ctx, store.Filter{From: from, To: to}, func(r *store.Record) error {
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
