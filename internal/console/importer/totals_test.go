package importer_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/importer"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestImportTotalsSaturate: the totals of an import stay at the largest number where they would wrap round.
func TestImportTotalsSaturate(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	c := usage.Call{Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Hour), Model: "m", Tokens: usage.Tokens{InputUncached: 5, OutputText: 5}}
	c.ID[0] = 1
	out, err := importer.CommitOnto(context.Background(), b.Ledger, importer.Import{InputTokens: math.MaxInt64 - 1, OutputTokens: math.MaxInt64 - 1}, c)
	require.NoError(t, err)
	require.EqualValues(t, math.MaxInt64, out.InputTokens)
	require.EqualValues(t, math.MaxInt64, out.OutputTokens)
}
