package pricing

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// The reasons for which a cost may differ from that of the package, and how many of the comparisons
// of TestReference differ for each. A number that grows is a fault, or a new version of the package
// that somebody has looked at.
const (
	// A part of the call has tokens and the model has no price for them. The package adds nothing for
	// them; here the call is unpriced.
	noRate = "tokens without a rate are free in the package, unpriced here"
	// The package adds in floating point. The exact sum of the published rates is ours.
	floatError = "the package's sum in floating point is off by a nano-USD"
	// The package has no such name; without what stands before the slash it does.
	prefix = "a prefix before the model's name"
)

var explained = map[string]int{noRate: 2656, floatError: 41, prefix: 1596}

// reference is one comparison: a call, and what the package is asked.
type reference struct {
	call     usage.Call
	Usage    map[string]int64 `json:"usage"`
	Model    string           `json:"model"`
	Provider string           `json:"-"`
	Options  struct {
		ProviderID string    `json:"providerId,omitempty"`
		Timestamp  time.Time `json:"timestamp"`
	} `json:"options"`
}

// answer is what the package says.
type answer struct {
	USD    *float64                   `json:"usd"`
	Prices map[string]json.RawMessage `json:"prices"`
	Error  string                     `json:"error"`
}

// TestReference compares with what the package that the book comes from works out itself: every
// model under its names, usage of every kind, times on both sides of every change of a price.
func TestReference(t *testing.T) {
	node := requireNode(t)
	b := book(t)
	cases := references(b)
	answers := ask(t, node, cases)
	counts := map[string]int{}
	var again []reference // under a name without its prefix
	equal := 0
	for i := range cases {
		c, a := &cases[i], &answers[i]
		require.Empty(t, a.Error, "%+v", c)
		got, priced := b.Price(&c.call)
		switch {
		case a.USD == nil && !priced:
			equal++
		case a.USD == nil:
			_, bare, has := strings.Cut(c.Model, "/")
			require.True(t, has, "priced here, unknown to the package: %+v", c)
			counts[prefix]++
			c.Model = bare
			again = append(again, *c)
		default:
			equal += compare(t, c, a, got, priced, counts)
		}
	}
	for i, a := range ask(t, node, again) {
		require.NotNil(t, a.USD, "%+v", again[i])
		got, priced := b.Price(&again[i].call)
		compare(t, &again[i], &a, got, priced, counts)
	}
	t.Logf("%d comparisons, %d equal; %v", len(cases), equal, counts)
	require.Greater(t, len(cases), 5000)
	require.Equal(t, explained, counts, "explain the difference, or lower the number")
}

// compare returns (as 1) whether a cost equals the package's; where it does not, it finds the reason.
func compare(t *testing.T, c *reference, a *answer, got usage.NanoUSD, priced bool, counts map[string]int) int {
	t.Helper()
	exact, covered := exactly(t, c, a.Prices)
	if !covered {
		require.False(t, priced, "%+v has a price for some of its tokens only", c)
		counts[noRate]++
		return 0
	}
	require.True(t, priced, "%+v", c)
	require.Equal(t, exact, got, "%+v: not the exact sum of the published rates", c)
	theirs := usage.NanoUSD(math.Round(*a.USD * 1e9))
	if got == theirs {
		return 1
	}
	require.InDelta(t, float64(theirs), float64(got), 1, "%+v", c)
	counts[floatError]++
	return 0
}

