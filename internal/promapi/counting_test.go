package promapi

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	"github.com/tokenboard/tokenboard/internal/store"
)

// countingLedger counts the records that are read.
type countingLedger struct {
	cube.Ledger
	records int
}

func (l *countingLedger) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return l.Ledger.Figures(ctx, f, func(r *store.Record) error {
		l.records++
		return visit(r)
	})
}

// drawSeed returns a seed that is another in each run; PROMQL_SEED repeats one.
func drawSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PROMQL_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("PROMQL_SEED=%d", seed)
	return seed
}
