package keyring

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// directory is what a Registry reads.
type directory = store.Keys

// interrupted is a directory in which something happens once, after the keys were read and before they are returned.
type interrupted struct {
	directory
	by func()
}

func (d *interrupted) Keys(ctx context.Context, after int64) ([]store.Key, int64, error) {
	keys, version, err := d.directory.Keys(ctx, after)
	if by := d.by; by != nil {
		d.by = nil
		by()
	}
	return keys, version, err
}

// TestEditDuringRead: a key that is revoked while the keys are being read is refused at the next question, however little
// time has passed.
func TestEditDuringRead(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, nil)
	w.ring.o.Keys = &interrupted{w.directory, func() {
		require.NoError(t, w.update("1", func(k *store.Key) { k.RevokedAt = w.clock.now() }))
		w.ring.Stale()
	}}
	require.Equal(t, Valid, w.verify(t, Query{Key: secret(1)}).Outcome, "read before")
	require.Equal(t, Revoked, w.verify(t, Query{Key: secret(1)}).Outcome)
}

// TestMissedDuringRead: commits that are missed while the keys are being read make them be read again at the next question.
func TestMissedDuringRead(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, nil)
	reads := 0
	again := &interrupted{w.directory, func() { w.ring.forget() }}
	w.ring.o.Keys = again
	require.NoError(t, w.ring.Fresh(ctx))
	again.by = func() { reads++ }
	require.NoError(t, w.ring.Fresh(ctx))
	require.NoError(t, w.ring.Fresh(ctx))
	require.Equal(t, 1, reads)
}
