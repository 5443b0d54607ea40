package changes

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// ratesOf are the list prices of the tests: what a token costs in nano-dollars.
func ratesOf(model string) (Rates, bool) {
	switch model {
	case "large":
		return Rates{Input: 3000, CacheRead: 300, CacheWrite: 3750, Output: 15000, Reasoning: 15000}, true
	case "small":
		return Rates{Input: 1000, CacheRead: 100, CacheWrite: 1250, Output: 5000, Reasoning: 5000}, true
	case "even":
		return Rates{Input: 1000, CacheRead: 1000, CacheWrite: 1000, Output: 1000, Reasoning: 1000}, true
	}
	return Rates{}, false
}

// priced makes sums that cost what the list prices say.
func priced(model string, t usage.Tokens) Sums {
	r, _ := ratesOf(model)
	cost := t.InputUncached*r.Input + t.CacheRead*r.CacheRead + t.CacheWrite*r.CacheWrite + t.OutputText*r.Output + t.Reasoning*r.Reasoning
	return Sums{Calls: 1, Tokens: t, Cost: usage.NanoUSD(cost)}
}

func cell(group, model string, s Sums) Cell { return Cell{Group: group, Model: model, Sums: s} }

func tokens(input, read, output int64) usage.Tokens {
	return usage.Tokens{InputUncached: input, CacheRead: read, OutputText: output}
}

// TestEffects: each kind of change is found under its name.
func TestEffects(t *testing.T) {
	usual := priced("large", tokens(1000, 0, 100)) // 3,000,000 + 1,500,000
	for _, c := range []struct {
		name          string
		before, after []Cell
		want          Effects // of the group a
	}{
		{"nothing", []Cell{cell("a", "large", usual)}, []Cell{cell("a", "large", usual)}, Effects{}},
		{
			"twice as much", []Cell{cell("a", "large", usual)}, []Cell{cell("a", "large", usual), cell("a", "large", usual)},
			Effects{Volume: 4_500_000},
		},
		{
			"a third as much", []Cell{cell("a", "large", priced("large", tokens(3000, 0, 300)))}, []Cell{cell("a", "large", usual)},
			Effects{Volume: -9_000_000},
		},
		{
			"the same tokens of a cheaper model", []Cell{cell("a", "large", usual), cell("b", "small", priced("small", tokens(500, 0, 50)))},
			[]Cell{cell("a", "small", priced("small", tokens(1000, 0, 100)))},
			Effects{Mix: -3_000_000},
		},
		{
			"the same tokens of a model that has become cheaper", []Cell{cell("a", "large", usual), cell("b", "small", usual)},
			[]Cell{cell("a", "small", priced("small", tokens(1000, 0, 100)))},
			Effects{Price: -3_000_000},
		},
		{
			"a cheaper model that nobody used before", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "small", priced("small", tokens(1000, 0, 100)))},
			Effects{Mix: -3_000_000},
		},
		{
			"more output for the same tokens", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "large", priced("large", tokens(900, 0, 200)))},
			Effects{Mix: 1_200_000},
		},
		{
			"input from the cache", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "large", priced("large", tokens(200, 800, 100)))},
			Effects{Cache: -2_160_000},
		},
		{
			"another price", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "large", Sums{Calls: 1, Tokens: usual.Tokens, Cost: 4_000_001})},
			Effects{Price: -499_999},
		},
		{
			"twice as much at twice the price", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "large", Sums{Calls: 2, Tokens: tokens(2000, 0, 200), Cost: 18_000_000})},
			Effects{Volume: 4_500_000, Price: 9_000_000},
		},
		{"appears", nil, []Cell{cell("a", "large", usual)}, Effects{Volume: 4_500_000}},
		{
			"appears at a discount", []Cell{cell("b", "large", usual)},
			[]Cell{cell("b", "large", usual), cell("a", "large", Sums{Calls: 1, Tokens: usual.Tokens, Cost: 4_000_000})},
			Effects{Volume: 4_500_000, Price: -500_000},
		},
		{"disappears", []Cell{cell("a", "large", usual)}, nil, Effects{Volume: -4_500_000}},
		{
			"gets a price", []Cell{cell("a", "large", Sums{Calls: 1, Unpriced: 1, Tokens: usual.Tokens})},
			[]Cell{cell("a", "large", Sums{Calls: 2, Tokens: tokens(2000, 0, 200), Cost: 9_000_000})},
			Effects{Price: 9_000_000},
		},
		{
			"loses its price", []Cell{cell("a", "large", usual)},
			[]Cell{cell("a", "large", Sums{Calls: 1, Unpriced: 1, Tokens: usual.Tokens})},
			Effects{Price: -4_500_000},
		},
		{
			"priced per request", []Cell{cell("a", "pictures", Sums{Calls: 10, Cost: 400})},
			[]Cell{cell("a", "pictures", Sums{Calls: 15, Cost: 900})},
			Effects{Volume: 200, Price: 300},
		},
		{
			"no list prices: the cache is in price", []Cell{cell("a", "own", Sums{Calls: 1, Tokens: tokens(1000, 0, 0), Cost: 1000})},
			[]Cell{cell("a", "own", Sums{Calls: 1, Tokens: tokens(1000, 1000, 0), Cost: 1100})},
			Effects{Volume: 1000, Price: -900},
		},
		{
			"a discount on everything leaves the cache effect", []Cell{cell("a", "large", Sums{Calls: 1, Tokens: tokens(1000, 0, 0), Cost: 1_500_000})},
			[]Cell{cell("a", "large", Sums{Calls: 1, Tokens: tokens(0, 1000, 0), Cost: 150_000})},
			Effects{Cache: -1_350_000},
		},
		{
			"failed calls have neither tokens nor cost", []Cell{cell("a", "large", Sums{Calls: 3})}, []Cell{cell("a", "large", Sums{Calls: 1})},
			Effects{},
		},
		{
			"a token before, and more than fit after", []Cell{cell("a", "even", Sums{Calls: 1, Tokens: tokens(1, 0, 0), Cost: 1e18})},
			[]Cell{cell("a", "even", Sums{Calls: 1, Tokens: tokens(math.MaxInt64, 0, 0), Cost: 1})},
			Effects{Volume: math.MaxInt64 - 1e18, Price: 1 - math.MaxInt64},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := Explain(c.before, c.after, ratesOf, 10)
			require.NoError(t, err)
			for _, r := range e.Rows {
				require.Equal(t, r.After.Cost-r.Before.Cost, r.Total(), r.Group)
				if r.Group == "a" {
					require.Equal(t, c.want, r.Effects)
				}
			}
			require.Equal(t, e.All.After.Cost-e.All.Before.Cost, e.All.Total())
		})
	}
}

