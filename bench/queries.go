package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// query is a question that people, pages and proxies ask.
type query struct {
	name, key string
	target    float64 // of the 99th percentile with 10 M calls stored, in ms; 0 for none
	ask       func(ctx context.Context) error
}

// questions makes queries whose values differ from one request to the next.
type questions struct {
	api       *api
	set       *filled
	rng       *rand.Rand
	models    []string
	responses []string // ids of answers of the last day
	ids       []string // of calls of all days
	secret    string   // a valid key
	made      int      // keys
}

// newQuestions finds out what there is to ask for.
func newQuestions(ctx context.Context, a *api, set *filled) (*questions, error) {
	q := &questions{api: a, set: set, rng: rand.New(rand.NewPCG(seed, 7))}
	var models struct{ Values []struct{ Value string } }
	if err := a.read(ctx, "/dimensions/model", &models); err != nil {
		return nil, err
	}
	for _, v := range models.Values {
		q.models = append(q.models, v.Value)
	}
	type page struct {
		Items []struct {
			ID       string `json:"id"`
			Response string `json:"response_id"`
		}
	}
	const pages = 20
	for range pages {
		var p page
		if err := a.read(ctx, "/logs?limit=50&to="+q.anyTime(q.span()), &p); err != nil {
			return nil, err
		}
		for _, i := range p.Items {
			q.ids = append(q.ids, i.ID)
		}
		if err := a.read(ctx, "/logs?limit=50&to="+q.anyTime(day), &p); err != nil {
			return nil, err
		}
		for _, i := range p.Items {
			if i.Response != "" {
				q.responses = append(q.responses, i.Response)
			}
		}
	}
	if len(q.models) == 0 || len(q.ids) == 0 || len(q.responses) == 0 {
		return nil, fmt.Errorf("the database has nothing to ask for")
	}
	var err error
	q.secret, err = a.createKey(ctx, "bench")
	return q, err
}

const day = 24 * time.Hour

func (q *questions) span() time.Duration { return time.Duration(q.set.Days) * day }

// anyTime is a time in the last part of the data, in Unix seconds; not at its very beginning.
func (q *questions) anyTime(within time.Duration) string {
	const youngest = 0.95
	return strconv.FormatInt(q.set.End.Add(-time.Duration(q.rng.Float64()*youngest*float64(within))).Unix(), 10)
}

// dayAgo is a day before the end of the data, at another second each time.
func (q *questions) dayAgo() string {
	return strconv.FormatInt(q.set.End.Add(-day).Unix()+q.rng.Int64N(600), 10)
}

func (q *questions) keyName() string { // an often used one more often
	const keys = 500
	return usage.Fingerprint(loadgen.KeyOf(int(float64(keys) * q.rng.Float64() * q.rng.Float64())))
}

func (q *questions) user(from, to int) string {
	return fmt.Sprintf("user-%04d", from+q.rng.IntN(to-from))
}
func (q *questions) model() string { return q.models[q.rng.IntN(len(q.models))] }

// part is eight letters out of a text.
func (q *questions) part(s string) string {
	const letters = 8
	if len(s) <= letters {
		return s
	}
	at := q.rng.IntN(len(s) - letters)
	return s[at : at+letters]
}

// all lists the queries, those with a target first.
func (q *questions) all() []query {
	get := func(route string, values func() url.Values) func(context.Context) error {
		return func(ctx context.Context) error { return q.api.get(ctx, route, values()) }
	}
	v := func(pairs ...string) url.Values {
		out := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	is := func(pairs ...string) func() url.Values { return func() url.Values { return v(pairs...) } }
	const logPage = "100"
	return []query{
		{"stats", "stats", 2, get("/stats", is())},
		{"stats, last 24 h", "stats_24h", 2, get("/stats", func() url.Values { return v("from", q.dayAgo()) })},
		{"trend by day, 90 days", "trend_90d", 5, get("/usage-trend", is("days", "90"))},
		{"trend, 90 days, by model", "trend_90d_by_model", 5, get("/usage-trend", is("days", "90", "group_by", "model"))},
		{"trend, 90 days, by key", "trend_90d_by_key", 5, get("/usage-trend", is("days", "90", "group_by", "key"))},
		{"trend, 90 days, by user", "trend_90d_by_user", 5, get("/usage-trend", is("days", "90", "group_by", "user"))},
		{"logs, first page", "logs_page", 10, get("/logs", is("limit", logPage))},
		{"logs, a page of any day", "logs_page_any_day", 10, get("/logs", func() url.Values { return v("limit", logPage, "to", q.anyTime(q.span())) })},
		{"logs of a key", "logs_key", 50, get("/logs", func() url.Values { return v("limit", logPage, "key", q.keyName()) })},
		{"logs of a rare user", "logs_rare_user", 50, get("/logs", func() url.Values { return v("limit", logPage, "user", q.user(1500, 2000)) })},
		{"logs of key, model, errors", "logs_key_model_error", 50, get("/logs", func() url.Values {
			return v("limit", logPage, "key", q.keyName(), "model", q.model(), "status", "error")
		})},
		{"search in 24 h: part of an id", "search_24h_id", 50, get("/logs", func() url.Values {
			return v("limit", logPage, "from", q.dayAgo(), "q", q.part(q.responses[q.rng.IntN(len(q.responses))]))
		})},
		{"search in 24 h: a word", "search_24h_word", 50, get("/logs", func() url.Values {
			return v("limit", logPage, "from", q.dayAgo(), "q", q.user(0, 2000))
		})},
		{"search in 24 h: nothing found", "search_24h_nothing", 50, get("/logs", func() url.Values {
			return v("limit", logPage, "from", q.dayAgo(), "q", "zz"+strconv.Itoa(q.rng.IntN(1e6)))
		})},
		{"key creation", "key_create", 5, func(ctx context.Context) error {
			q.made++
			_, err := q.api.createKey(ctx, fmt.Sprintf("bench %d %d", time.Now().UnixNano(), q.made))
			return err
		}},
		{"key check", "key_verify", 0, func(ctx context.Context) error { return q.api.verify(ctx, q.secret) }},
		{"one call", "log_detail", 0, func(ctx context.Context) error {
			return q.api.get(ctx, "/logs/"+q.ids[q.rng.IntN(len(q.ids))], nil)
		}},
		{"stats of a key", "stats_key", 0, get("/stats", func() url.Values { return v("key", q.keyName()) })},
		{"stats of a key and a model, 24 h", "stats_key_model_24h", 0, get("/stats", func() url.Values {
			return v("key", q.keyName(), "model", q.model(), "from", q.dayAgo())
		})},
		{"breakdown by user, all", "breakdown_user", 0, get("/breakdown", is("by", "user"))},
		{"breakdown by model and key, 24 h", "breakdown_model_key_24h", 0, get("/breakdown", func() url.Values { return v("by", "model,key", "from", q.dayAgo()) })},
		{"breakdown by model and key, all", "breakdown_model_key", 0, get("/breakdown", is("by", "model,key"))},
		{"values of a filter: users", "dimension_user", 0, get("/dimensions/user", is())},
		{"list of keys", "keys", 0, get("/keys", is())},
		{"metrics for Prometheus", "metrics", 0, func(ctx context.Context) error {
			_, err := q.api.do(ctx, http.MethodGet, "/metrics", nil)
			return err
		}},
	}
}
