package columnar

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// memory is what an engine stores, in memory. Blocks stay when they are removed from the list, for older snapshots.
type memory struct {
	version int64
	refs    map[int64]*BlockRef
	blocks  map[int64]*Built
	log     [][]byte
	texts   map[int64]dictionary.Stored
	broken  error // of every block that is read
}

func newMemory() *memory {
	return &memory{version: 1, refs: map[int64]*BlockRef{}, blocks: map[int64]*Built{}, texts: map[int64]dictionary.Stored{}}
}

func (m *memory) Block(_ context.Context, id int64) (figures, names []byte, err error) {
	b := m.blocks[id]
	if b == nil {
		return nil, nil, Missing(id)
	}
	return b.Figures, b.Names, m.broken
}

func (m *memory) Names(ctx context.Context, id int64) ([]byte, error) {
	_, names, err := m.Block(ctx, id)
	return names, err
}

func (m *memory) Blocks(ctx context.Context, ids []int64, _ bool, visit func(id int64, figures, names []byte) error) error {
	for _, id := range slices.Backward(ids) { // in any order
		figures, names, err := m.Block(ctx, id)
		if err == nil {
			err = visit(id, figures, names)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) storeWrite(w *Write) {
	for _, t := range w.Texts() {
		m.texts[t.Number] = t
	}
	if row := w.Log(); len(row) > 0 {
		m.log = append(m.log, row)
	}
}

func (m *memory) replace(r *Replacement) {
	for _, id := range r.Removed() {
		delete(m.refs, id)
	}
	for _, b := range r.Added() {
		ref := b.BlockRef
		m.blocks[b.ID], m.refs[b.ID] = b, &ref
	}
	m.version = r.Version()
}

// compact empties the memtable.
func (m *memory) compact(t require.TestingT, table *Table) {
	r, err := table.Compact(ctx, m)
	require.NoError(t, err)
	if r == nil {
		return
	}
	m.replace(r)
	m.log = nil
	r.Publish()
	require.Zero(t, table.Snapshot().MemtableSize())
}

// load makes a table as a start does.
func (m *memory) load(t require.TestingT) *Table {
	numbers := slices.Sorted(maps.Keys(m.texts))
	var texts []dictionary.Stored
	for _, n := range numbers {
		texts = append(texts, m.texts[n])
	}
	l := NewLoader(m.version, dictionary.New(2, texts))
	for _, ref := range m.refs {
		require.NoError(t, l.Block(ref))
	}
	for id := range m.blocks {
		l.LastBlock(id)
	}
	for _, row := range m.log {
		require.NoError(t, l.Log(row))
	}
	table, err := l.Table(ctx, m)
	require.NoError(t, err)
	table.Dictionary().ReuseFrom(0)
	return table
}

func records(t require.TestingT, table *Table, v *Snapshot, from Source) (out []store.Record) {
	q := Queries{Read: func(_ context.Context, f func(*Reader) error) error { return f(table.NewReader(v, from)) }}
	require.NoError(t, q.Scan(ctx, store.Filter{Superseded: true}, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

func drawWrite(t *rapid.T) store.Write {
	var w store.Write
	ref := func() store.Ref {
		n := rapid.IntRange(0, 30).Draw(t, "n")
		at := start.Add(time.Duration(n%7) * 20 * time.Minute)
		return store.Ref{ID: usage.SpanRecordID(usage.TraceID{1}, usage.SpanID{2, byte(n)}), Start: at}
	}
	for range rapid.IntRange(0, 12).Draw(t, "puts") {
		p := ref()
		r := store.Record{Counted: true, StoredAt: start}
		r.ID, r.Start, r.Model = p.ID, p.Start, rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "model")
		r.Trace, r.Span = usage.TraceID(r.ID[:16]), usage.SpanID(r.ID[16:])
		r.RequestID = rapid.SampledFrom([]string{"", "req"}).Draw(t, "request")
		w.Put = append(w.Put, r)
	}
	for range rapid.IntRange(0, 2).Draw(t, "removes") {
		w.Remove = append(w.Remove, ref())
	}
	for range rapid.IntRange(0, 2).Draw(t, "marks") {
		p := ref()
		w.Mark = append(w.Mark, store.Mark{ID: p.ID, Start: p.Start, Reason: store.ReasonTwin})
	}
	return w
}

// apply is what a write does to records in a map.
func apply(all map[Place]store.Record, w *store.Write) {
	at := func(id usage.ID, start time.Time) Place { return Place{start.UnixNano(), id} }
	for _, r := range w.Remove {
		delete(all, at(r.ID, r.Start))
	}
	for _, r := range w.Put {
		all[PlaceOf(&r)] = r
	}
	for _, m := range w.Mark {
		if r, some := all[at(m.ID, m.Start)]; some {
			r.Counted, r.Reason, r.SupersededBy = m.Counted, m.Reason, m.SupersededBy
			all[at(m.ID, m.Start)] = r
		}
	}
}

func sorted(all map[Place]store.Record) (out []store.Record) {
	for _, p := range slices.SortedFunc(maps.Keys(all), func(a, b Place) int { return a.compare(&b) }) {
		out = append(out, all[p])
	}
	return out
}

// TestTable: whatever is written, compacted, retired, swept and restarted, a table has what a map of records has; earlier
// snapshots have what they had; another process that follows the log has the same; and what cannot be read changes nothing.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, all := newMemory(), map[Place]store.Record{}
		table := m.load(t)
		follower := m.load(t)
		var earlier *Snapshot
		var earlierTable *Table
		var had []store.Record
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"write", "write", "write", "compact", "retire", "sweep", "restart", "keep", "break"}).Draw(t, "step") {
			case "write":
				w := drawWrite(t)
				written, err := table.Write(ctx, &w, m)
				require.NoError(t, err)
				m.storeWrite(written)
				require.NoError(t, follower.Follow(ctx, written.Texts(), written.Log(), m))
				written.Publish()
				apply(all, &w)
				require.Equal(t, sorted(all), records(t, follower, follower.Snapshot(), m))
				require.EqualValues(t, len(all), follower.Snapshot().Records())
			case "compact":
				m.compact(t, table)
				follower = m.load(t)
			case "retire":
				before := Place{Start: start.Add(time.Duration(rapid.IntRange(0, 150).Draw(t, "before")) * time.Minute).UnixNano()}
				if table.Snapshot().HasRecentBefore(before) {
					m.compact(t, table)
				}
				r, removed, err := table.Retire(ctx, before, m)
				require.NoError(t, err)
				n := len(all)
				maps.DeleteFunc(all, func(p Place, _ store.Record) bool { return p.compare(&before) < 0 })
				require.EqualValues(t, n-len(all), removed)
				if r != nil {
					m.replace(r)
					r.Publish()
				}
				follower = m.load(t)
			case "sweep":
				sweep(t, m, table)
				follower = m.load(t)
			case "restart":
				table = m.load(t)
			case "keep":
				earlier, earlierTable, had = table.Snapshot(), table, sorted(all)
			case "break":
				m.broken = errors.New("the disk is gone")
				w := drawWrite(t)
				was := table.Snapshot()
				if _, err := (&Table{texts: table.texts}).reading(was).Write(ctx, &w, m); err != nil {
					require.ErrorIs(t, err, m.broken)
				}
				require.Same(t, was, table.Snapshot())
				m.broken = nil
			}
			require.Equal(t, sorted(all), records(t, table, table.Snapshot(), m))
			require.EqualValues(t, len(all), table.Snapshot().Records())
			if earlier != nil {
				require.Equal(t, had, records(t, earlierTable, earlier, m))
			}
		}
	})
}