// exactly works a cost out from published prices in rational arithmetic, part by part. Covered is
// false where a token has no price.
func exactly(t *testing.T, c *reference, prices map[string]json.RawMessage) (nano usage.NanoUSD, covered bool) {
	t.Helper()
	tokens, m := c.call.Tokens, c.call.Modalities
	covered = true
	sum := new(big.Rat)
	some := false
	add := func(n int64, keys ...string) {
		for _, key := range keys {
			published, has := prices[key]
			if !has {
				continue
			}
			text := string(published)
			var tiers struct {
				Base  json.Number
				Tiers []struct {
					Start int64
					Price json.Number
				}
			}
			if json.Unmarshal(published, &tiers) == nil && tiers.Base != "" {
				text = tiers.Base.String()
				for _, tier := range tiers.Tiers {
					if tokens.Input() > tier.Start {
						text = tier.Price.String()
					}
				}
			}
			rate, ok := new(big.Rat).SetString(text)
			require.True(t, ok, text)
			sum.Add(sum, rate.Mul(rate, big.NewRat(n, 1_000_000)))
			some = true
			return
		}
		covered = covered && n == 0
	}
	add(m.AudioCacheRead, "cache_audio_read_mtok", "cache_read_mtok", "input_audio_mtok", "input_mtok")
	add(m.ImageCacheRead, "cache_image_read_mtok", "cache_read_mtok", "input_image_mtok", "input_mtok")
	add(tokens.CacheRead-m.AudioCacheRead-m.ImageCacheRead, "cache_read_mtok", "input_mtok")
	add(tokens.CacheWrite1h, "cache_write_1h_mtok", "cache_write_mtok", "input_mtok")
	add(tokens.CacheWrite-tokens.CacheWrite1h, "cache_write_mtok", "input_mtok")
	add(m.AudioInput-m.AudioCacheRead, "input_audio_mtok", "input_mtok")
	add(m.ImageInput-m.ImageCacheRead, "input_image_mtok", "input_mtok")
	add(m.VideoInput, "input_video_mtok", "input_mtok")
	add(tokens.InputUncached-(m.AudioInput-m.AudioCacheRead)-(m.ImageInput-m.ImageCacheRead)-m.VideoInput, "input_mtok")
	add(tokens.Reasoning, "output_reasoning_mtok", "output_mtok")
	add(m.AudioOutput, "output_audio_mtok", "output_mtok")
	add(m.ImageOutput, "output_image_mtok", "output_mtok")
	add(m.VideoOutput, "output_video_mtok", "output_mtok")
	add(tokens.OutputText-m.AudioOutput-m.ImageOutput-m.VideoOutput, "output_mtok")
	covered = covered && some
	if _, has := prices["requests_kcount"]; has {
		add(1000, "requests_kcount") // a request, at a price per thousand
	}
	sum.Mul(sum, big.NewRat(1_000_000_000, 1)).Add(sum, big.NewRat(1, 2))
	return usage.NanoUSD(new(big.Int).Div(sum.Num(), sum.Denom()).Int64()), covered
}

// shape is tokens of one call.
type shape struct {
	tokens     usage.Tokens
	modalities usage.Modalities
}

// shapes are usage of every kind, in whole figures and in odd ones.
func shapes() []shape {
	t := func(uncached, read, write, write1h, text, reasoning int64) usage.Tokens {
		return usage.Tokens{
			InputUncached: uncached, CacheRead: read, CacheWrite: write, CacheWrite1h: write1h, OutputText: text, Reasoning: reasoning,
			Fields: usage.HasInput | usage.HasOutput,
		}
	}
	out := []shape{
		{tokens: t(1200, 0, 0, 0, 300, 0)},
		{tokens: t(0, 0, 0, 0, 0, 0)},
		{tokens: t(1, 0, 0, 0, 0, 0)},
		{tokens: t(0, 0, 0, 0, 1, 0)},
		{tokens: t(137, 7001, 0, 0, 53, 11)},
		{tokens: t(211, 0, 3001, 0, 401, 0)},
		{tokens: t(211, 503, 3001, 1009, 401, 97)},
		{tokens: t(3, 0, 777, 777, 5, 0)},
		{tokens: t(1_234_567, 7_654_321, 98_765, 12_345, 345_678, 234_567)},
		{t(1000, 500, 0, 0, 400, 100), usage.Modalities{AudioInput: 601, AudioCacheRead: 203, AudioOutput: 307}},
		{t(1000, 500, 77, 0, 400, 0), usage.Modalities{ImageInput: 499, ImageCacheRead: 101, ImageOutput: 399}},
		{t(5000, 3000, 0, 0, 900, 0), usage.Modalities{
			AudioInput: 1001, AudioCacheRead: 503, AudioOutput: 301, ImageInput: 1501, ImageCacheRead: 707, ImageOutput: 303, VideoInput: 401, VideoOutput: 11,
		}},
	}
	for _, tier := range []int64{128_000, 199_999, 200_000, 271_999, 272_000, 512_000} {
		for _, over := range []int64{0, 1} { // on the edge, and one over it, with and without the cache
			out = append(out,
				shape{tokens: t(tier+over, 0, 0, 0, 1000, 0)},
				shape{tokens: t(tier+over-100_000, 60_000, 40_000, 10_001, 1000, 333)})
		}
	}
	return out
}

