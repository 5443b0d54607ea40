package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Rate is a price in 10^-12 USD per million tokens, which is 10^-18 USD per token.
type Rate int64

const (
	ratesPerUSD = 1_000_000_000_000
	maxUSD      = 1_000_000     // of a price
	perNano     = 1_000_000_000 // 10^-18 USD in a nano-USD
	thousandth  = 1_000         // see rates.requests
	ratePlaces  = 12            // of a Rate in USD
	half        = uint64(perNano) / 2
)

// String returns USD per million tokens: "2.5", "0.0375".
func (r Rate) String() string {
	s := strconv.FormatInt(int64(r/ratesPerUSD), 10)
	if part := r % ratesPerUSD; part != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%0*d", ratePlaces, int64(part)), "0")
	}
	return s
}

// MarshalJSON writes USD per million tokens as a number, exactly.
func (r Rate) MarshalJSON() ([]byte, error) { return []byte(r.String()), nil }

var errPrice = errors.New("a price must be a number of USD from 0 to 1,000,000")

// parseRate reads a decimal number of USD per million tokens, rounded half up to 12 places.
func parseRate(n string) (Rate, error) {
	// the float first: an exact number of the size that an exponent can ask for would fill the memory
	const longest = 64
	f, err := strconv.ParseFloat(n, 64)
	if len(n) > longest || strings.ContainsAny(n, "/_xXpP") || err != nil || f < 0 || f > maxUSD {
		return 0, fmt.Errorf("%w, not %q", errPrice, n)
	}
	if f < 1e-30 { // nothing, or what rounds to it
		return 0, nil
	}
	v, ok := new(big.Rat).SetString(n)
	if !ok || v.Sign() < 0 || v.Cmp(big.NewRat(maxUSD, 1)) > 0 {
		return 0, fmt.Errorf("%w, not %q", errPrice, n)
	}
	v.Mul(v, big.NewRat(ratesPerUSD, 1)).Add(v, big.NewRat(1, 2))
	return Rate(new(big.Int).Quo(v.Num(), v.Denom()).Int64()), nil
}

// Tier is a rate for calls whose total input is more than Above tokens. It holds for all of the
// call's tokens.
type Tier struct {
	Above int64
	Rate  Rate
}

// tiered is the rate of one kind, and what becomes of it as a call's total input grows.
type tiered struct {
	base  Rate
	tiers []Tier // ascending
}

func (t *tiered) at(totalInput int64) Rate {
	r := t.base
	for _, tier := range t.tiers {
		if totalInput > tier.Above {
			r = tier.Rate
		}
	}
	return r
}

// UnmarshalJSON reads USD per million tokens: a number, or {base, tiers}.
func (t *tiered) UnmarshalJSON(b []byte) error {
	var in struct {
		Base  json.Number `json:"base"`
		Tiers []struct {
			Start int64       `json:"start"`
			Price json.Number `json:"price"`
		} `json:"tiers"`
	}
	if !bytes.HasPrefix(b, []byte("{")) {
		in.Base = json.Number(b)
	} else if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read a tiered price: %w", err)
	}
	var err error
	if t.base, err = parseRate(in.Base.String()); err != nil {
		return err
	}
	for _, tier := range in.Tiers {
		r, err := parseRate(tier.Price.String())
		if err != nil {
			return err
		}
		t.tiers = append(t.tiers, Tier{tier.Start, r})
	}
	slices.SortStableFunc(t.tiers, func(a, b Tier) int { return int(max(min(a.Above-b.Above, 1), -1)) })
	return nil
}

// rates are the prices of a model at one time, by kind, for the kinds that have a price.
type rates struct {
	priced []pricedKind // in the order of the kinds
	// request is the price of a request whatever its tokens, in 10^-18 USD; it is 0 for most.
	request Rate
}

// pricedKind is a kind with its rate, and the positions in rates.priced of the kinds within it.
type pricedKind struct {
	tiered
	kind   kind
	inside []int
}

