package changes

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/usage"
)

var models = rapid.SampledFrom([]string{"large", "small", "even", "own", "other"})

// anySums draws sums of any size, with and without tokens, calls, prices.
func anySums(t *rapid.T) Sums {
	size := rapid.SampledFrom([]int64{0, 1, 10, 100_000, 1 << 40, 1 << 60, math.MaxInt64})
	draw := func(what string) int64 { return rapid.Int64Range(0, size.Draw(t, "most "+what)).Draw(t, what) }
	return Sums{
		Calls: draw("calls"), Unpriced: draw("unpriced"),
		Tokens: usage.Tokens{
			InputUncached: draw("input"), CacheRead: draw("read"), CacheWrite: draw("write"), OutputText: draw("output"), Reasoning: draw("reasoning"),
		},
		Cost: usage.NanoUSD(draw("cost")),
	}
}

func anyCells(t *rapid.T, what string) []Cell {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Cell {
		return Cell{Group: rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "group"), Model: models.Draw(t, "model"), Sums: anySums(t)}
	}), 0, 20).Draw(t, what)
}

func costOf(cells []Cell) *big.Int {
	sum := new(big.Int)
	for i := range cells {
		sum.Add(sum, big.NewInt(int64(cells[i].Cost)))
	}
	return sum
}

// saturated returns a cost as it is shown.
func saturated(cost *big.Int) usage.NanoUSD {
	if !cost.IsInt64() {
		return math.MaxInt64
	}
	return usage.NanoUSD(cost.Int64())
}

// total adds effects up as a reader does, who has no 64 bits.
func total(e Effects) *big.Int {
	sum := new(big.Int)
	for _, part := range []usage.NanoUSD{e.Volume, e.Mix, e.Cache, e.Price} {
		sum.Add(sum, big.NewInt(int64(part)))
	}
	return sum
}

// TestExact: whatever the ranges are, also where sums are more than 64 bits hold, the effects of each row are the
// difference of its costs, to the nano-dollar. The differences of the rows are the whole difference, unless one is marked as saturated; what is marked
// has a figure at its end. The order of cells does not matter, nor whether a cell comes in parts.
func TestExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after, top := anyCells(t, "before"), anyCells(t, "after"), rapid.IntRange(0, 6).Draw(t, "top")
		e, err := Explain(before, after, ratesOf, top)
		require.NoError(t, err)
		costBefore, costAfter := costOf(before), costOf(after)
		require.Equal(t, saturated(costBefore), e.All.Before.Cost)
		require.Equal(t, saturated(costAfter), e.All.After.Cost)
		if !costBefore.IsInt64() || !costAfter.IsInt64() {
			require.True(t, e.All.Saturated)
		}
		marked := e.All.Saturated || e.Rest.Saturated
		rows := total(e.Rest.Effects)
		for i, r := range append([]Row{e.All, e.Rest}, e.Rows...) {
			require.Equal(t, new(big.Int).Sub(big.NewInt(int64(r.After.Cost)), big.NewInt(int64(r.Before.Cost))).String(), total(r.Effects).String(), "row %q", r.Group)
			require.Equal(t, total(r.Effects).Int64(), int64(r.Total()), "row %q", r.Group)
			if i > 1 {
				rows.Add(rows, total(r.Effects))
				marked = marked || r.Saturated
			}
		}
		if !marked {
			require.Equal(t, new(big.Int).Sub(costAfter, costBefore).String(), rows.String(), "all rows")
			require.Equal(t, rows.String(), total(e.All.Effects).String())
		}

		seed := rapid.Uint64().Draw(t, "order")
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(before), func(i, j int) { before[i], before[j] = before[j], before[i] })
		rng.Shuffle(len(after), func(i, j int) { after[i], after[j] = after[j], after[i] })
		if len(before) > 0 { // in two parts
			part := before[0]
			part.Sums = Sums{Calls: part.Calls / 3, Cost: part.Cost / 2}
			before[0].Calls -= part.Calls
			before[0].Cost -= part.Cost
			before = append(before, part)
		}
		again, err := Explain(before, after, ratesOf, top)
		require.NoError(t, err)
		require.Equal(t, e, again, "another order")
	})
}

