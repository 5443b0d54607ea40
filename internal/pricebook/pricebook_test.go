package pricebook_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// TestStoredPricesAreFollowed: a keeper takes prices that another process has stored while it runs, keeps those that it has
// where they cannot be read, and what is stored holds again after a restart.
func TestStoredPricesAreFollowed(t *testing.T) {
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	l, err := ledger.Open(ctx, engine, ledger.Options{Prices: pricing.Empty()})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	d := engine.Directory()
	one := 1.
	configured := []pricing.Override{{Model: "m", Rates: pricing.Amounts{Input: &one}}}
	keeper := pricebook.New(pricebook.Options{Directory: d, Ledger: l, Published: pricing.Empty(), Configured: configured})
	cost := func() usage.NanoUSD {
		c, ok := l.Prices().Price(&usage.Call{Model: "m", Start: time.Now(), Tokens: usage.Tokens{InputUncached: 1_000_000, Fields: usage.HasInput}})
		if !ok {
			return -1
		}
		return c
	}
	require.NoError(t, keeper.Refresh(ctx))
	require.EqualValues(t, 1_000_000_000, cost())
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { keeper.Run(running); close(done) }()
	put := func(body string) {
		_, err := d.ChangeDocuments(ctx, store.DocumentPrice, store.DocumentChange{Put: []store.Document{{ID: "p", Version: store.AnyVersion, Body: []byte(body)}}})
		require.NoError(t, err)
	}
	put(`{"model":"m","input":3}`)
	require.Eventually(t, func() bool { return cost() == 3_000_000_000 }, time.Minute, 5*time.Millisecond)
	stop()
	<-done
	put(`{"model":"m","input":"three"}`)
	require.ErrorIs(t, keeper.Refresh(ctx), store.ErrCorrupt)
	require.EqualValues(t, 3_000_000_000, cost(), "the ones of before")
	put(`{"model":"m","input":4}`)
	require.NoError(t, keeper.Refresh(ctx))
	require.EqualValues(t, 4_000_000_000, cost())
	_, err = d.ChangeDocuments(ctx, store.DocumentPrice, store.DocumentChange{Remove: []store.Document{{ID: "p", Version: store.AnyVersion}}})
	require.NoError(t, err)
	require.NoError(t, keeper.Refresh(ctx))
	require.EqualValues(t, 1_000_000_000, cost(), "that of the configuration")
}
