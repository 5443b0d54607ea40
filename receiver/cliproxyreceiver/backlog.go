package cliproxyreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// backlog holds the events that were taken from one proxy and are not accepted yet, as a queue in a storage: batches
// by ascending number, and where the queue begins and ends. Each change is one transaction.
type backlog struct {
	client storage.Client
	filled chan struct{} // has a value after a batch was added
	eased  chan struct{} // has a value after a batch was removed

	waiting atomic.Int64 // state.Events, for readers that must not wait for the storage

	mu     sync.Mutex
	state  backlogState
	stored time.Time // state.Pulled as the storage has it
}

// backlogState is the storage's entry stateKey.
type backlogState struct {
	First  uint64    `json:"first"` // number of the oldest batch
	Next   uint64    `json:"next"`  // number that the next batch will have
	Events int       `json:"events"`
	Pulled time.Time `json:"pulled"` // when the proxy was last asked with success
}

const (
	stateKey = "state"
	batchKey = "batch." // and the number
)

func openBacklog(ctx context.Context, client storage.Client) (*backlog, error) {
	b := &backlog{client: client, filled: make(chan struct{}, 1), eased: make(chan struct{}, 1)}
	raw, err := client.Get(ctx, stateKey)
	if err != nil {
		return nil, fmt.Errorf("read the backlog's state from the storage: %w", err)
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &b.state); err != nil || b.state.First > b.state.Next {
			return nil, fmt.Errorf("the backlog's state in the storage cannot be read; move the storage's files away to begin with an empty one: %w", err)
		}
		b.stored = b.state.Pulled
		b.waiting.Store(int64(b.state.Events))
	}
	return b, nil
}

// change writes a new state beside an operation, and takes it over only where that worked.
func (b *backlog) change(ctx context.Context, to backlogState, ops ...*storage.Operation) error {
	raw, err := json.Marshal(to)
	if err != nil {
		return err
	}
	if err := b.client.Batch(ctx, append(ops, storage.SetOperation(stateKey, raw))...); err != nil {
		return err
	}
	b.state, b.stored = to, to.Pulled
	b.waiting.Store(int64(to.Events))
	return nil
}

// add keeps a batch.
func (b *backlog) add(ctx context.Context, batch []byte, events int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	to := b.state
	to.Next++
	to.Events += events
	if err := b.change(ctx, to, storage.SetOperation(batchKey+strconv.FormatUint(b.state.Next, 10), batch)); err != nil {
		return fmt.Errorf("write events to the storage: %w", err)
	}
	signal(b.filled)
	return nil
}

// oldest returns the oldest batch; ok is false where there is none. A batch that the storage has lost
// is empty.
func (b *backlog) oldest(ctx context.Context) (batch []byte, ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.First == b.state.Next {
		return nil, false, nil
	}
	batch, err = b.client.Get(ctx, batchKey+strconv.FormatUint(b.state.First, 10))
	if err != nil {
		return nil, false, fmt.Errorf("read events from the storage: %w", err)
	}
	return batch, true, nil
}

// settle forgets the oldest batch; what of it was refused becomes the youngest.
func (b *backlog) settle(ctx context.Context, r result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	to := b.state
	ops := []*storage.Operation{storage.DeleteOperation(batchKey + strconv.FormatUint(to.First, 10))}
	to.First++
	to.Events = max(to.Events-r.accepted, 0)
	if r.refused > 0 {
		ops = append(ops, storage.SetOperation(batchKey+strconv.FormatUint(to.Next, 10), r.rest))
		to.Next++
	}
	if to.First == to.Next {
		to.Events = 0
	}
	if err := b.change(ctx, to, ops...); err != nil {
		return fmt.Errorf("remove accepted events from the storage: %w", err)
	}
	signal(b.eased)
	return nil
}

// pulled notes when the proxy was asked with success, and returns when that was before; zero at first. It
// is stored with the next change, or when what is stored is older than staleAfter.
func (b *backlog) pulled(ctx context.Context, at time.Time, staleAfter time.Duration) (before time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before = b.state.Pulled
	b.state.Pulled = at
	if at.Sub(b.stored) < staleAfter {
		return before, nil
	}
	return before, b.change(ctx, b.state)
}

// flush stores what waits for the next change.
func (b *backlog) flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored.Equal(b.state.Pulled) {
		return nil
	}
	return b.change(ctx, b.state)
}

// events counts what waits.
func (b *backlog) events() int { return int(b.waiting.Load()) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// memory is a storage for those who allow loss.
type memory struct {
	mu      sync.Mutex
	entries map[string][]byte
}

var _ storage.Client = (*memory)(nil)

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[key], nil
}

func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.Batch(ctx, storage.DeleteOperation(key))
}

func (m *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = m.entries[op.Key]
		case storage.Set:
			m.entries[op.Key] = op.Value
		case storage.Delete:
			delete(m.entries, op.Key)
		}
	}
	return nil
}

func (m *memory) Close(context.Context) error { return nil }
