package ledger

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestLeaderWithSilentDatabase: a leader whose connections to the database are silent leads no more, and is not ready, from the
// moment on at which its lease ends by its own clock, though its writer waits for an answer; those who wait for the writer wait no
// longer. Another one leads, and when the connections answer again, the first follows.
func TestLeaderWithSilentDatabase(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	proxy := server.Proxy(t)
	direct := server.Schema(t)
	through, err := url.Parse(direct)
	require.NoError(t, err)
	through.Host, through.RawQuery = proxy.Address(), "sslmode=disable"
	o := Options{Shared: true, times: quick, Now: now}
	r := &replicas{t: t, dsn: through.String(), o: o, all: make([]*Ledger, 2), of: make([]*sharedEngine, 2)}
	r.start(0)
	r.dsn = direct
	r.start(1)
	defer r.close()
	require.Equal(t, 0, r.leader())
	first := r.all[0]
	batch := func(id byte) usage.Batch {
		return batchOf([]testRecord{{name: string('a' + rune(id)), trace: string('a' + rune(id)), out: 1, lasts: time.Second}})
	}
	require.NoError(t, first.Commit(t.Context(), batch(1)))
	require.NoError(t, first.notFollowing())

	thaw := proxy.Freeze()
	cut := time.Now()
	answers := make(chan error, 2)
	for id := range 2 { // the writer begins one, perhaps both
		go func() { answers <- first.Commit(t.Context(), batch(byte(2+id))) }()
	}
	time.Sleep(time.Until(cut.Add(quick.lease))) // no renewal was begun later
	require.False(t, first.Role().Leading)
	require.Error(t, first.notFollowing(), "it is not ready")
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	require.Error(t, first.Commit(impatient, batch(4)))
	cancel()
	require.Eventually(t, func() bool { return r.all[1].Role().Leading }, time.Minute, time.Millisecond)
	require.NoError(t, r.all[1].Commit(t.Context(), batch(5)))
	require.False(t, first.Role().Leading)

	thaw()
	for range 2 {
		<-answers // whatever they are
	}
	require.Eventually(t, func() bool { return first.notFollowing() == nil }, time.Minute, time.Millisecond, "it follows")
	all := batch(1)
	for id := byte(2); id <= 5; id++ {
		all.Calls = append(all.Calls, batch(id).Calls...)
	}
	r.send(0, all) // as senders that got no answer do
	r.settle()
	for i, l := range r.all {
		require.EqualValues(t, 5, total(t, l).Calls, "replica %d: each counts once", i)
	}
}
