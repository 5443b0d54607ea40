package keyring

import (
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// amountOf is what a call spends, as the ledger's sums have it.
func amountOf(d *ledger.Change) amount {
	a := amount{tokens: d.Call.Tokens.Total()}
	if d.Call.Quality&usage.Unpriced == 0 {
		a.cost = int64(d.Call.Cost)
	}
	return a
}
