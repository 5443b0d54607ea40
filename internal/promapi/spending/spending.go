// Package spending has what budgets had used at times in the past, from the sums and the records of the ledger. Budgets
// whose calls differ in the value of one dimension are asked for together; for others the records are read.
package spending

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Usage is what one budget had used since the first of some times, in tokens or nano-USD. The zero value is of a budget of
// which it is not known.
type Usage struct {
	at   []int64   // milliseconds, ascending
	sums []float64 // cumulative
}

// NewUsage returns the usage of amounts: those that came up to each of some times, since the one before. It keeps both.
func NewUsage(at []int64, amounts []float64) Usage {
	for k := 1; k < len(amounts); k++ {
		amounts[k] += amounts[k-1]
	}
	return Usage{at, amounts}
}

// Known reports whether the usage is known.
func (u *Usage) Known() bool { return u.sums != nil }

// Until returns the usage up to a time that was asked for, or, where samples there would take too many records, up to the
// beginning of its quarter of an hour.
func (u *Usage) Until(t int64) float64 {
	k, found := slices.BinarySearch(u.at, t)
	if !found {
		k--
	}
	if k < 0 {
		return 0
	}
	return u.sums[k]
}

// Amount returns the cost in nano-USD, or the tokens, of figures.
func Amount(f *cube.Figures, money bool) float64 {
	if money {
		return float64(f[cube.Cost])
	}
	return float64(f[cube.InputUncached] + f[cube.CacheRead] + f[cube.CacheWrite] + f[cube.OutputText] + f[cube.Reasoning])
}

// Budget says what counts for a budget.
type Budget struct {
	Calls store.Filter
	Money bool
}

// maxFromRecords bounds the budgets whose past is read from the records.
const maxFromRecords = 16

// Of returns what budgets used since the first of some times, in milliseconds, ascending. It is not known of budgets of
// values that the ledger keeps no sums of, and of those beyond 16 whose calls are not those of values of one dimension.
// room is the numbers that may still be kept in memory.
func Of(ctx context.Context, l cube.Ledger, budgets []Budget, times []int64, room *int) ([]Usage, error) {
	out := make([]Usage, len(budgets))
	together := map[ledger.GroupBy][]int{}
	fromRecords := 0
	for i := range budgets {
		by, _ := dimensionOf(&budgets[i].Calls)
		if by != ledger.ByNothing {
			together[by] = append(together[by], i)
			continue
		}
		if fromRecords++; fromRecords <= maxFromRecords {
			if err := read(ctx, l, budgets, []int{i}, by, times, room, out); err != nil {
				return nil, err
			}
		}
	}
	for by, which := range together {
		if err := read(ctx, l, budgets, which, by, times, room, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// dimensionOf returns the dimension whose values alone a budget's filter names, and these; otherwise ByNothing.
func dimensionOf(f *store.Filter) (ledger.GroupBy, *[]string) {
	for _, one := range []struct {
		by     ledger.GroupBy
		values *[]string
	}{
		{ledger.ByModel, &f.Models}, {ledger.ByProvider, &f.Providers}, {ledger.ByUser, &f.Users}, {ledger.ByProject, &f.Projects}, {ledger.ByKey, &f.Keys},
	} {
		if len(*one.values) > 0 {
			return one.by, one.values
		}
	}
	return ledger.ByNothing, nil
}

// read reads what budgets used whose calls differ in one dimension only, or what one budget used. It leaves out those of
// values that the ledger keeps no sums of.
func read(
	ctx context.Context, l cube.Ledger, budgets []Budget, which []int, by ledger.GroupBy, times []int64, room *int, to []Usage,
) error {
	f := budgets[which[0]].Calls
	of := map[string][]int{} // by value
	amounts := map[int][]float64{}
	for _, i := range which {
		if *room -= len(times); *room < 0 {
			return cube.ErrTooMany
		}
		amounts[i] = make([]float64, len(times))
		values := []string{""}
		if _, named := dimensionOf(&budgets[i].Calls); named != nil {
			values = *named
		}
		for _, v := range values {
			if has := of[v]; len(has) == 0 || has[len(has)-1] != i { // a member may be named twice
				of[v] = append(has, i)
			}
		}
	}
	if _, all := dimensionOf(&f); all != nil {
		*all = slices.Sorted(maps.Keys(of))
	}
	at, _, err := cube.Spending(ctx, l, f, by, times, func(value string, at int, figures *cube.Figures) {
		for _, i := range of[value] {
			amounts[i][at] += Amount(figures, budgets[i].Money)
		}
	})
	switch {
	case errors.Is(err, cube.ErrOverflow):
		return nil
	case err != nil:
		return err
	}
	for _, i := range which {
		to[i] = NewUsage(at, amounts[i])
	}
	return nil
}