// references makes the comparisons, the same in every run.
func references(b *Book) (out []reference) {
	random := rand.New(rand.NewPCG(1, 2))
	all := shapes()
	usual := []time.Time{
		time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 8, 15, 13, 30, 0, 0, time.UTC), time.Date(2026, 11, 1, 20, 0, 0, 0, time.UTC),
	}
	add := func(provider, model string, s shape, at time.Time) {
		r := reference{Model: model, Provider: provider, Usage: map[string]int64{}}
		r.call = usage.Call{Provider: provider, Model: model, Start: at, Tokens: s.tokens, Modalities: s.modalities}
		r.Options.ProviderID, r.Options.Timestamp = provider, at
		if id, known := providerIDs[provider]; known {
			r.Options.ProviderID = id
		}
		t, m := s.tokens, s.modalities
		for key, n := range map[string]int64{
			"input_tokens": t.Input(), "output_tokens": t.Output(), "cache_read_tokens": t.CacheRead, "cache_write_tokens": t.CacheWrite,
			"cache_write_1h_tokens": t.CacheWrite1h, "output_reasoning_tokens": t.Reasoning, "input_audio_tokens": m.AudioInput,
			"cache_audio_read_tokens": m.AudioCacheRead, "output_audio_tokens": m.AudioOutput, "input_image_tokens": m.ImageInput,
			"cache_image_read_tokens": m.ImageCacheRead, "output_image_tokens": m.ImageOutput, "input_video_tokens": m.VideoInput,
			"output_video_tokens": m.VideoOutput,
		} {
			r.Usage[key] = n
		}
		out = append(out, r)
	}
	for i := range b.providers {
		p := &b.providers[i]
		for j := range p.Models {
			m := &p.Models[j]
			times := append([]time.Time{}, usual...)
			special := false
			for _, at := range m.Prices {
				times = append(times, at.Constraint.edges()...)
				special = special || len(at.Rates.priced) > 3 || at.Rates.request > 0 || at.Constraint != nil
				for _, k := range at.Rates.priced {
					special = special || len(k.tiers) > 0
				}
			}
			if special { // everything
				for _, s := range all {
					for _, at := range times {
						add(p.ID, m.ID, s, at)
					}
				}
			} else {
				for range 4 {
					add(p.ID, m.ID, all[random.IntN(len(all))], times[random.IntN(len(times))])
				}
			}
			names := append(namesOf(m.Match), strings.ToUpper(m.ID), m.ID+"-20251201", "models/"+m.ID, " "+m.ID)
			for _, name := range names {
				add(p.ID, name, all[random.IntN(len(all))], times[random.IntN(len(times))])
			}
			add("", m.ID, all[random.IntN(len(all))], times[random.IntN(len(times))])
			add("litellm", p.ID+"/"+m.ID, all[random.IntN(len(all))], times[random.IntN(len(times))])
			add("a provider that nobody knows", m.ID, all[0], usual[0])
		}
	}
	for convention, id := range providerIDs {
		for _, m := range b.byID[id].Models {
			add(convention, m.ID, all[0], usual[2])
		}
	}
	return out
}

