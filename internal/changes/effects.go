package changes

import (
	"math"
	"math/big"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// explain computes the effects of one group from its models.
func (t *table) explain(group string, pairs []*pair) Row {
	row := Row{Group: group}
	limit := t.limit()
	var before Sums   // of the cells that are counted by tokens
	var tokens int64  // of the same, after
	var changed steps // sums over the same
	for _, p := range pairs {
		row.Before.add(&p.before)
		row.After.add(&p.after)
		if p.byCalls() {
			row.Effects = row.plus(p.callEffects(limit))
			continue
		}
		before.add(&p.before)
		tokens = usage.AddSat(tokens, p.after.Tokens.Total())
		changed = changed.plus(t.steps(p, limit))
	}
	volume := changed.mix // of a group that appears
	if old := before.Tokens.Total(); old > 0 {
		volume = share(before.Cost, big.NewInt(tokens), big.NewInt(old), limit)
	}
	row.Effects = row.plus(Effects{
		Volume: volume - before.Cost, Mix: changed.mix - volume, Cache: changed.cache - changed.mix, Price: changed.price - changed.cache,
	})
	return row
}

// limit bounds what a step can come to, so that no sum of effects overflows: a token before and a million million after can
// make A1 larger than any cost. The difference is the exact one all the same.
func (t *table) limit() usage.NanoUSD {
	return usage.NanoUSD(math.MaxInt64 / 4 / int64(len(t.pairs)+1))
}

// steps are the costs of cells after each step but the first: the sums of A2, of A3 and of C1.
type steps struct{ mix, cache, price usage.NanoUSD }

func (s steps) plus(o steps) steps {
	return steps{s.mix + o.mix, s.cache + o.cache, s.price + o.price}
}

// steps computes the steps of one cell.
func (t *table) steps(p *pair, limit usage.NanoUSD) steps {
	s := steps{price: p.after.Cost}
	total := p.after.Tokens.Total()
	if total == 0 {
		return s
	}
	old := &p.before
	if old.Tokens.Total() == 0 {
		old = &t.models[p.model].before
	}
	if old.Tokens.Total() == 0 { // the model appears
		s.mix, s.cache = p.after.Cost, p.after.Cost
		return s
	}
	model := t.models[p.model]
	weightsBefore, weightsAfter := model.weights(&old.Tokens), model.weights(&p.after.Tokens)
	if weightsBefore.all().Sign() == 0 {
		s.mix = share(old.Cost, big.NewInt(total), big.NewInt(old.Tokens.Total()), limit)
		s.cache = s.mix
		return s
	}
	s.cache = share(old.Cost, weightsAfter.all(), weightsBefore.all(), limit)
	s.mix = s.cache
	// A2 has the input of after, with the shares of before. The weight of the tokens is then, times the old input:
	if input := old.Tokens.Input(); input > 0 {
		was := big.NewInt(input)
		mixed := new(big.Int).Mul(weightsBefore.input, big.NewInt(p.after.Tokens.Input()))
		mixed.Add(mixed, new(big.Int).Mul(weightsAfter.output, was))
		s.mix = share(old.Cost, mixed, was.Mul(was, weightsBefore.all()), limit)
	}
	return s
}

// weights are tokens weighed with list prices.
type weights struct{ input, output *big.Int }

func (w weights) all() *big.Int { return new(big.Int).Add(w.input, w.output) }

// weights weighs tokens; without list prices, or with senseless ones, everything weighs nothing.
func (p *pair) weights(t *usage.Tokens) weights {
	w := weights{new(big.Int), new(big.Int)}
	r := &p.rates
	if !p.rated || min(r.Input, r.CacheRead, r.CacheWrite, r.Output, r.Reasoning) < 0 {
		return w
	}
	add := func(to *big.Int, tokens, rate int64) {
		to.Add(to, new(big.Int).Mul(big.NewInt(tokens), big.NewInt(rate)))
	}
	add(w.input, t.InputUncached, r.Input)
	add(w.input, t.CacheRead, r.CacheRead)
	add(w.input, t.CacheWrite, r.CacheWrite)
	add(w.output, t.OutputText, r.Output)
	add(w.output, t.Reasoning, r.Reasoning)
	return w
}

// byCalls says whether a cell has cost without tokens in one of the ranges, so that it is counted by calls.
func (p *pair) byCalls() bool {
	return (p.before.Cost > 0 && p.before.Tokens.Total() == 0) || (p.after.Cost > 0 && p.after.Tokens.Total() == 0)
}

func (p *pair) callEffects(limit usage.NanoUSD) Effects {
	volume := p.after.Cost
	if p.before.Calls > 0 {
		volume = share(p.before.Cost, big.NewInt(p.after.Calls), big.NewInt(p.before.Calls), limit)
	}
	return Effects{Volume: volume - p.before.Cost, Price: p.after.Cost - volume}
}

// share returns cost · part / whole, rounded half up, at most limit.
func share(cost usage.NanoUSD, part, whole *big.Int, limit usage.NanoUSD) usage.NanoUSD {
	n := new(big.Int).Mul(big.NewInt(int64(cost)), part)
	n.Lsh(n, 1).Add(n, whole)
	n.Quo(n, new(big.Int).Lsh(whole, 1))
	if most := big.NewInt(int64(limit)); n.Cmp(most) > 0 {
		return limit
	}
	return usage.NanoUSD(n.Int64())
}
