package ledger

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

// TestEveryOrderMoved is TestEveryOrder with a store that moves to the other engine at each restart: records that come
// after a move are correlated with those from before it, and every sum stays that of the reference accountant.
func TestEveryOrderMoved(t *testing.T) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given { // each check moves databases
		before := flag.Lookup("rapid.checks").Value.String()
		require.NoError(t, flag.Set("rapid.checks", "15"))
		defer func() { require.NoError(t, flag.Set("rapid.checks", before)) }()
	}
	server.Start(t)
	moves := 0
	on := func(_ require.TestingT, dir tempDir, texts int) func() fullEngine {
		ctx := context.Background()
		var o postgres.Options
		file := filepath.Join(dir.sub("moved"), "t.db")
		move := func(target transfer.Target) func(transfer.Source) error {
			return func(source transfer.Source) error {
				_, err := transfer.Move(ctx, source, target, func(transfer.Progress) {})
				moves++
				return err
			}
		}
		started := false
		return func() fullEngine {
			if started && o.DSN != "" { // back
				from, err := postgres.Open(ctx, o)
				require.NoError(t, err)
				err = sqlite.Import(ctx, file, nil, func(target transfer.Target) error { return from.Export(ctx, move(target)) })
				require.NoError(t, errors.Join(err, from.Close()))
				o.DSN = ""
			} else if started {
				o = postgres.Options{MaxTexts: texts}
				o.DSN, o.MaxConnections = server.Schema(t), 4
				from, err := sqlite.Open(ctx, sqlite.Options{Path: file, MaxTexts: texts})
				require.NoError(t, err)
				err = postgres.Import(ctx, o, func(target transfer.Target) error { return from.Export(ctx, move(target)) })
				require.NoError(t, errors.Join(err, from.Close(), os.Remove(file)))
			}
			started = true
			if o.DSN != "" {
				e, err := postgres.Open(ctx, o)
				require.NoError(t, err)
				return withoutBackup{e}
			}
			e, err := sqlite.Open(ctx, sqlite.Options{Path: file, MaxTexts: texts})
			require.NoError(t, err)
			return e
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		history := rapid.SampledFrom([]func(*rapid.T) []testRecord{traceHistory, noiseHistory}).Draw(t, "history")
		requireReference(t, on, history(t), rapid.Uint64().Draw(t, "seed"))
	})
	require.Positive(t, moves)
}
