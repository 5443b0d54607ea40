package stream

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
)

// Keep sets how many events the feed keeps.
func (c *Handlers) Keep(n uint64) { c.streams.kept = n }

// SetTimes sets the time between signs of life, between two looks at who reads, and after which a stream ends.
func (c *Handlers) SetTimes(ping, check, maxAge time.Duration) {
	c.streams.ping, c.streams.check, c.streams.maxAge = ping, check, maxAge
}

// LookEvery sets the time between two looks at what fires.
func (c *Handlers) LookEvery(d time.Duration) { c.alerts.every = d }

// AwaitNoLook waits until nobody looks at what fires.
func (c *Handlers) AwaitNoLook() { c.alerts.running.Wait() }

// Mark returns the mark of a place in the feed.
func (c *Handlers) Mark(place uint64) string { return c.streams.feed.mark(place, position{}) }

// ForeignMark returns a mark of another feed.
func ForeignMark() string { return newFeed(1, nil).mark(1, position{}) }

// SetOpen sets how many streams are open.
func (c *Handlers) SetOpen(n int) { c.streams.open = n }

// Open returns how many streams are open.
func (c *Handlers) Open() int {
	c.streams.mu.Lock()
	defer c.streams.mu.Unlock()
	return c.streams.open
}

// Join opens one stream more of a person.
func (c *Handlers) Join(p access.Principal) error {
	_, err := c.streams.join(c.Ledger, p)
	return err
}

// Leave closes a stream of a person.
func (c *Handlers) Leave(p access.Principal) { c.streams.leave(p) }

const MaxStreams = maxStreams

const StreamCheck = streamCheck

var StreamEvents = streamEvents

const StreamMaxAge = streamMaxAge

const StreamPing = streamPing

const StreamsEach = streamsEach

const AlertsKept = alertsKept
