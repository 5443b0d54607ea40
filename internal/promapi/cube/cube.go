package cube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Ledger is the source of the calls.
type Ledger interface {
	// Figures visits the records that count and match, in no order; a record is valid during its visit only.
	Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error
	// Query sums the calls that count, by one dimension; see ledger.Query.
	Query(ctx context.Context, q ledger.Query) (ledger.Answer, error)
	// Oldest is the start of the oldest call, or a time before it; zero where there is none.
	Oldest(ctx context.Context) (time.Time, error)
	// Watermark is the start before which retention dropped calls; zero where it dropped none.
	Watermark() time.Time
	// Counters returns the sums of the counter series over all calls ever taken, and the models that have
	// histograms of their own.
	Counters() (sums map[callseries.Labels]ledger.Sums, models map[callseries.Model]bool)
	// SeriesLabels returns the labels that counter series have.
	SeriesLabels() []callseries.Label
	// Observe calls f for each commit, after its calls can be read; f must not wait.
	Observe(f func(ledger.Commit)) (stop func())
}

// Overflow is the label value of the series that sum everything beyond a cardinality limit.
const Overflow = "other"

// maxSeriesKept bounds the label combinations that a cube sums separately: labels are untrusted text.
const maxSeriesKept = 200_000

// Cube is the sums of calls by all labels of the counter series and by quarter of an hour, read from the records
// hour by hour and kept until a call of the hour changes. The ledger's own sums are by one label each.
type Cube struct {
	Ledger Ledger
	Keys   []string // fingerprints that it is restricted to; nil: all calls
	budget int      // bytes of pages kept
	// loading has a token while records are read for pages: queries that arrive meanwhile find the pages.
	loading chan struct{}

	mu        sync.Mutex
	pages     map[int64]*Page // by hour
	changes   map[int64]int64 // by hour that changed since its page was begun, how often
	bytes     int
	watermark time.Time // the watermark that the pages were read with
	missed    int64     // how often all pages were dropped, see ledger.Commit.Missed
	ids       map[callseries.Labels]uint32
	names     []callseries.Labels // by id; only appended to
}

// New makes a cube of the calls of some keys; nil is all calls. budget is the bytes of sums that it keeps.
func New(l Ledger, keys []string, budget int) *Cube {
	return &Cube{
		Ledger: l, Keys: keys, budget: budget, loading: make(chan struct{}, 1),
		pages: map[int64]*Page{}, changes: map[int64]int64{}, ids: map[callseries.Labels]uint32{},
	}
}

// changed drops the pages of hours in which calls begin or cease to count.
func (c *Cube) changed(hours []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hours {
		c.changes[h]++
		c.drop(h)
	}
}

// dropAll drops all pages: any of them may lack commits.
func (c *Cube) dropAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed++
	clear(c.pages)
	c.bytes = 0
}

// drop removes a page. The caller holds the lock.
func (c *Cube) drop(hour int64) {
	if p := c.pages[hour]; p != nil {
		c.bytes -= p.size()
		delete(c.pages, hour)
	}
}

// retired drops the pages of what retention dropped since they were read.
func (c *Cube) retired() time.Time {
	watermark := c.Ledger.Watermark()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !watermark.After(c.watermark) {
		return c.watermark
	}
	c.watermark = watermark
	for h := range c.pages {
		if hourStart(h).Before(watermark) {
			c.drop(h)
		}
	}
	return watermark
}

// run is the hours that are read from the store at a time.
const run = 24

// Each calls visit with the page of each hour from the first call up to a time, in order.
func (c *Cube) Each(ctx context.Context, from, until time.Time, visit func(hour int64, p *Page) error) error {
	oldest, err := c.Ledger.Oldest(ctx)
	if err != nil {
		return fmt.Errorf("find the oldest call: %w", err)
	}
	if watermark := c.retired(); oldest.Before(watermark) {
		oldest = watermark
	}
	if oldest.IsZero() {
		return nil
	}
	if oldest.Before(from) {
		oldest = from
	}
	last := hourOf(until.Add(-1))
	for first := hourOf(oldest); first <= last; {
		end := min(last, FloorDiv(first, run)*run+run-1)
		pages, err := c.read(ctx, first, end)
		if err != nil {
			return err
		}
		for i, p := range pages {
			if err := visit(first+int64(i), p); err != nil {
				return err
			}
		}
		first = end + 1
	}
	return nil
}

