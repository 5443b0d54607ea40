package ledger

import (
	"context"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// MaxRelated bounds what Related returns.
const MaxRelated = 100

// Related returns the records that a record supersedes, and the one that supersedes it, if a single
// one does. It looks as far around the record as records of one call may lie apart; a trace can be
// longer, and then related records at its other end are not found.
func (l *Ledger) Related(ctx context.Context, r *store.Record) (supersedes []store.Record, by *store.Record, err error) {
	if !r.Counted && r.SupersededBy == (usage.ID{}) {
		return nil, nil, nil
	}
	f := l.sums.Kept(store.Filter{From: r.Start.Add(-l.o.Window), To: r.Start.Add(l.o.Window)})
	found, err := l.engine.Lookup(ctx, store.Lookup{
		From: f.From, To: f.To, SupersededBy: []usage.ID{r.ID}, IDs: []usage.ID{r.SupersededBy}, Max: MaxRelated + 1,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look for related records: %w", err)
	}
	for i := range found {
		switch {
		case found[i].ID == r.ID:
		case found[i].ID == r.SupersededBy:
			by = &found[i]
		case len(supersedes) < MaxRelated:
			supersedes = append(supersedes, found[i])
		}
	}
	return supersedes, by, nil
}
