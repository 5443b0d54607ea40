package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// sharedStore opens a store in two processes; false where an engine does not have the ability.
func sharedStore(t *testing.T, open Open) (leader, follower *opened, can bool) {
	s := fresh(t, open)
	if _, can := s.Engine.(store.Shared); !can {
		return nil, nil, false
	}
	second := begin(t, open, s.dir)
	t.Cleanup(second.end)
	return s, second, true
}

func (s *opened) shared() store.Shared { return s.Engine.(store.Shared) }

var roomy = store.InboxLimits{Deliveries: 100, Bytes: 1 << 20}

func (s *opened) accept(data string) store.WriteID {
	id := store.NewWriteID()
	require.NoError(s.t, s.shared().Accept(ctx, id, []byte(data), roomy))
	return id
}

func (s *opened) waiting(after, bytes int64) (texts []string, seqs []int64) {
	all, err := s.shared().Deliveries(ctx, after, bytes)
	require.NoError(s.t, err)
	for _, d := range all {
		texts, seqs = append(texts, string(d.Data)), append(seqs, d.Seq)
	}
	return texts, seqs
}

// testInbox: what any process accepted is there for every process, in order, after a restart too, once for each identity,
// until the write that decides it is committed; a write that is refused removes nothing.
func testInbox(t *testing.T, open Open) {
	s, second, can := sharedStore(t, open)
	if !can {
		return
	}
	first := s.accept("one")
	second.accept("two")
	require.NoError(t, second.shared().Accept(ctx, first, []byte("one again"), roomy))
	s.accept("three")
	s.restart()
	texts, seqs := s.waiting(0, 1<<20)
	require.Equal(t, []string{"one", "two", "three"}, texts)
	texts, _ = second.waiting(seqs[0], 1)
	require.Equal(t, []string{"two"}, texts, "at least one")
	texts, _ = second.waiting(0, 4)
	require.Equal(t, []string{"one", "two"}, texts)
	use, err := second.shared().InboxUse(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 3, use.Deliveries)
	require.EqualValues(t, len("onetwothree"), use.Bytes)
	require.Positive(t, use.Oldest)

	a, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Release(ctx, a))
	w := store.Write{ID: store.NewWriteID(), Epoch: a.Epoch, Put: []store.Record{record(1, start)}, Decided: seqs[:2], At: start}
	require.ErrorIs(t, s.Commit(ctx, w), store.ErrFenced)
	texts, _ = second.waiting(0, 1<<20)
	require.Len(t, texts, 3, "a write that is refused decides nothing")
	a, err = s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
	require.NoError(t, err)
	w.Epoch = a.Epoch
	require.NoError(t, s.Commit(ctx, w))
	texts, _ = second.waiting(0, 1<<20)
	require.Equal(t, []string{"three"}, texts)
	require.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Epoch: a.Epoch, Decided: seqs[2:], At: start}), "nothing but duplicates")
	texts, _ = s.waiting(0, 1<<20)
	require.Empty(t, texts)
	require.Len(t, second.scan(all), 1)
}

// testInboxLimits: an inbox that is full refuses, and takes batches again when some were decided.
func testInboxLimits(t *testing.T, open Open) {
	s, second, can := sharedStore(t, open)
	if !can {
		return
	}
	few := store.InboxLimits{Deliveries: 2, Bytes: 100}
	accept := func(of *opened, bytes int) error {
		return of.shared().Accept(ctx, store.NewWriteID(), make([]byte, bytes), few)
	}
	require.ErrorIs(t, accept(s, 101), store.ErrInboxFull)
	require.NoError(t, accept(s, 60))
	require.ErrorIs(t, accept(s, 41), store.ErrInboxFull)
	require.NoError(t, accept(s, 40))
	require.ErrorIs(t, accept(s, 0), store.ErrInboxFull)
	require.Eventually(t, func() bool { return errors.Is(accept(second, 1), store.ErrInboxFull) }, time.Minute, time.Millisecond, "others notice")
	_, seqs := s.waiting(0, 1<<20)
	require.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Decided: seqs, At: start}))
	require.Eventually(t, func() bool { return accept(second, 1) == nil }, time.Minute, time.Millisecond)
}

// step follows, and shows what it found.
func (s *opened) step(whole bool, look func(*store.Step)) {
	after := s.shared().Seq()
	if whole {
		after = store.FromStart
	}
	show, err := s.shared().Follow(ctx, after, func(_ context.Context, step *store.Step) error {
		look(step)
		return nil
	})
	require.NoError(s.t, err)
	show()
}

