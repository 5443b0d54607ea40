package server_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

// unreachable is an engine that commits, and answers nothing.
type unreachable struct{ *sqlite.Engine }

var errGone = errors.New("the connection was closed")

func (u unreachable) Commit(ctx context.Context, w store.Write) error {
	return errors.Join(errGone, u.Engine.Commit(ctx, w))
}

func (unreachable) Committed(context.Context, store.WriteID) (bool, error) { return false, errGone }

// TestNotReadyWhileTheOutcomeIsUnknown: while nobody can tell whether the last write was stored, no batch
// is taken, and the server says that it is not ready; it lives, and shows what it knew.
func TestNotReadyWhileTheOutcomeIsUnknown(t *testing.T) {
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	l, err := ledger.Open(t.Context(), unreachable{engine}, ledger.Options{Now: func() time.Time { return consoletest.TestNow }})
	require.NoError(t, err)
	b := consoletest.NewBench(t, func(o *console.Options) { o.Ledger, o.Directory = l, engine.Directory() })
	code := func(path string) int { return b.Do("GET", path, "", nil).Code }
	require.Equal(t, 200, code("/ready"))
	var sender sync.WaitGroup
	sender.Go(func() {
		assert.ErrorIs(t, l.Commit(context.Background(), consoletest.CallOf(1, nil)), ledger.ErrOutcomeUnknown)
	})
	require.Eventually(t, func() bool { return code("/ready") == 503 }, 2*time.Minute, time.Millisecond)
	require.Equal(t, 503, code(api.Base+"/ready"))
	for _, path := range []string{"/health", api.Base + "/stats", "/metrics"} {
		require.Equal(t, 200, code(path), path)
	}
	require.NoError(t, l.Close())
	sender.Wait()
}