// reading makes a table with nothing in its cache have a snapshot.
func (t *Table) reading(v *Snapshot) *Table {
	t.newest.Store(v)
	return t
}

// sweep removes texts that no record has, in steps of one block.
func sweep(t require.TestingT, m *memory, table *Table) {
	s := table.NewSweep()
	for more := true; more; {
		var ids []int64
		ids, more = s.Next(1)
		for _, id := range ids {
			require.NoError(t, s.Block(id, m.blocks[id].Figures))
		}
	}
	for _, row := range m.log {
		require.NoError(t, s.Log(row))
	}
	unused := s.Unused()
	for _, n := range unused {
		delete(m.texts, int64(n))
	}
	table.RemoveTexts(unused)
}

// TestDamagedBlocks: a block whose description or bytes are damaged is an error that names it.
func TestDamagedBlocks(t *testing.T) {
	m := newMemory()
	table := m.load(t)
	r := store.Record{Counted: true, StoredAt: start}
	r.ID, r.Start = usage.SpanRecordID(usage.TraceID{1}, usage.SpanID{2}), start
	w := store.Write{Put: []store.Record{r}}
	written, err := table.Write(ctx, &w, m)
	require.NoError(t, err)
	m.storeWrite(written)
	written.Publish()
	m.compact(t, table)
	read := func() error {
		fresh := (&Table{texts: table.texts}).reading(table.Snapshot())
		_, err := Queries{Newest: fresh.Snapshot, Read: func(_ context.Context, f func(*Reader) error) error {
			return f(fresh.NewReader(fresh.Snapshot(), m))
		}}.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: r.ID, Start: r.Start}}})
		return err
	}
	require.NoError(t, read())
	const id = 1
	m.blocks[id].Figures[5] ^= 1
	require.ErrorIs(t, read(), store.ErrCorrupt)
	require.ErrorContains(t, read(), "block 1")
	delete(m.blocks, id)
	require.ErrorIs(t, read(), store.ErrCorrupt)
	wrong := *m.refs[id]
	wrong.Hour++
	require.ErrorIs(t, NewLoader(1, table.Dictionary()).Block(&wrong), store.ErrCorrupt)
	require.ErrorIs(t, NewLoader(1, table.Dictionary()).Log([]byte{9}), store.ErrCorrupt)
	require.ErrorIs(t, NewLoader(1, table.Dictionary()).Log([]byte{partRemoved, 1}), store.ErrCorrupt)
	require.ErrorIs(t, NewLoader(1, table.Dictionary()).Log([]byte{partRows, 200}), store.ErrCorrupt)
}