// kept returns the pages of some hours that are in memory, and the first and the last one that are not.
func (c *Cube) kept(first, last int64) (pages []*Page, from, to int64, missing bool) {
	pages = make([]*Page, last-first+1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for h := first; h <= last; h++ {
		if pages[h-first] = c.pages[h]; pages[h-first] != nil {
			continue
		}
		if !missing {
			from, missing = h, true
		}
		to = h
	}
	return pages, from, to, missing
}

// read returns the pages of some hours, first to last.
func (c *Cube) read(ctx context.Context, first, last int64) ([]*Page, error) {
	pages, _, _, missing := c.kept(first, last)
	if !missing {
		return pages, ctx.Err()
	}
	select {
	case c.loading <- struct{}{}:
		defer func() { <-c.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	pages, from, to, missing := c.kept(first, last)
	if !missing {
		return pages, nil
	}
	c.mu.Lock()
	before := make([]int64, to-from+1)
	for h := from; h <= to; h++ {
		before[h-from] = c.changes[h]
	}
	watermark, missed := c.watermark, c.missed
	c.mu.Unlock()
	drafts := make([]draft, to-from+1)
	f := store.Filter{From: hourStart(from), To: hourStart(to + 1), Keys: c.Keys}
	err := c.Ledger.Figures(ctx, f, func(r *store.Record) error {
		drafts[hourOf(r.Start)-from].add(c.id(callseries.LabelsOf(&r.Call)), &r.Call)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("sum stored records: %w", err)
	}
	made := make([]*Page, len(drafts))
	for i := range drafts {
		made[i] = drafts[i].page()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for h := from; h <= to; h++ {
		if pages[h-first] != nil {
			continue
		}
		pages[h-first] = made[h-from]
		if c.changes[h] == before[h-from] && watermark.Equal(c.watermark) && missed == c.missed {
			c.keep(h, made[h-from])
		}
	}
	return pages, nil
}

// keep keeps a page; above the memory limit, newer pages are preferred to older ones. The caller holds the lock.
func (c *Cube) keep(hour int64, p *Page) {
	delete(c.changes, hour) // they are counted from the next page's beginning on
	if c.bytes+p.size() > c.budget {
		hours := make([]int64, 0, len(c.pages))
		for h := range c.pages {
			if h < hour {
				hours = append(hours, h)
			}
		}
		slices.Sort(hours)
		for _, h := range hours {
			if c.bytes+p.size() <= c.budget {
				break
			}
			c.drop(h)
		}
		if c.bytes+p.size() > c.budget {
			return
		}
	}
	c.drop(hour)
	c.pages[hour] = p
	c.bytes += p.size()
}

// id returns the number of a combination of labels.
func (c *Cube) id(l callseries.Labels) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, known := c.ids[l]; known {
		return id
	}
	if len(c.names) >= maxSeriesKept {
		for i := range l {
			l[i] = Overflow
		}
		if id, known := c.ids[l]; known {
			return id
		}
	}
	for i := range l {
		l[i] = strings.Clone(l[i]) // it may be a part of a large text
	}
	id := uint32(len(c.names))
	c.ids[l] = id
	c.names = append(c.names, l)
	return id
}

// Series returns all combinations of labels, by number. It is not to be changed.
func (c *Cube) Series() []callseries.Labels {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[:len(c.names):len(c.names)]
}

// Set has a cube of all calls, and a cube for each member that asked lately, of the calls with its keys.
type Set struct {
	ledger Ledger
	budget int // bytes, of each
	stop   func()

	mu   sync.Mutex
	all  *Cube
	own  map[string]*Cube
	used []string // the names of own, the one used last at the end
}

// maxOwnCubes bounds the members whose sums are kept; each gets a small part of the budget, see ownShare.
const (
	maxOwnCubes = 16
	ownShare    = 16
)

// NewSet returns a set whose cube of all calls keeps budget bytes of sums; a member's cube keeps less.
func NewSet(l Ledger, budget int) *Set {
	c := &Set{ledger: l, budget: budget, all: New(l, nil, budget), own: map[string]*Cube{}}
	c.stop = l.Observe(c.observe)
	return c
}

// observe notes what a commit changes.
func (c *Set) observe(commit ledger.Commit) {
	var hours []int64
	seen := map[int64]bool{}
	for i := range commit.Changes {
		if h := hourOf(commit.Changes[i].Call.Start); !seen[h] {
			seen[h] = true
			hours = append(hours, h)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if commit.Missed {
		c.all.dropAll()
		for _, own := range c.own {
			own.dropAll()
		}
		return
	}
	c.all.changed(hours)
	for _, own := range c.own {
		own.changed(hours)
	}
}

// Close ends the observation of the ledger.
func (c *Set) Close() { c.stop() }

// Of returns the cube of the calls of some keys; nil is all calls.
func (c *Set) Of(keys []string) *Cube {
	if keys == nil {
		return c.all
	}
	keys = slices.Clone(keys)
	slices.Sort(keys)
	name := strings.Join(keys, "\x00")
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.used, name); i >= 0 {
		c.used = append(slices.Delete(c.used, i, i+1), name)
		return c.own[name]
	}
	if len(c.used) >= maxOwnCubes {
		delete(c.own, c.used[0])
		c.used = c.used[1:]
	}
	c.own[name] = New(c.ledger, keys, c.budget/ownShare)
	c.used = append(c.used, name)
	return c.own[name]
}
