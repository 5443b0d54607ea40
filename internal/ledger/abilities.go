package ledger

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// leaseTime is how long the ledger's lease lasts by itself. An engine of one process has leases without an end.
const leaseTime = 15 * time.Second

// abilities returns the optional abilities of an engine, and substitutes for those that it lacks.
func abilities(engine store.Engine) (store.Sums, store.Maintenance) {
	sums, can := engine.(store.Sums)
	if !can {
		sums = noSums{}
	}
	maintenance, can := engine.(store.Maintenance)
	if !can {
		maintenance = noMaintenance{}
	}
	return sums, maintenance
}

// noSums is the substitute for an engine that keeps no sums.
type noSums struct{}

func (noSums) SaveSums(context.Context, store.SumsWrite) error                  { return nil }
func (noSums) SumPages(context.Context, uint8, func(store.SumPage) error) error { return nil }
func (noSums) SumPage(context.Context, store.SumKey) ([]byte, error)            { return nil, nil }
func (noSums) Series(context.Context) (data []byte, through int64, err error)   { return nil, 0, nil }
func (noSums) Hours(context.Context) ([]store.Hour, error)                      { return nil, nil }

// noMaintenance is the substitute for an engine that defers no work.
type noMaintenance struct{}

func (noMaintenance) Compact(context.Context) error { return nil }
func (noMaintenance) Vacuum(context.Context) error  { return nil }

// Leases returns the leases of the ledger's store, for other tasks than the ledger's own.
func (l *Ledger) Leases() store.Leases { return l.engine }

// Holder is the name of this process among those that share the store.
func (l *Ledger) Holder() string { return l.o.Holder }
