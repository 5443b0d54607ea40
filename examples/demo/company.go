package main

import (
	"math"
	"math/rand/v2"
	"net/http"
	"time"
)

// company describes users, their calls, when they make them and how many fail. Past and live traffic are both drawn
// from it, so that the live calls continue the past at its scale.
type company struct {
	people []person
	models []model
	start  time.Time // of the demo
	spent  map[string]int64

	overloaded, badDeployment span // incidents of the past
}

// span is a time from one moment up to another.
type span struct{ from, to time.Time }

func (s span) contains(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }

// workday returns a time of the day, in hours, of the last working day that ends at least so many days before start.
// Incidents are at such times because a night or a weekend has too few calls to show one, whenever the demo starts.
func workday(start time.Time, days int, from, to float64) span {
	d := start.AddDate(0, 0, -days-1)
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d = d.AddDate(0, 0, -1)
	}
	at := func(hour float64) time.Time {
		return time.Date(d.Year(), d.Month(), d.Day(), 0, int(hour*60), 0, 0, d.Location())
	}
	return span{at(from), at(to)}
}

// team is a project with a proxy and a service name of its own.
type team struct{ project, service string }

var (
	product = team{"product", "product-gateway"}
	support = team{"support", "support-gateway"}
)

// person has one key.
type person struct {
	user, keyName string
	team          team
	weight        float64
	limits        map[string]any // as POST /keys takes them
	trial         int64          // tokens after which the key is exhausted; 0: none
	since         time.Duration  // before the demo's start; 0: always there
	key           string
}

// model is one that people ask.
type model struct {
	name, provider, operation, path string
	weight                          float64
	input, output                   float64       // tokens of a usual call
	ttft                            time.Duration // usual time to first token
	speed                           float64       // tokens a second after it
	since                           time.Duration // before the demo's start; 0: always there
}

const day = 24 * time.Hour

// newCompany returns the people and models of the demo. Input and output follow what agents and chats
// use; times to first token and speeds are of the order that providers publish for such models.
func newCompany(start time.Time) *company {
	return &company{
		start: start, spent: map[string]int64{},
		overloaded: workday(start, 0, 14, 15.5), badDeployment: workday(start, 4, 10, 13),
		people: []person{
			{user: "alice", keyName: "alice: IDE", team: product, weight: 8, limits: map[string]any{"usd": map[string]any{"month": 900}}},
			{user: "alice", keyName: "alice: scripts", team: product, weight: 4, limits: map[string]any{"tokens": map[string]any{"day": 5_000_000}}},
			{user: "bob", keyName: "bob", team: product, weight: 3, limits: map[string]any{"usd": map[string]any{"week": 80}}},
			{user: "chen", keyName: "chen", team: product, weight: 2.4},
			{user: "dana", keyName: "dana", team: support, weight: 2},
			{user: "support-bot", keyName: "support bot", team: support, weight: 5, limits: map[string]any{"usd": map[string]any{"day": 15}}},
			{user: "nightly", keyName: "nightly batch", team: support, weight: 1.2, limits: map[string]any{"requests_per_minute": 120}},
			{
				user: "eve", keyName: "eve (trial)", team: product, weight: 1, trial: 2_000_000, since: 10 * day,
				limits: map[string]any{"tokens": map[string]any{"total": 2_000_000}},
			},
		},
		models: []model{
			{"gpt-4o", "openai", "chat", "/v1/chat/completions", 3, 1800, 350, 450 * time.Millisecond, 80, 0},
			{"gpt-4o-mini", "openai", "chat", "/v1/chat/completions", 5, 900, 220, 350 * time.Millisecond, 110, 0},
			{"gpt-5", "openai", "chat", "/v1/responses", 3, 4200, 900, 1400 * time.Millisecond, 90, 30 * day},
			{"text-embedding-3-small", "openai", "embeddings", "/v1/embeddings", 2, 600, 0, 120 * time.Millisecond, 0, 0},
			{"claude-sonnet-4-5", "anthropic", "chat", "/v1/messages", 6, 9000, 700, 900 * time.Millisecond, 70, 0},
			{"claude-opus-4-1", "anthropic", "chat", "/v1/messages", 1, 12000, 900, 1600 * time.Millisecond, 45, 0},
			{"gemini-2.5-flash", "gcp.gemini", "generate_content", "/v1beta/models/gemini-2.5-flash:", 4, 2500, 400, 400 * time.Millisecond, 160, 0},
			{"gemini-2.5-pro", "gcp.gemini", "generate_content", "/v1beta/models/gemini-2.5-pro:", 2, 5200, 800, 1500 * time.Millisecond, 85, 0},
			// The price book does not know what a company trained by itself.
			{"acme-coder-32b", "openai", "chat", "/v1/chat/completions", 1, 2200, 300, 250 * time.Millisecond, 60, 14 * day},
		},
	}
}

// call is one that a client makes, with what the provider will answer.
type call struct {
	person *person
	model  *model
	at     time.Time
	stream bool
	silent bool // a stream whose client asks for no usage
	cut    bool // the connection breaks within the stream

	input, output, read, write, reasoning int64
	ttft, took                            time.Duration
	status                                int
	errorType                             string
}

