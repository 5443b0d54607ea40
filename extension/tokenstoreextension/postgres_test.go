package tokenstoreextension

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func onPostgres(t *testing.T, dsn, secret string) extension.Extension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Engine, cfg.Postgres.DSN, cfg.Postgres.KeySecret = enginePostgres, configopaque.String(dsn), configopaque.String(secret)
	require.NoError(t, cfg.Validate())
	require.NotContains(t, fmt.Sprintf("%v %+v", *cfg, cfg), pgtest.Password)
	e, err := NewFactory().Create(context.Background(), extensiontest.NewNopSettings(NewFactory().Type()), cfg)
	require.NoError(t, err)
	return e
}

// statusHost keeps what components report.
type statusHost struct {
	component.Host
	reported chan *componentstatus.Event
}

func (h *statusHost) Report(e *componentstatus.Event) { h.reported <- e }

// TestPostgres: one process at a time has the ledger of a PostgreSQL database; what it committed is there for the next one,
// and one that lost the lease reports that it must end.
func TestPostgres(t *testing.T) {
	ctx := context.Background()
	var server pgtest.Server
	defer server.End()
	dsn, secret := server.Schema(t), strings.Repeat("0a", 32)
	call := usage.Call{
		ID: usage.ID{1}, Trace: usage.TraceID{1}, Span: usage.SpanID{1}, Role: usage.RoleCall, Start: time.Now().Add(-time.Minute), Model: "m",
		KeyFingerprint: usage.Fingerprint("sk-1"), Tokens: usage.Tokens{InputUncached: 5, Fields: usage.HasInput},
	}
	host := &statusHost{componenttest.NewNopHost(), make(chan *componentstatus.Event, 9)}
	first := onPostgres(t, dsn, secret)
	require.NoError(t, first.Start(ctx, host))
	l := first.(*Store).Ledger()
	require.NoError(t, l.Commit(ctx, usage.Batch{Calls: []usage.Call{call}}))
	require.NotEqual(t, usage.Fingerprint("sk-1"), l.KeyedFingerprint(usage.Fingerprint("sk-1")))

	second := onPostgres(t, dsn, secret)
	require.NoError(t, second.Start(ctx, host))
	follower := second.(*Store).Ledger()
	require.True(t, l.Role().Leading)
	require.False(t, follower.Role().Leading)
	input := func(of *ledger.Ledger) int64 {
		a, err := of.Query(ctx, ledger.Query{})
		require.NoError(t, err)
		return a.Groups[0].Points[0].Tokens.Input()
	}
	require.EqualValues(t, 5, input(follower))
	next := call
	next.ID, next.Span = usage.ID{3}, usage.SpanID{3}
	require.NoError(t, follower.Commit(ctx, usage.Batch{Calls: []usage.Call{call, next}}))
	for _, of := range []*ledger.Ledger{l, follower} {
		require.Eventually(t, func() bool { return input(of) == 10 }, time.Minute, 5*time.Millisecond, "the leader decides, and the other follows")
	}
	_, err := follower.Reprice(ctx, ledger.RepriceRequest{})
	require.ErrorIs(t, err, ledger.ErrFollower)
	_, _, err = second.(*Store).config.Open(ctx)
	require.ErrorIs(t, err, store.ErrInUse, "commands do not share")
	other := onPostgres(t, dsn, strings.Repeat("0b", 32))
	err = other.Start(ctx, host)
	require.ErrorIs(t, err, store.ErrSecret)
	require.NoError(t, first.Shutdown(ctx))
	require.Empty(t, host.reported)

	require.Eventually(t, func() bool { return follower.Role().Leading }, time.Minute, 5*time.Millisecond)
	require.NoError(t, follower.Commit(ctx, usage.Batch{Calls: []usage.Call{call}}), "delivered again")
	require.EqualValues(t, 10, input(follower))
	server.Exec(t, "postgres", "UPDATE t1.leases SET holder = 'another', epoch = epoch + 1")
	call.ID, call.Span = usage.ID{2}, usage.SpanID{2}
	require.NoError(t, follower.Commit(ctx, usage.Batch{Calls: []usage.Call{call}}), "it goes into the inbox")
	server.Exec(t, "postgres", "DELETE FROM t1.leases")
	require.Eventually(t, func() bool { return input(follower) == 15 }, time.Minute, 5*time.Millisecond, "it leads again")
	require.Empty(t, host.reported)
	require.NoError(t, second.Shutdown(ctx))
}

// TestKeySecretFile: the secret comes from a file as well as from the configuration.
func TestKeySecretFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	p := Postgres{KeySecretFile: file}
	_, err := p.secret()
	require.ErrorContains(t, err, "key_secret_file")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("0a", 32)+"\n"), 0o600))
	secret, err := p.secret()
	require.NoError(t, err)
	require.Len(t, secret, 32)
}