// plainCells draws cells with tokens and costs of usual size, one for each group and model.
func plainCells(t *rapid.T) []Cell {
	n := func(what string) int64 { return rapid.Int64Range(1, 1_000_000).Draw(t, what) }
	var cells []Cell
	for _, group := range []string{"a", "b", "c"} {
		for _, model := range []string{"large", "small", "own"} {
			if rapid.Bool().Draw(t, "is there") {
				cells = append(cells, Cell{Group: group, Model: model, Sums: Sums{
					Calls: n("calls"), Cost: usage.NanoUSD(n("cost")),
					Tokens: usage.Tokens{InputUncached: n("input"), CacheRead: n("read"), OutputText: n("output"), Reasoning: n("reasoning")},
				}})
			}
		}
	}
	return cells
}

func eachRow(e *Explanation, check func(Row)) {
	check(e.All)
	for _, r := range e.Rows {
		check(r)
	}
}

// TestPureVolume: what only multiplies has volume and nothing else.
func TestPureVolume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, times := plainCells(t), rapid.Int64Range(0, 50).Draw(t, "times")
		after := make([]Cell, len(before))
		for i, c := range before {
			x := c.Tokens
			after[i] = Cell{Group: c.Group, Model: c.Model, Sums: Sums{Calls: c.Calls * times, Cost: c.Cost * usage.NanoUSD(times), Tokens: usage.Tokens{
				InputUncached: x.InputUncached * times, CacheRead: x.CacheRead * times, OutputText: x.OutputText * times, Reasoning: x.Reasoning * times,
			}}}
		}
		e, err := Explain(before, after, ratesOf, 10)
		require.NoError(t, err)
		eachRow(&e, func(r Row) {
			require.Equal(t, Effects{Volume: r.After.Cost - r.Before.Cost}, r.Effects)
		})
	})
}

// TestPurePrice: the same tokens at other costs have price and nothing else.
func TestPurePrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := plainCells(t)
		after := make([]Cell, len(before))
		for i, c := range before {
			after[i] = c
			after[i].Cost = usage.NanoUSD(rapid.Int64Range(0, 1_000_000).Draw(t, "new cost"))
		}
		e, err := Explain(before, after, ratesOf, 10)
		require.NoError(t, err)
		eachRow(&e, func(r Row) {
			require.Equal(t, Effects{Price: r.After.Cost - r.Before.Cost}, r.Effects)
		})
	})
}

// TestPureCache: the same input, of which another part comes from the cache, at the list price times a discount.
func TestPureCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		discount := rapid.Int64Range(1, 20).Draw(t, "discount")
		var before, after []Cell
		for _, group := range []string{"a", "b"} {
			input, output := rapid.Int64Range(1, 1_000_000).Draw(t, "input"), rapid.Int64Range(0, 1_000_000).Draw(t, "output")
			make := func() Cell {
				read := rapid.Int64Range(0, input).Draw(t, "read")
				c := cell(group, "large", priced("large", tokens(input-read, read, output)))
				c.Cost *= usage.NanoUSD(discount)
				return c
			}
			before, after = append(before, make()), append(after, make())
		}
		e, err := Explain(before, after, ratesOf, 10)
		require.NoError(t, err)
		for _, r := range e.Rows {
			require.Equal(t, Effects{Cache: r.After.Cost - r.Before.Cost}, r.Effects)
		}
	})
}

// TestPureMix: the same number of tokens, shifted between models whose prices stay, has mix and nothing else.
func TestPureMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.Int64Range(2, 1_000_000).Draw(t, "tokens")
		split := func() []Cell {
			large := rapid.Int64Range(1, all-1).Draw(t, "of the large one")
			return []Cell{
				cell("a", "large", priced("large", tokens(large, 0, large))),
				cell("a", "small", priced("small", tokens(all-large, 0, all-large))),
			}
		}
		e, err := Explain(split(), split(), ratesOf, 10)
		require.NoError(t, err)
		eachRow(&e, func(r Row) {
			require.Equal(t, Effects{Mix: r.After.Cost - r.Before.Cost}, r.Effects)
		})
	})
}
