package cube

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Spending visits the figures of the calls that a filter lets through, by the values of one dimension: those of the calls
// from the sample before at up to the sample at. Calls before the first time are not visited. It returns the times of
// the samples as Cube.Sum does. It is ErrOverflow where the ledger keeps no sums of one of the values.
func Spending(
	ctx context.Context, l Ledger, f store.Filter, by ledger.GroupBy, times []int64, visit func(value string, at int, f *Figures),
) (at []int64, movedAny bool, err error) {
	cut := cutSlots(times)
	read, err := readable(ctx, l, f, cut[:min(len(cut), maxDimensionCuts)])
	if err != nil {
		return nil, false, err
	}
	at, movedAny = moved(times, read)
	for first := 0; first < len(at)-1; first += edgesAtOnce {
		q := ledger.Query{Filter: f, By: by, CountsOnly: true}
		for _, t := range at[first:min(first+edgesAtOnce+1, len(at))] {
			q.Edges = append(q.Edges, time.UnixMilli(t))
		}
		a, err := l.Query(ctx, q)
		if err != nil {
			return nil, false, fmt.Errorf("read the sums: %w", err)
		}
		for i := range a.Groups {
			g := &a.Groups[i]
			if by != ledger.ByNothing && g.Value == rollup.Overflow.Value {
				return nil, false, ErrOverflow
			}
			for k := range g.Points {
				if figures := FiguresOf(&g.Points[k]); figures != (Figures{}) {
					visit(g.Value, first+1+k, &figures)
				}
			}
		}
	}
	return at, movedAny, nil
}
