package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Sums are exact sums over calls that count.
type Sums = rollup.Sums

// Histogram is a distribution of durations.
type Histogram = rollup.Histogram

// Bucket is the length of the base buckets of all sums.
const Bucket = rollup.Bucket

// The sums are kept in memory, in pages by day, and on disk in the same form. A write that changes
// sums notes in its own transaction the hours whose stored sums lack it; from time to
// time, and at the end, the pages are stored and the notes taken away. At start the pages are read,
// and only the hours with a note are added up from their records.

const hour = int64(time.Hour)

func hourOf(t time.Time) int64 { return t.UnixNano() / hour } // records start after 1970

// hourBuckets gives the buckets of an hour, the end excluded.
func hourBuckets(h int64) (from, to int64) {
	return h * hour / int64(Bucket), (h + 1) * hour / int64(Bucket)
}

// dirtiedBy gives the hours whose stored sums lack changes, those left out that are noted already.
func (l *Ledger) dirtiedBy(changes []Change) []int64 {
	var hours []int64
	for i := range changes {
		if h := hourOf(changes[i].Call.Start); !l.dirtyHours[h] && !slices.Contains(hours, h) {
			hours = append(hours, h)
		}
	}
	return hours
}

// changed puts committed changes into the sums. The caller holds the lock.
func (l *Ledger) changed(w *store.Write, changes []Change) {
	for _, h := range w.DirtyHours {
		l.dirtyHours[h] = true
	}
	l.touches.note()
	for i := range changes {
		l.sums.Add(changes[i].Call, changes[i].N)
		if changes[i].Call.Start.After(l.newest) {
			l.newest = changes[i].Call.Start
		}
	}
	if len(changes) > 0 {
		l.series.Commit()
	}
}

// loadSums reads the stored sums, and adds up what is not in them.
func (l *Ledger) loadSums(ctx context.Context) error {
	if l.sumStore == (noSums{}) {
		return l.addUp(ctx, l.watermark, endOfTime)
	}
	err := l.sumStore.SumPages(ctx, 0, func(p store.SumPage) error {
		err := l.sums.Load(rollup.Page{Day: p.Day, Dimension: rollup.Dimension(p.Axis), Data: p.Data})
		if err == nil && l.sums.ExceedsLimits() {
			err = errExceedsLimits
		}
		return err
	})
	if errors.Is(err, errExceedsLimits) {
		return l.remakeSums(ctx)
	}
	if err != nil {
		return fmt.Errorf("read the stored sums: %w", err)
	}
	if len(l.sums.Dirty()) > 0 {
		l.unsaved = true // pages of an older form
	}
	if l.newest, err = l.sums.Newest(ctx); err != nil {
		return fmt.Errorf("read the stored sums: %w", err)
	}
	hours, err := l.sumStore.Hours(ctx)
	if err != nil {
		return fmt.Errorf("read which sums are dirty: %w", err)
	}
	l.hours = hours
	// What starts before the floor is on its way out; the floor may lie within a bucket.
	first := rollup.BucketOf(l.watermark)
	if err := l.sums.Drop(ctx, rollup.Open[0], first); err != nil {
		return fmt.Errorf("drop sums: %w", err)
	}
	if !rollup.Aligned(l.watermark) {
		if err := l.sums.Drop(ctx, first, first+1); err != nil {
			return fmt.Errorf("drop sums: %w", err)
		}
		if err := l.addUp(ctx, l.watermark, rollup.BucketStart(first+1)); err != nil {
			return err
		}
	}
	return l.remakeHours(ctx, hours)
}

// remakeHours adds up the records of the dirty ones of some hours, which are ascending.
func (l *Ledger) remakeHours(ctx context.Context, hours []store.Hour) error {
	for i := 0; i < len(hours); {
		if !hours[i].Dirty {
			i++
			continue
		}
		n := i + 1 // hours in a row are read at once
		for n < len(hours) && hours[n].Dirty && hours[n].Number == hours[n-1].Number+1 {
			n++
		}
		from, _ := hourBuckets(hours[i].Number)
		_, to := hourBuckets(hours[n-1].Number)
		if err := l.sums.Drop(ctx, from, to); err != nil {
			return fmt.Errorf("drop sums: %w", err)
		}
		start := rollup.BucketStart(from)
		if start.Before(l.watermark) {
			start = l.watermark
		}
		if err := l.addUp(ctx, start, rollup.BucketStart(to)); err != nil {
			return err
		}
		for ; i < n; i++ {
			l.dirtyHours[hours[i].Number] = true
		}
	}
	return nil
}

// errExceedsLimits reports stored sums of more values than are told apart now.
var errExceedsLimits = errors.New("the stored sums have more values than sums::max_values allows")

