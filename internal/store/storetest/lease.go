package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// testLeases: one holder at a time has the lease of a task; each new one has a greater epoch, after restarts too.
func testLeases(t *testing.T, open Open) {
	s := fresh(t, open)
	_, err := s.Acquire(ctx, store.TaskLedger, "", time.Minute)
	require.ErrorIs(t, err, store.ErrNoHolder)
	last := int64(0)
	for range 3 {
		a, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
		require.NoError(t, err)
		require.Equal(t, []string{store.TaskLedger, "a"}, []string{a.Task, a.Holder})
		require.Greater(t, a.Epoch, last)
		again, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
		require.NoError(t, err)
		require.Equal(t, a.Epoch, again.Epoch, "who has it keeps the epoch")
		_, err = s.Acquire(ctx, store.TaskLedger, "b", time.Minute)
		require.ErrorIs(t, err, store.ErrHeld)
		longer, err := s.Renew(ctx, a, time.Hour)
		require.NoError(t, err)
		require.Equal(t, []any{a.Task, a.Holder, a.Epoch}, []any{longer.Task, longer.Holder, longer.Epoch})
		require.True(t, longer.Until.IsZero() == a.Until.IsZero() && !longer.Until.Before(a.Until))
		other, err := s.Acquire(ctx, "alerts", "b", time.Minute)
		require.NoError(t, err, "each task has its own")
		require.NoError(t, s.Release(ctx, a))
		_, err = s.Renew(ctx, a, time.Minute)
		require.ErrorIs(t, err, store.ErrFenced, "it was released")
		b, err := s.Acquire(ctx, store.TaskLedger, "b", time.Minute)
		require.NoError(t, err)
		require.Greater(t, b.Epoch, a.Epoch)
		_, err = s.Renew(ctx, a, time.Minute)
		require.ErrorIs(t, err, store.ErrFenced, "another holder has it")
		stolen := b
		stolen.Holder = "a"
		_, err = s.Renew(ctx, stolen, time.Minute)
		require.ErrorIs(t, err, store.ErrFenced)
		require.NoError(t, s.Release(ctx, a), "it is not a's any more")
		_, err = s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
		require.ErrorIs(t, err, store.ErrHeld)
		require.NoError(t, s.Release(ctx, b))
		require.NoError(t, s.Release(ctx, other))
		last = b.Epoch
		s.restart()
	}
}

// testFencing: a write that names an epoch which is not the holder's changes nothing, whatever kind it is; one that was
// committed before is still known.
func testFencing(t *testing.T, open Open) {
	s := fresh(t, open)
	a, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
	require.NoError(t, err)
	first := store.Write{ID: store.NewWriteID(), Epoch: a.Epoch, Put: []store.Record{record(1, start)}, At: start}
	require.NoError(t, s.Commit(ctx, first))
	require.NoError(t, s.Release(ctx, a))
	late := store.Write{ID: store.NewWriteID(), Epoch: a.Epoch, Put: []store.Record{record(2, start)}, Change: []byte("x"), At: start}
	retirement := store.Retirement{ID: store.NewWriteID(), Epoch: a.Epoch, Before: store.Ref{Start: start.Add(time.Hour)}}
	refused := func() {
		t.Helper()
		require.ErrorIs(t, s.Commit(ctx, late), store.ErrFenced)
		require.False(t, s.committed(late.ID))
		require.ErrorIs(t, s.Retire(ctx, retirement), store.ErrFenced)
		if sums, can := s.Engine.(store.Sums); can {
			require.ErrorIs(t, sums.SaveSums(ctx, store.SumsWrite{Epoch: a.Epoch, Pages: []store.SumPage{page(0, 0, 1, "x")}, At: start}), store.ErrFenced)
			require.Empty(t, s.pages(t, 0))
		}
		require.Equal(t, []store.Record{record(1, start)}, s.scan(all))
		require.NoError(t, s.Commit(ctx, first), "it was committed while the lease was held")
	}
	refused()
	b, err := s.Acquire(ctx, store.TaskLedger, "b", time.Minute)
	require.NoError(t, err)
	refused()
	late.Epoch = b.Epoch
	require.NoError(t, s.Commit(ctx, late))
	s.restart()
	s.put(record(3, start)) // no check
	require.Len(t, s.scan(all), 3)
}

// testTwoProcesses: a store that two processes may have open shows both the same, and lets one of them have a lease;
// another refuses the second process.
func testTwoProcesses(t *testing.T, open Open) {
	s := fresh(t, open)
	engine, directory, err := open(ctx, s.dir)
	if err != nil {
		require.ErrorIs(t, err, store.ErrInUse)
		return
	}
	second := &opened{Engine: engine, Directory: directory, t: t, open: open, dir: s.dir}
	defer second.end()
	a, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
	require.NoError(t, err)
	_, err = second.Acquire(ctx, store.TaskLedger, "b", time.Minute)
	require.ErrorIs(t, err, store.ErrHeld)
	w := store.Write{ID: store.NewWriteID(), Epoch: a.Epoch, Put: []store.Record{record(1, start)}, At: start}
	require.NoError(t, s.Commit(ctx, w))
	require.True(t, second.committed(w.ID))
	require.Equal(t, w.Put, second.scan(all), "at once")
	require.NoError(t, s.Release(ctx, a))
	b, err := second.Acquire(ctx, store.TaskLedger, "b", 50*time.Millisecond)
	require.NoError(t, err)
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; time.Sleep(5 * time.Millisecond) {
		renewed, err := second.Renew(ctx, b, time.Minute) // far longer than the loop
		require.NoError(t, err)
		require.Equal(t, b.Epoch, renewed.Epoch)
		_, err = s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
		require.ErrorIs(t, err, store.ErrHeld, "it was renewed")
	}
	_, err = second.Renew(ctx, b, 50*time.Millisecond)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // it ends by itself
		_, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
		return err == nil
	}, time.Minute, 5*time.Millisecond)
	_, err = second.Renew(ctx, b, time.Minute)
	require.ErrorIs(t, err, store.ErrFenced, "somebody took it since")
	require.ErrorIs(t, second.Commit(ctx, store.Write{ID: store.NewWriteID(), Epoch: b.Epoch, Put: w.Put, At: start}), store.ErrFenced)
	require.NoError(t, s.AddUser(ctx, store.User{ID: "1", Name: "alice", CreatedAt: start}, audited))
	_, found, err := second.FindUser(ctx, store.UserRef{Name: "alice"})
	require.NoError(t, err)
	require.True(t, found, "every read sees the last change of any process")
}
