package tokenstoreextension

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

func storeIn(t *testing.T, dir string) extension.Extension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Directory = dir
	e, err := NewFactory().Create(context.Background(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	return e
}

// TestLifecycle: what was committed is there after a restart.
func TestLifecycle(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "made", "by the store")
	id := component.MustNewID("tokenstore")
	e := storeIn(t, dir)
	require.NoError(t, e.Shutdown(ctx), "without a start")
	_, err := Get(id, host{id: e})
	require.ErrorContains(t, err, "has not started")

	require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
	l, err := Get(id, host{id: e})
	require.NoError(t, err)
	c := usage.Call{
		ID: usage.ID{1}, Trace: usage.TraceID{1}, Span: usage.SpanID{1}, Role: usage.RoleCall, Start: time.Now().Add(-time.Minute), Model: "m",
		Tokens: usage.Tokens{InputUncached: 5, Fields: usage.HasInput},
	}
	require.NoError(t, l.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}))
	require.NoError(t, e.Shutdown(ctx))
	require.ErrorIs(t, l.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}), ledger.ErrClosed)

	e = storeIn(t, dir)
	require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
	l, err = Get(id, host{id: e})
	require.NoError(t, err)
	a, err := l.Query(ctx, ledger.Query{})
	require.NoError(t, err)
	require.EqualValues(t, 5, a.Groups[0].Points[0].Tokens.Input())
	require.NoError(t, e.Shutdown(ctx))

	info, err := os.Stat(filepath.Join(dir, FileName))
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "only its owner may read it")
}

// TestFolderOfOthers: one who installs an older backup, or made the folder by hand, gets a log line that says what was changed.
func TestFolderOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o755))
	core, logs := observer.New(zap.WarnLevel)
	e := storeIn(t, dir)
	e.(*Store).logger = zap.New(core)
	require.NoError(t, e.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, e.Shutdown(context.Background()))
	require.Equal(t, 1, logs.Len())
	require.Contains(t, logs.All()[0].Message, "its mode is 0700 now")
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
}

// TestFailedStarts leave nothing open: Shutdown after them is clean, and goleak finds nothing.
func TestFailedStarts(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, FileName), []byte("this is no database, whatever its name says"), 0o600))
	e := storeIn(t, dir)
	err := e.Start(ctx, componenttest.NewNopHost())
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.True(t, Permanent(err))
	require.NoError(t, e.Shutdown(ctx))

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	e = storeIn(t, filepath.Join(file, "below"))
	require.ErrorContains(t, e.Start(ctx, componenttest.NewNopHost()), "data directory")
	require.NoError(t, e.Shutdown(ctx))
}

func TestGet(t *testing.T) {
	id := component.MustNewID("tokenstore")
	_, err := Get(id, host{})
	require.ErrorContains(t, err, "add it to extensions")
	nop, err := extensiontest.NewNopFactory().Create(context.Background(), extensiontest.NewNopSettings(component.MustNewType("nop")), nil)
	require.NoError(t, err)
	_, err = Get(id, host{id: nop})
	require.ErrorContains(t, err, "is not a tokenstore")
	require.False(t, Permanent(fmt.Errorf("disk full")))
}