// remakeSums makes the sums from the records, with as many values as are allowed.
func (l *Ledger) remakeSums(ctx context.Context) error {
	l.sums = rollup.New(l.sumOptions())
	var days []int64
	err := l.sumStore.SumPages(ctx, 0, func(p store.SumPage) error {
		if len(days) == 0 || days[len(days)-1] != p.Day {
			days = append(days, p.Day)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read which sums are stored: %w", err)
	}
	l.sums.Replace(days)
	if l.hours, err = l.sumStore.Hours(ctx); err != nil {
		return fmt.Errorf("read which sums are dirty: %w", err)
	}
	for _, h := range l.hours {
		if h.Dirty {
			l.dirtyHours[h.Number] = true
		}
	}
	l.unsaved = true
	return l.addUp(ctx, l.watermark, endOfTime)
}

// endOfTime is after every start that a record can have.
var endOfTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

// sumOptions are the limits of the sums.
func (l *Ledger) sumOptions() rollup.Options {
	return rollup.Options{MaxValues: l.o.MaxValues, Read: l.readPart}
}

// mergeStep is after how many records the changes of the sums are folded while they are added up.
const mergeStep = 1_000

// addUp adds the records of a range of time to the sums.
func (l *Ledger) addUp(ctx context.Context, from, to time.Time) error {
	if !from.Before(to) {
		return nil
	}
	added := 0
	err := l.engine.Figures(ctx, store.Filter{From: from, To: to}, func(r *store.Record) error {
		l.sums.Add(&r.Call, 1)
		if r.Start.After(l.newest) {
			l.newest = r.Start
		}
		if added++; added%mergeStep == 0 {
			l.mergeSums(ctx)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add up stored records: %w", err)
	}
	return nil
}

// saveSums stores the sums that changed. It is the writer's: nothing is committed meanwhile.
func (l *Ledger) saveSums(ctx context.Context) error {
	if l.sumStore == (noSums{}) || l.outcomeUnknown || (len(l.dirtyHours) == 0 && !l.unsaved) || l.watermark.After(l.storedWatermark) { // what is on its way out may still be found at the next start
		return nil
	}
	l.journaled = 0 // where it fails, it is tried again after as many bytes
	l.mu.RLock()
	pages := l.sums.Dirty()
	l.mu.RUnlock()
	stored := make([]store.SumPage, 0, len(pages))
	for i := range pages {
		p := &pages[i]
		if err := l.mergePage(ctx, *p); err != nil {
			return fmt.Errorf("store the sums: %w", err)
		}
		l.mu.RLock() // beside readers: only this goroutine changes sums
		l.sums.Encode(p)
		l.mu.RUnlock()
		stored = append(stored, store.SumPage{SumKey: sumKey(p, 0), Data: p.Data})
		for part, data := range p.Parts {
			if data != nil {
				stored = append(stored, store.SumPage{SumKey: sumKey(p, rollup.Part(part)), Data: data})
			}
		}
	}
	w := store.SumsWrite{ID: store.NewWriteID(), Epoch: l.lease.Epoch, Pages: stored, Series: l.series.Snapshot(), At: l.o.Now()}
	if err := l.sumStore.SaveSums(ctx, w); err != nil {
		l.commits.Lock()
		err = l.outcome(ctx, w.ID, fmt.Errorf("store the sums: %w", err))
		l.commits.Unlock()
		if err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sums.Saved(pages)
	clear(l.dirtyHours)
	l.unsaved = false
	return nil
}

// mergeSums makes room for further changes of the sums, beside readers. A page that cannot be read now
// is folded later.
func (l *Ledger) mergeSums(ctx context.Context) {
	l.mu.RLock()
	pages := l.sums.Crowded()
	l.mu.RUnlock()
	for _, p := range pages {
		_ = l.mergePage(ctx, p)
	}
}

// mergePage folds a page beside readers: they wait while it is put in its place only. What has to be read
// for it is read without a lock: only this goroutine changes sums.
func (l *Ledger) mergePage(ctx context.Context, p rollup.Page) error {
	l.mu.RLock()
	folded := l.sums.BeginRemerge(p)
	l.mu.RUnlock()
	if err := folded.Work(ctx); err != nil {
		return fmt.Errorf("fold sums: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sums.Put(folded)
	return nil
}

// sumKey names what is stored of a page: part 0 is the page itself, which a start reads.
func sumKey(p *rollup.Page, part rollup.Part) store.SumKey {
	return store.SumKey{Part: uint8(part), Axis: uint8(p.Dimension), Day: p.Day}
}

// readPart reads a part of a page. No lock is held.
func (l *Ledger) readPart(ctx context.Context, p rollup.Page, part rollup.Part) ([]byte, error) {
	return l.sumStore.SumPage(ctx, sumKey(&p, part))
}

// LastUsed tells when the last call with a key started; zero where none is known.
func (l *Ledger) LastUsed(fingerprint string) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sums.LastUsed(fingerprint)
}

// KeysSeen gives the fingerprints of the keys that the sums tell apart, strangers' ones included, in
// no order.
func (l *Ledger) KeysSeen() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.sums.KeysSeen()
}

// axisOf gives the axis that tells the values of a dimension apart.
func axisOf(d GroupBy) rollup.Dimension {
	switch d {
	case ByModel, ByProvider:
		return rollup.Models
	case ByKey:
		return rollup.Keys
	case ByUser:
		return rollup.Users
	case ByService:
		return rollup.Services
	case ByProject:
		return rollup.Projects
	case ByStatus:
		return rollup.Statuses
	default:
		return rollup.All
	}
}