// testFollow: a pinned process sees the state that it followed to, and its own writes; each commit comes once, with its
// feed; a step that is not shown comes again.
func testFollow(t *testing.T, open Open) {
	s, second, can := sharedStore(t, open)
	if !can {
		return
	}
	commit := func(n int, feed string) {
		require.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(n, start)}, Change: []byte("c" + feed), Feed: []byte(feed), At: start}))
	}
	second.shared().Pin()
	commit(1, "one")
	require.Empty(t, second.scan(all))
	feeds := func(step *store.Step) (out []string) {
		require.False(t, step.Whole)
		last := step.From
		for _, c := range step.Changes {
			require.Greater(t, c.Seq, last)
			require.LessOrEqual(t, c.Seq, step.Seq)
			require.Equal(t, "c"+string(c.Feed), string(c.Data))
			last = c.Seq
			out = append(out, string(c.Feed))
		}
		return out
	}
	failed := errors.New("not wanted")
	_, err := second.shared().Follow(ctx, second.shared().Seq(), func(ctx context.Context, step *store.Step) error {
		require.Equal(t, []string{"one"}, feeds(step))
		n := 0
		require.NoError(t, step.View.Figures(ctx, all, func(*store.Record) error { n++; return nil }))
		require.Equal(t, 1, n, "the view is of the step")
		return failed
	})
	require.ErrorIs(t, err, failed)
	require.Empty(t, second.scan(all))
	commit(2, "two")
	second.step(false, func(step *store.Step) { require.Equal(t, []string{"one", "two"}, feeds(step)) })
	require.Len(t, second.scan(all), 2)
	_, err = second.shared().Follow(ctx, 0, func(_ context.Context, step *store.Step) error {
		require.Equal(t, []string{"one", "two"}, feeds(step), "from any number")
		return failed
	})
	require.ErrorIs(t, err, failed)
	second.step(false, func(step *store.Step) {
		require.Empty(t, step.Changes)
		require.Equal(t, step.From, step.Seq)
	})
	commit(3, "three")
	require.NoError(t, second.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(4, start)}, At: start}), "its own")
	require.Len(t, second.scan(all), 4)
	require.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(5, start)}, Change: []byte("old"), At: start}))
	second.step(false, func(step *store.Step) { require.True(t, step.Whole, "a change without a feed") })
	require.Len(t, second.scan(all), 5)
	second.step(true, func(step *store.Step) {
		require.True(t, step.Whole)
		require.EqualValues(t, 5, step.Records)
	})
}

// testMoved: a pinned process that lacks what another one removed reads when it has followed, and fails at once where it
// keeps itself from that.
func testMoved(t *testing.T, open Open) {
	s, second, can := sharedStore(t, open)
	if !can {
		return
	}
	s.put(record(1, start), record(2, start.Add(time.Hour)))
	second.step(false, func(*store.Step) {})
	second.shared().Pin()
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), Before: store.Ref{Start: start.Add(1)}, Watermark: start.Add(1)}))
	none := func(*store.Record) error { return nil }
	require.ErrorIs(t, second.Figures(store.WithinStep(ctx), all, none), store.ErrMoved)
	read := make(chan error)
	n := 0
	go func() {
		read <- second.Figures(ctx, all, func(*store.Record) error { n++; return nil })
	}()
	second.step(false, func(step *store.Step) { require.Equal(t, start.Add(1), step.Watermark) })
	require.NoError(t, <-read)
	require.Equal(t, 1, n)
}

// testMembers: processes that use the store are known, with who leads.
func testMembers(t *testing.T, open Open) {
	s, second, can := sharedStore(t, open)
	if !can {
		return
	}
	for _, name := range []string{"b", "a"} {
		_, err := s.shared().Beat(ctx, store.Member{Holder: name, Version: "1", Started: start})
		require.NoError(t, err)
	}
	a, err := s.Acquire(ctx, store.TaskLedger, "a", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(1, start)}, Feed: []byte("x"), At: start}))
	c, err := second.shared().Cluster(ctx)
	require.NoError(t, err)
	require.Equal(t, []any{"a", a.Epoch}, []any{c.Leader, c.Epoch})
	require.Positive(t, c.LeaseLeft)
	require.Len(t, c.Members, 2)
	require.Equal(t, []any{"a", "1", start}, []any{c.Members[0].Holder, c.Members[0].Version, c.Members[0].Started})
	require.Positive(t, c.Members[0].Lag)
	_, err = s.shared().Beat(ctx, store.Member{Holder: "a", Version: "1", Started: start, Seq: c.Seq})
	require.NoError(t, err)
	require.NoError(t, s.shared().Leave(ctx, "b"))
	require.NoError(t, s.Release(ctx, a))
	c, err = s.shared().Cluster(ctx)
	require.NoError(t, err)
	require.Len(t, c.Members, 1)
	require.Zero(t, c.Members[0].Lag)
	require.Empty(t, c.Leader)
}
