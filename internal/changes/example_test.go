package changes_test

import (
	"fmt"

	"github.com/tokenboard/tokenboard/internal/changes"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The example of docs/changes.md.
func ExampleExplain() {
	const dollar, million = usage.NanoUSD(1e9), int64(1e6)
	cell := func(user, model string, input, cached, output int64, cost usage.NanoUSD) changes.Cell {
		return changes.Cell{Group: user, Model: model, Sums: changes.Sums{
			Calls: 100, Cost: cost, Tokens: usage.Tokens{InputUncached: input * million, CacheRead: cached * million, OutputText: output * million},
		}}
	}
	october := []changes.Cell{
		cell("alice", "large", 10, 0, 2, 60*dollar),
		cell("bob", "small", 20, 0, 4, 40*dollar),
	}
	november := []changes.Cell{
		cell("alice", "large", 8, 12, 4, 876*dollar/10), // twice as much, more than half of the input from the cache
		cell("bob", "small", 10, 0, 2, 16*dollar),       // half as much of it, and a fifth cheaper
		cell("bob", "large", 10, 0, 2, 60*dollar),       // the other half with the large model
	}
	rates := func(model string) (changes.Rates, bool) {
		if model == "large" { // USD per million tokens
			return changes.Rates{Input: 30, CacheRead: 3, CacheWrite: 37, Output: 150, Reasoning: 150}, true
		}
		return changes.Rates{Input: 10, CacheRead: 1, CacheWrite: 12, Output: 50, Reasoning: 50}, true
	}
	e, err := changes.Explain(october, november, rates, 10)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range append(e.Rows, e.All) {
		fmt.Printf("%-5s %s to %s: volume %s, mix %s, cache %s, price %s, together %s\n", r.Group, r.Before.Cost, r.After.Cost, r.Volume, r.Mix, r.Cache, r.Price, r.Total())
	}
	// Output:
	// bob   40 to 76: volume 0, mix 40, cache 0, price -4, together 36
	// alice 60 to 87.6: volume 60, mix 0, cache -32.4, price 0, together 27.6
	//       100 to 163.6: volume 33.333333333, mix 66.666666667, cache -32.4, price -4, together 63.6
}
