package stream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// feedKept is how many of the last events a feed keeps for clients that read slowly or reconnect.
const feedKept = 8192

// feed is a ring buffer of the last changes to counted calls, for live streams. The ledger's writer appends to it
// without waiting for readers: each reader keeps its own position, and is told how many events it missed if the
// feed has overwritten them.
type feed struct {
	// seal hides places from clients, who could see by them how many calls others make. Its key is of
	// this feed, or of all replicas: places of another feed mean nothing here.
	seal   cipher.AEAD
	shared bool   // replicas have the same events
	kept   uint64 // events that are kept

	mu      sync.Mutex
	ring    []change // at number % kept
	next    uint64   // number of the next event; the first is 1
	first   uint64   // number of the first event since some were missed, see ledger.Commit.Missed
	base    position // of the first; nothing is known of what was before
	last    position // after the last
	asOf    time.Time
	changed chan struct{} // closed at the next change
}

// change is one event.
type change struct {
	call usage.Call
	// counts reports whether the call counts from now on, or ceases to.
	counts bool
	// was is the earlier delivery of this record that counted until now; nil where there was none.
	was *usage.Call
	at  position
}

// newFeed makes a feed. The key is one of 32 bytes that replicas share; nil: places mean something to this feed only.
func newFeed(kept uint64, key []byte) *feed {
	shared := key != nil
	if !shared {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, see crypto/rand
	}
	block, _ := aes.NewCipher(key)                 // fails for other lengths only
	seal, _ := cipher.NewGCMWithRandomNonce(block) // fails for blocks of other sizes only
	return &feed{seal: seal, shared: shared, kept: kept, next: 1, changed: make(chan struct{})}
}

// begin notes the last commit of the store before those that come to put, or one of these.
func (f *feed) begin(seq int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = position{seq, wholeCommit}
	if f.last.less(f.base) {
		f.last = f.base
	}
}

// put takes a commit. It is called within the ledger's writer.
func (f *feed) put(c ledger.Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Missed { // every reader skips an event at least
		f.add(change{at: position{seq: c.Seq}})
		f.first, f.base = f.next, position{c.Seq, wholeCommit}
	}
	type place struct {
		id    usage.ID
		start int64
	}
	again := map[place]*usage.Call{} // of the records that go and come back in this commit: as they were
	if len(c.Changes) > 1 {
		for i := range c.Changes {
			if d := &c.Changes[i]; d.N > 0 {
				again[place{d.Call.ID, d.Call.Start.UnixNano()}] = nil
			}
		}
	}
	for i := range c.Changes {
		d := &c.Changes[i]
		p := place{d.Call.ID, d.Call.Start.UnixNano()}
		_, back := again[p]
		switch {
		case d.N < 0 && back:
			was := *d.Call
			again[p] = &was
		case d.N < 0:
			f.add(change{call: *d.Call, at: position{c.Seq, uint32(i)}})
		default:
			f.add(change{call: *d.Call, counts: true, was: again[p], at: position{c.Seq, uint32(i)}})
		}
	}
	f.last = position{c.Seq, wholeCommit}
	f.asOf = c.At
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *feed) add(c change) {
	if i := f.next % f.kept; i < uint64(len(f.ring)) {
		f.ring[i] = c
	} else {
		if len(f.ring) == 0 {
			f.ring = append(f.ring, change{}) // events are counted from 1
		}
		f.ring = append(f.ring, c)
	}
	f.next++
}

// Read returns at most limit events from a place on, the place behind them, how many events before
// them are not kept any more, the time of the last commit, and a channel that is closed when there is more.
func (f *feed) Read(from uint64, into []change, limit int) (events []change, next, skipped uint64, asOf time.Time, more <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first := f.oldest(); from < first {
		skipped, from = first-from, first
	}
	for ; from < f.next && len(into) < limit; from++ {
		into = append(into, f.ring[from%f.kept])
	}
	return into, from, skipped, f.asOf, f.changed
}

// end is the place behind the last event.
func (f *feed) end() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next
}

// record is a change as the store would have it.
func (c *change) record() store.Record { return store.Record{Call: c.call, Counted: c.counts} }
