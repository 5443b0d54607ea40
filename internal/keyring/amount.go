package keyring

import (
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
)

// amount is tokens and their cost in nano-USD.
type amount = reservation.Amount

// amountOf returns the spending of a call, computed as in the ledger's sums.
func amountOf(d *ledger.Change) amount { return reservation.AmountOf(d.Call) }