// edges are the times on both sides of a condition's ends.
func (c *constraint) edges() (out []time.Time) {
	if c == nil {
		return nil
	}
	if c.Type == "start_date" {
		return []time.Time{c.from.Add(-time.Millisecond), c.from, c.from.Add(36 * time.Hour)}
	}
	for _, day := range []time.Time{time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} {
		for _, at := range []time.Duration{c.day, c.end} {
			out = append(out, day.Add(at-time.Millisecond), day.Add(at))
		}
	}
	return out
}

// namesOf makes names that a rule is for.
func namesOf(m *match) (out []string) {
	if m == nil {
		return nil
	}
	for _, list := range [][]match{m.Or, m.And} {
		for i := range list {
			out = append(out, namesOf(&list[i])...)
		}
	}
	switch {
	case m.Equals != "":
		out = append(out, m.Equals)
	case m.StartsWith != "":
		out = append(out, m.StartsWith, m.StartsWith+"-2")
	case m.EndsWith != "":
		out = append(out, m.EndsWith, "x."+m.EndsWith)
	case m.Contains != "":
		out = append(out, m.Contains, "x."+m.Contains+"-y")
	case m.Regex != "":
		out = append(out, strings.NewReplacer("^", "", "$", "", `\d{8}`, "20260102", `\d{4}-\d{2}-\d{2}`, "2026-01-02", `\d`, "7", `\`, "").Replace(m.Regex))
	}
	return out
}

const generate = "generate"

// requireNode finds Node and the installed package. `make test` installs it; without it the test is
// left out, except in CI, where it must not be.
func requireNode(t *testing.T) string {
	t.Helper()
	missing := func(what string) string {
		t.Helper()
		if os.Getenv("CI") != "" || os.Getenv("TOKENBOARD_REFERENCE") != "" {
			t.Fatal(what)
		}
		t.Skip(what)
		return ""
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return missing("the test of prices runs the package that they come from: install Node 20 or later")
	}
	b, err := os.ReadFile(filepath.Join(generate, "node_modules", "@pydantic", "genai-prices", "package.json"))
	if err != nil {
		return missing("the test of prices runs the package that they come from: run `make reference` to install it")
	}
	var installed struct{ Version string }
	require.NoError(t, json.Unmarshal(b, &installed))
	require.Equal(t, "genai-prices "+installed.Version, book(t).Version(), "run `make prices`: the price book is of another version than the package")
	return node
}

// ask runs the package over the comparisons.
func ask(t *testing.T, node string, cases []reference) []answer {
	t.Helper()
	var in, stderr bytes.Buffer
	enc := json.NewEncoder(&in)
	for i := range cases {
		require.NoError(t, enc.Encode(&cases[i]))
	}
	cmd := exec.CommandContext(t.Context(), node, "reference.mjs")
	cmd.Dir, cmd.Stdin, cmd.Stderr = generate, &in, &stderr
	printed, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var out []answer
	sc := bufio.NewScanner(bytes.NewReader(printed))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var a answer
		require.NoError(t, json.Unmarshal(sc.Bytes(), &a))
		out = append(out, a)
	}
	require.NoError(t, sc.Err())
	require.Len(t, out, len(cases))
	return out
}

// TestBookIsThePackages: the book is what the package gives.
func TestBookIsThePackages(t *testing.T) {
	node := requireNode(t)
	cmd := exec.CommandContext(t.Context(), node, "extract.mjs")
	cmd.Dir = generate
	printed, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, string(embedded), string(printed), "run `make prices`")
}

// TestLockFileNamesNoRegistry: whoever builds uses the registry of their own.
func TestLockFileNamesNoRegistry(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(generate, "package-lock.json"))
	require.NoError(t, err)
	require.NotContains(t, string(b), "resolved")
	require.NotContains(t, string(b), "://")
	require.Contains(t, string(b), "sha512-")
}