// draw returns the call that somebody makes at a time, or false where the person drawn does not call then.
func (c *company) draw(rng *rand.Rand, at time.Time) (*call, bool) {
	before := c.start.Sub(at)
	p := pick(rng, c.people, func(p *person) float64 { return p.weightAt(at, before) })
	m := pick(rng, c.models, func(m *model) float64 { return m.weightFor(p, before) })
	x := &call{person: p, model: m, at: at, status: http.StatusOK, stream: m.operation != "embeddings" && rng.Float64() < 0.75}
	if p.trial > 0 && c.spent[p.keyName] >= p.trial && before > 0 {
		return nil, false // the proxy refuses an exhausted key, so that no call of it reaches a provider
	}
	x.size(rng)
	if x.status, x.errorType = c.outcome(rng, x); x.status != http.StatusOK {
		x.stream, x.output, x.reasoning, x.ttft = false, 0, 0, 0
		x.took = time.Duration(60+rng.IntN(400)) * time.Millisecond
		return x, true
	}
	if x.stream {
		x.silent = m.path == "/v1/chat/completions" && rng.Float64() < 0.04
		x.cut = rng.Float64() < 0.004
	}
	c.spent[p.keyName] += x.input + x.output
	return x, true
}

// size draws tokens and times.
func (x *call) size(rng *rand.Rand) {
	m := x.model
	x.input = 20 + int64(rng.ExpFloat64()*m.input)
	if m.operation == "embeddings" {
		x.took = m.ttft/2 + time.Duration(rng.ExpFloat64()*float64(m.ttft))
		return
	}
	x.read = int64(rng.Float64() * 0.8 * float64(x.input))
	if m.provider == "anthropic" {
		x.write = int64(rng.Float64() * 0.1 * float64(x.input))
	}
	x.output = 5 + int64(rng.ExpFloat64()*m.output)
	if m.ttft > time.Second {
		x.reasoning = int64(rng.Float64() * 0.5 * float64(x.output))
	}
	x.ttft = m.ttft/2 + time.Duration(rng.ExpFloat64()*float64(m.ttft)/2)
	x.took = x.ttft + time.Duration(float64(x.output)/(m.speed*(0.7+0.6*rng.Float64()))*float64(time.Second))
}

// weightAt is how much of the traffic at a time is a person's: batches run at night, trials begin late.
func (p *person) weightAt(at time.Time, before time.Duration) float64 {
	switch {
	case p.since > 0 && before > p.since:
		return 0
	case p.user == "nightly" && at.Hour() == 2:
		return p.weight * 20
	default:
		return p.weight
	}
}

// weightFor is how often a person asks a model: one that came lately takes over from the one before it.
func (m *model) weightFor(p *person, before time.Duration) float64 {
	switch {
	case m.since > 0 && before > m.since:
		return 0
	case p.team == support && m.name == "claude-opus-4-1":
		return 0
	case p.user == "nightly" && m.operation == "embeddings":
		return m.weight * 6
	default:
		return m.weight
	}
}

// outcome returns the status of a call and the error type if it fails. Besides the few failures of every day, Anthropic
// was overloaded for an hour and a half of the last working day, the support bot had a bad deployment about a week ago,
// and the nightly batch runs into OpenAI's rate limit.
func (c *company) outcome(rng *rand.Rand, x *call) (status int, errorType string) {
	overloaded, invalid := "overloaded_error", "invalid_request_error"
	chance := rng.Float64()
	switch {
	case x.model.provider == "anthropic" && c.overloaded.contains(x.at) && chance < 0.55:
		return statusOverloaded, overloaded
	case x.person.user == "support-bot" && x.model.provider == "openai" && c.badDeployment.contains(x.at) && chance < 0.9:
		return http.StatusBadRequest, invalid
	case x.person.user == "nightly" && x.model.provider == "openai" && chance < 0.12:
		return http.StatusTooManyRequests, rateLimit(x.model)
	case chance < 0.004:
		return http.StatusTooManyRequests, rateLimit(x.model)
	case chance < 0.008:
		return http.StatusInternalServerError, "server_error"
	default:
		return http.StatusOK, ""
	}
}

const statusOverloaded = 529 // Anthropic's

// rateLimit is a provider's name for its refusal, as internal/fakeupstream answers it.
func rateLimit(m *model) string {
	switch m.provider {
	case "anthropic":
		return "rate_limit_error"
	case "openai":
		return "rate_limit_exceeded"
	default:
		return "RESOURCE_EXHAUSTED"
	}
}

// busy is how many calls a quarter of an hour usually has: people who work by day, machines at all times.
func busy(at time.Time) float64 {
	hour := float64(at.Hour()) + float64(at.Minute())/60
	morning, afternoon := hour-10.5, hour-15.5
	level := 36 + 80*math.Exp(-morning*morning/6) + 70*math.Exp(-afternoon*afternoon/7)
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		level *= 0.35
	}
	return level
}

// pick chooses by weight.
func pick[T any](rng *rand.Rand, all []T, weight func(*T) float64) *T {
	sum := 0.0
	for i := range all {
		sum += weight(&all[i])
	}
	at := rng.Float64() * sum
	for i := range all {
		if at -= weight(&all[i]); at < 0 {
			return &all[i]
		}
	}
	return &all[len(all)-1]
}
