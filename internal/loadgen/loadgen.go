// Package loadgen makes the data set that benchmarks and load tests use: calls whose models, keys,
// users and services are drawn by Zipf's law, spread over many days, with duplicates and errors. The
// same seed gives the same calls.
package loadgen

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Set describes a data set. The zero value of a field means its default.
type Set struct {
	Seed     uint64
	Calls    int           // 1,000,000
	Models   int           // 40
	Keys     int           // 500
	Users    int           // 2,000
	Services int           // 10
	End      time.Time     // the newest call starts before it; now where zero
	Days     int           // 90
	Over     time.Duration // spread over so long and not over Days
	// Duplicates and Errors are shares in thousandths: 10 and 50.
	Duplicates, Errors int
	// Ordered returns the calls in the order of time, as live traffic comes.
	Ordered bool
}

// Generator returns the calls of a set one by one.
type Generator struct {
	set                           Set
	rng                           *rand.Rand
	models, keys, users, services *rand.Zipf
	keyNames, keyDisplays         []string
	begin                         time.Time
	i                             int
	last                          []usage.Call // to repeat from
	Distinct                      Truth        // what was given so far, duplicates left out
}

// Truth is the sums of what a generator gave.
type Truth struct {
	Calls, Errors                                   int64
	Input, Output, CacheRead, CacheWrite, Reasoning int64
}

// New makes a generator.
func New(s Set) *Generator {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&s.Calls, 1_000_000)
	def(&s.Models, 40)
	def(&s.Keys, 500)
	def(&s.Users, 2_000)
	def(&s.Services, 10)
	def(&s.Days, 90)
	def(&s.Duplicates, 10)
	def(&s.Errors, 50)
	if s.End.IsZero() {
		s.End = time.Now()
	}
	rng := rand.New(rand.NewPCG(s.Seed, 0x746f6b656e))
	zipf := func(n int) *rand.Zipf { return rand.NewZipf(rng, 1.1, 4, uint64(n-1)) }
	if s.Over == 0 {
		s.Over = time.Duration(s.Days) * 24 * time.Hour
	}
	g := &Generator{
		set: s, rng: rng, models: zipf(s.Models), keys: zipf(s.Keys), users: zipf(s.Users), services: zipf(s.Services),
		begin: s.End.Add(-s.Over).UTC(),
	}
	for i := range s.Keys {
		key := KeyOf(i)
		g.keyNames, g.keyDisplays = append(g.keyNames, usage.Fingerprint(key)), append(g.keyDisplays, usage.DisplayKey(key))
	}
	return g
}

// KeyOf returns the i-th key of every set, in clear, for key checks.
func KeyOf(i int) string { return fmt.Sprintf("sk-loadgen-%032d", i) }

// families are real names, so that prices are looked up as in life.
var families = []struct{ provider, model string }{
	{"openai", "gpt-4o"}, {"anthropic", "claude-sonnet-4-5"}, {"openai", "gpt-4o-mini"}, {"gcp.gemini", "gemini-2.5-flash"},
	{"anthropic", "claude-3-5-haiku"}, {"deepseek", "deepseek-chat"}, {"gcp.gemini", "gemini-2.5-pro"}, {"openai", "o3"},
}

// Next returns the next call; false at the end. Texts are shared between calls.
func (g *Generator) Next() (usage.Call, bool) {
	if g.i >= g.set.Calls {
		return usage.Call{}, false
	}
	if len(g.last) > 0 && g.rng.IntN(1000) < g.set.Duplicates {
		g.i++
		return g.last[g.rng.IntN(len(g.last))], true
	}
	return g.NextFresh()
}

// NextFresh returns the next call and no duplicate, for callers that change it.
func (g *Generator) NextFresh() (usage.Call, bool) {
	if g.i >= g.set.Calls {
		return usage.Call{}, false
	}
	c := g.fresh()
	g.i++
	const remembered = 1024
	if len(g.last) < remembered {
		g.last = append(g.last, c)
	} else {
		g.last[g.rng.IntN(remembered)] = c
	}
	g.Distinct.add(&c)
	return c, true
}

func (t *Truth) add(c *usage.Call) {
	t.Calls++
	if c.Failed {
		t.Errors++
	}
	t.Input += c.Tokens.Input()
	t.Output += c.Tokens.Output()
	t.CacheRead += c.Tokens.CacheRead
	t.CacheWrite += c.Tokens.CacheWrite
	t.Reasoning += c.Tokens.Reasoning
}

// Plus returns the sums of two sets together.
func (t Truth) Plus(o Truth) Truth {
	return Truth{
		Calls: t.Calls + o.Calls, Errors: t.Errors + o.Errors, Input: t.Input + o.Input, Output: t.Output + o.Output,
		CacheRead: t.CacheRead + o.CacheRead, CacheWrite: t.CacheWrite + o.CacheWrite, Reasoning: t.Reasoning + o.Reasoning,
	}
}

func (g *Generator) fresh() usage.Call {
	span := g.set.End.Sub(g.begin)
	at := time.Duration(g.rng.Int64N(int64(span)))
	if g.set.Ordered {
		at = time.Duration(float64(span) / float64(g.set.Calls) * float64(g.i))
	}
	m := int(g.models.Uint64())
	f := families[m%len(families)]
	name := f.model
	if m >= len(families) {
		name = fmt.Sprintf("%s-v%d", f.model, m/len(families))
	}
	k := g.keys.Uint64()
	c := usage.Call{
		Role: usage.RoleCall, Start: g.begin.Add(at), Duration: time.Duration(200+g.rng.IntN(20_000)) * time.Millisecond,
		TTFT: time.Duration(50+g.rng.IntN(3_000)) * time.Millisecond, Stream: usage.Yes, Operation: "chat", Provider: f.provider,
		RequestModel: name, Model: name, KeyFingerprint: g.keyNames[k], KeyDisplay: g.keyDisplays[k],
		User: fmt.Sprintf("user-%04d", g.users.Uint64()), Service: fmt.Sprintf("service-%d", g.services.Uint64()), Environment: "production",
		Method: "POST", Path: "/v1/chat/completions", Status: 200, Scope: "loadgen", Process: 1,
	}
	binary.BigEndian.PutUint64(c.Trace[:], g.rng.Uint64())
	binary.BigEndian.PutUint64(c.Trace[8:], g.rng.Uint64()|1)
	binary.BigEndian.PutUint64(c.Span[:], g.rng.Uint64()|1)
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	c.ResponseID = "chatcmpl-" + c.Span.String() + c.Trace.String()[:12]
	if g.rng.IntN(1000) < g.set.Errors {
		c.Failed, c.Status, c.ErrorType, c.ResponseID = true, 429, "429", ""
		return c
	}
	t := &c.Tokens
	t.Fields = usage.HasInput | usage.HasOutput | usage.HasCacheRead
	t.InputUncached, t.OutputText = int64(g.rng.IntN(8_000)), int64(1+g.rng.IntN(1_500))
	if g.rng.IntN(2) == 0 {
		t.CacheRead = int64(g.rng.IntN(50_000))
	}
	if g.rng.IntN(4) == 0 {
		t.Fields |= usage.HasReasoning
		t.Reasoning = int64(g.rng.IntN(3_000))
	}
	return c
}
