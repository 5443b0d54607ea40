package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// changesAfter returns what commits changed after a number, and the last number.
func (s *opened) changesAfter(after int64) (data []string, last int64) {
	last = after
	require.NoError(s.t, s.Changes(ctx, after, func(c store.Change) error {
		require.Greater(s.t, c.Seq, last)
		last = c.Seq
		data = append(data, string(c.Data))
		return nil
	}))
	return data, last
}

// testRepeats: a write of an identity that was committed is not made again, whatever it holds, also after a restart.
func testRepeats(t *testing.T, open Open) {
	s := fresh(t, open)
	w := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(1, start)}, Change: []byte("one"), At: start}
	require.False(t, s.committed(w.ID))
	require.NoError(t, s.Commit(ctx, w))
	require.True(t, s.committed(w.ID))
	r := store.Retirement{ID: store.NewWriteID(), Before: store.Ref{Start: start.Add(1)}, Spent: []store.Spent{{Start: start, Calls: 1}}}
	require.NoError(t, s.Retire(ctx, r))
	require.True(t, s.committed(r.ID))
	s.put(record(2, start))
	for range 2 {
		w.Put = append(w.Put, record(3, start))
		require.NoError(t, s.Commit(ctx, w))
		require.NoError(t, s.Retire(ctx, r))
		require.Equal(t, []store.Record{record(2, start)}, s.scan(all))
		require.EqualValues(t, 1, s.spent(time.Time{})[""].Calls)
		data, _ := s.changesAfter(0)
		require.Equal(t, []string{"one"}, data)
		s.restart()
		require.True(t, s.committed(w.ID))
		require.True(t, s.committed(r.ID))
	}
}

// testRemembered: the outcomes of the last writes are known, and writes without an identity are always new.
func testRemembered(t *testing.T, open Open) {
	s := fresh(t, open)
	var ids []store.WriteID
	for i := range store.RememberedWrites {
		ids = append(ids, store.NewWriteID())
		require.NoError(t, s.Commit(ctx, store.Write{ID: ids[i], Put: []store.Record{record(1, start)}, At: start}))
	}
	for range 2 {
		for _, id := range ids {
			require.True(t, s.committed(id))
		}
		s.restart()
	}
	for i := range 3 {
		require.NoError(t, s.Commit(ctx, store.Write{Put: []store.Record{record(10+i, start)}, At: start}))
	}
	require.Len(t, s.scan(all), 4)
	require.False(t, s.committed(store.NewWriteID()))
}

// testCancelled: a write whose context ends at any moment is there as a whole, and reported so, or not at all.
func testCancelled(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 100 {
		cancelled, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		w := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(2*i+1, start), record(2*i+2, start)}, At: start}
		before := len(s.scan(all))
		err := s.Commit(cancelled, w)
		timer.Stop()
		cancel()
		committed := s.committed(w.ID)
		require.True(t, committed || err != nil, "an acknowledged write is there")
		require.Equal(t, map[bool]int{true: before + 2, false: before}[committed], len(s.scan(all)))
	}
}

// testFaults checks that each write is stored once, whichever answers are lost, if the caller asks for the outcome of
// each failed write and repeats the writes that were not committed.
func testFaults(t *testing.T, open Open) {
	s := fresh(t, open)
	f := &Faulty{Engine: s.Engine}
	n := 0
	for range 4 {
		for how := None; how < FaultCount; how++ {
			n++
			w := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(n, start.Add(time.Duration(n)))}, Change: []byte{byte(n)}, At: start}
			f.Next(how, 0)
			first := settle(t, f, w.ID, func() error { return f.Commit(ctx, w) })
			require.Equal(t, how == None, first == nil)
			require.Len(t, s.scan(all), n)
		}
		s.restart()
		f = &Faulty{Engine: s.Engine}
	}
	data, _ := s.changesAfter(0)
	require.Len(t, data, n)
	for i := range n {
		require.Equal(t, string([]byte{byte(i + 1)}), data[i])
	}
	for i := range int(FaultCount) {
		r := store.Retirement{
			ID: store.NewWriteID(), Before: store.Ref{Start: start.Add(time.Duration(i + 2))}, Spent: []store.Spent{{Start: start, Calls: 1, Tokens: 5, Cost: 7}},
		}
		f.Next(Fault(i), 0)
		_ = settle(t, f, r.ID, func() error { return f.Retire(ctx, r) })
		require.Len(t, s.scan(all), n-i-1)
		require.Equal(t, store.Spent{Start: start, Calls: int64(i + 1), Tokens: 5 * int64(i+1), Cost: 7 * usage.NanoUSD(i+1)}, s.spent(time.Time{})[""])
	}
}

// testChanges: changes are numbered in the order of commits, whatever restarts lie between them.
func testChanges(t *testing.T, open Open) {
	s := fresh(t, open)
	var want []string
	for i := range 6 {
		w := store.Write{ID: store.NewWriteID(), At: start}
		if i%3 != 2 { // else it changes nothing
			w.Change = []byte{byte('a' + i)}
			want = append(want, string(w.Change))
		}
		require.NoError(t, s.Commit(ctx, w))
		if i == 3 {
			s.restart()
		}
	}
	got, last := s.changesAfter(0)
	require.Equal(t, want, got)
	var numbers []int64
	require.NoError(t, s.Changes(ctx, 0, func(c store.Change) error {
		numbers = append(numbers, c.Seq)
		return nil
	}))
	for i, n := range numbers {
		after, _ := s.changesAfter(n)
		require.Equal(t, want[i+1:], append([]string{}, after...))
	}
	none, _ := s.changesAfter(last)
	require.Empty(t, none)
	require.ErrorIs(t, s.Changes(ctx, 0, func(store.Change) error { return context.Canceled }), context.Canceled)
}