// TestWhole: what is volume in two groups is mix in the whole.
func TestWhole(t *testing.T) {
	large, small := priced("large", tokens(1000, 0, 0)), priced("small", tokens(1000, 0, 0))
	e, err := Explain([]Cell{cell("large", "large", large)}, []Cell{cell("small", "small", small)}, ratesOf, 10)
	require.NoError(t, err)
	require.Equal(t, Effects{Mix: -2_000_000}, e.All.Effects)
	require.Equal(t, []string{"large", "small"}, []string{e.Rows[0].Group, e.Rows[1].Group})
	require.Equal(t, Effects{Volume: -3_000_000}, e.Rows[0].Effects)
	require.Equal(t, Effects{Volume: 1_000_000}, e.Rows[1].Effects)
	require.True(t, e.Rows[0].Disappeared())
	require.True(t, e.Rows[1].Appeared())
}

// TestTop: the largest differences come first, in either direction; those that are equal by name; the others are Rest.
func TestTop(t *testing.T) {
	var before, after []Cell
	for i, change := range []int64{5, -9, 1, 9, -2} {
		group := fmt.Sprint("group ", i)
		before = append(before, cell(group, "even", Sums{Calls: 1, Tokens: tokens(100, 0, 0), Cost: 100}))
		after = append(after, cell(group, "even", Sums{Calls: 1, Tokens: tokens(100+change, 0, 0), Cost: usage.NanoUSD(100 + change)}))
	}
	for top, want := range map[int][]string{
		-1: {}, 0: {}, 3: {"group 1", "group 3", "group 0"}, 5: {"group 1", "group 3", "group 0", "group 4", "group 2"},
		9: {"group 1", "group 3", "group 0", "group 4", "group 2"},
	} {
		e, err := Explain(before, after, ratesOf, top)
		require.NoError(t, err)
		groups := []string{}
		for _, r := range e.Rows {
			groups = append(groups, r.Group)
		}
		require.Equal(t, want, groups, top)
		require.Equal(t, 5-len(want), e.Others, top)
	}
	e, err := Explain(before, after, ratesOf, 3)
	require.NoError(t, err)
	require.Equal(t, Row{
		Before: Sums{Calls: 2, Tokens: tokens(200, 0, 0), Cost: 200}, After: Sums{Calls: 2, Tokens: tokens(199, 0, 0), Cost: 199},
		Effects: Effects{Volume: -1}, steps: steps{199, 199, 199},
	}, e.Rest)
}

// TestRefused: what has no meaning is refused, and not summed.
func TestRefused(t *testing.T) {
	for name, cells := range map[string][]Cell{
		"negative cost":   {cell("a", "m", Sums{Cost: -1})},
		"negative tokens": {cell("a", "m", Sums{Tokens: usage.Tokens{Reasoning: -1}})},
	} {
		_, err := Explain(cells, nil, ratesOf, 1)
		require.ErrorIs(t, err, ErrRange, name)
		_, err = Explain(nil, cells, ratesOf, 1)
		require.ErrorIs(t, err, ErrRange, name)
	}
	e, err := Explain(nil, nil, ratesOf, 1)
	require.NoError(t, err)
	require.Equal(t, Explanation{}, e)
}
