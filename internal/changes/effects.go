package changes

import (
	"math"
	"math/big"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// most is the largest amount. Sums and steps that are more are this much.
const most = usage.NanoUSD(math.MaxInt64)

// explain computes the effects of one group from its models.
func (t *table) explain(group string, pairs []*pair) Row {
	row := Row{Group: group}
	var before Sums   // of the cells that are counted by tokens
	var tokens int64  // of the same, after
	var changed steps // sums over the same
	for _, p := range pairs {
		row.Before.add(&p.before)
		row.After.add(&p.after)
		if p.byCalls() {
			row.steps = row.steps.plus(p.callSteps())
			continue
		}
		before.add(&p.before)
		tokens = usage.AddSat(tokens, p.after.Tokens.Total())
		changed = changed.plus(t.steps(p))
	}
	changed.volume = changed.mix // of a group that appears
	if old := before.Tokens.Total(); old > 0 {
		changed.volume = share(before.Cost, big.NewInt(tokens), big.NewInt(old))
	}
	row.steps = row.steps.plus(changed)
	row.finish()
	return row
}

// finish makes the effects of the steps and the costs. All are between 0 and most, so that no difference overflows.
func (r *Row) finish() {
	s := &r.steps
	r.Effects = Effects{Volume: s.volume - r.Before.Cost, Mix: s.mix - s.volume, Cache: s.cache - s.mix, Price: r.After.Cost - s.cache}
	r.Saturated = r.Saturated || r.Before.saturated() || r.After.saturated() || max(s.volume, s.mix, s.cache) == most
}

// saturated reports whether a sum is more than 64 bits hold.
func (s *Sums) saturated() bool {
	t := &s.Tokens
	return s.Cost == most || max(s.Calls, s.Unpriced, t.Total(), t.Input(), t.Output()) == math.MaxInt64
}

// steps are the costs after each step but the last one: A1, A2 and A3. Sums saturate.
type steps struct{ volume, mix, cache usage.NanoUSD }

func (s steps) plus(o steps) steps {
	return steps{s.volume.Add(o.volume), s.mix.Add(o.mix), s.cache.Add(o.cache)}
}

// steps computes the steps of one cell but volume, which is the group's.
func (t *table) steps(p *pair) (s steps) {
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
		s.mix = share(old.Cost, big.NewInt(total), big.NewInt(old.Tokens.Total()))
		s.cache = s.mix
		return s
	}
	s.cache = share(old.Cost, weightsAfter.all(), weightsBefore.all())
	s.mix = s.cache
	// A2 has the input of after, with the shares of before. The weight of the tokens is then, times the old input:
	if input := old.Tokens.Input(); input > 0 {
		was := big.NewInt(input)
		mixed := new(big.Int).Mul(weightsBefore.input, big.NewInt(p.after.Tokens.Input()))
		mixed.Add(mixed, new(big.Int).Mul(weightsAfter.output, was))
		s.mix = share(old.Cost, mixed, was.Mul(was, weightsBefore.all()))
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

// callSteps are the steps of a cell that is counted by calls, which has volume and price only.
func (p *pair) callSteps() steps {
	volume := p.after.Cost
	if p.before.Calls > 0 {
		volume = share(p.before.Cost, big.NewInt(p.after.Calls), big.NewInt(p.before.Calls))
	}
	return steps{volume, volume, volume}
}

// share returns cost · part / whole, rounded half up, saturated.
func share(cost usage.NanoUSD, part, whole *big.Int) usage.NanoUSD {
	n := new(big.Int).Mul(big.NewInt(int64(cost)), part)
	n.Lsh(n, 1).Add(n, whole)
	n.Quo(n, new(big.Int).Lsh(whole, 1))
	if !n.IsInt64() {
		return most
	}
	return usage.NanoUSD(n.Int64())
}
