package stream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
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
	// this feed: places of another process's feed mean nothing here.
	seal cipher.AEAD
	kept uint64 // events that are kept

	mu      sync.Mutex
	ring    []change // at number % kept
	next    uint64   // number of the next event; the first is 1
	first   uint64   // number of the first event since some were missed, see ledger.Commit.Missed
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
}

func newFeed(kept uint64) *feed {
	var key [32]byte
	_, _ = rand.Read(key[:])                       // never fails, see crypto/rand
	block, _ := aes.NewCipher(key[:])              // fails for other lengths only
	seal, _ := cipher.NewGCMWithRandomNonce(block) // fails for blocks of other sizes only
	return &feed{seal: seal, kept: kept, next: 1, changed: make(chan struct{})}
}

// put takes a commit. It is called within the ledger's writer.
func (f *feed) put(c ledger.Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Missed { // every reader skips an event at least
		f.add(change{})
		f.first = f.next
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
			f.add(change{call: *d.Call})
		default:
			f.add(change{call: *d.Call, counts: true, was: again[p]})
		}
	}
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
	first := uint64(1)
	if f.next > f.kept {
		first = f.next - f.kept
	}
	first = max(first, f.first)
	if from < first {
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

// mark encrypts a position, for a client that reconnects. Two marks of one position differ, and only this
// feed can read them.
func (f *feed) mark(place uint64) string {
	return base64.RawURLEncoding.EncodeToString(f.seal.Seal(nil, nil, binary.BigEndian.AppendUint64(nil, place), nil))
}

// place reads a mark; false where it is of another feed or not one at all.
func (f *feed) place(mark string) (uint64, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(mark)
	if err != nil {
		return 0, false
	}
	place, err := f.seal.Open(nil, nil, sealed, nil)
	if err != nil || len(place) != 8 {
		return 0, false
	}
	n := binary.BigEndian.Uint64(place)
	return n, n >= 1 && n <= f.end()
}

// record is a change as the store would have it.
func (c *change) record() store.Record { return store.Record{Call: c.call, Counted: c.counts} }
