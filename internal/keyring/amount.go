package keyring

import (
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// amountOf returns the spending of a call, computed as in the ledger's sums.
func amountOf(d *ledger.Change) amount {
	a := amount{tokens: d.Call.Tokens.Total()}
	if d.Call.Quality&usage.Unpriced == 0 {
		a.cost = int64(d.Call.Cost)
	}
	return a
}