// set sets the rate of a kind.
func (r *rates) set(k kind, t tiered) {
	r.priced = append(r.priced, pricedKind{tiered: t, kind: k})
	slices.SortFunc(r.priced, func(a, b pricedKind) int { return int(a.kind) - int(b.kind) })
	for i := range r.priced {
		p := &r.priced[i]
		p.inside = nil
		for j := range i {
			if r.priced[j].kind.isWithin(p.kind) {
				p.inside = append(p.inside, j)
			}
		}
	}
}

// published names the kinds as the price book does.
var published = map[string]kind{
	"input_mtok": input, "output_mtok": output, "cache_read_mtok": cacheRead, "cache_write_mtok": cacheWrite,
	"cache_write_1h_mtok": cacheWrite1h, "output_reasoning_mtok": reasoning, "input_audio_mtok": inputAudio,
	"cache_audio_read_mtok": cacheAudioRead, "output_audio_mtok": outputAudio, "input_image_mtok": inputImage,
	"cache_image_read_mtok": cacheImageRead, "output_image_mtok": outputImage, "input_video_mtok": inputVideo,
	"output_video_mtok": outputVideo,
}

// UnmarshalJSON reads the price book's form.
func (r *rates) UnmarshalJSON(b []byte) error {
	var in map[string]tiered
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	for name, t := range in {
		if name == "requests_kcount" { // USD per thousand, read as if per million
			r.request = t.base * thousandth
			continue
		}
		k, known := published[name]
		if !known {
			return fmt.Errorf("a price of %q is not known", name)
		}
		r.set(k, t)
	}
	return nil
}

// split divides a call's tokens over the priced kinds, each token to the most specific; false where a token belongs to
// none, or where the figures other than text contradict the rest.
func (r *rates) split(t *usage.Tokens, m *usage.Modalities, into *[kindCount]int64) bool {
	n := counts(t, m)
	var in, out bool
	for i := range r.priced {
		p := &r.priced[i]
		left := n[p.kind]
		for _, j := range p.inside {
			left -= into[j]
		}
		if left < 0 {
			return false
		}
		into[i] = left
		in = in || p.kind == input
		out = out || p.kind == output
	}
	return (in || n[input] == 0) && (out || n[output] == 0) && (in || out)
}

// cost sums a call's tokens at their rates in a service tier, rounded once, half up; false where a token has no rate.
func (r *rates) cost(c *usage.Call, tier *tierFactors) (usage.NanoUSD, bool) {
	var tokens [kindCount]int64
	if !r.divide(c, &tokens) {
		return 0, false
	}
	return r.sum(tokens[:len(r.priced)], c.Tokens.Input(), tier)
}

// sum adds tokens, by the order of the priced kinds, at their rates.
func (r *rates) sum(tokens []int64, totalInput int64, tier *tierFactors) (usage.NanoUSD, bool) {
	hi, lo := uint64(0), uint64(r.request)
	for i := range r.priced {
		rate := r.priced[i].at(totalInput)
		if tier != nil { // most calls are of the standard tier
			rate = tier.factor(r.priced[i].kind).of(rate)
		}
		h, l := bits.Mul64(uint64(tokens[i]), uint64(rate))
		var carry uint64
		lo, carry = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, carry) // 14 products of at most 2^63 and 10^18 are below 2^127
	}
	return toNano(hi, lo)
}

// divide is split, but leaves out the figures other than text where they contradict the rest.
func (r *rates) divide(c *usage.Call, into *[kindCount]int64) bool {
	if r.split(&c.Tokens, &c.Modalities, into) {
		return true
	}
	return !c.Modalities.IsZero() && r.split(&c.Tokens, &usage.Modalities{}, into)
}

// toNano rounds an amount in 10^-18 USD, half up; false for more than money can be.
func toNano(hi, lo uint64) (usage.NanoUSD, bool) {
	lo, carry := bits.Add64(lo, half, 0)
	hi += carry
	if hi >= perNano {
		return 0, false
	}
	nano, _ := bits.Div64(hi, lo, perNano)
	if nano > math.MaxInt64 {
		return 0, false
	}
	return usage.NanoUSD(nano), true
}
