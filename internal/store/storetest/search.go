package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// searched are records of many texts, with and without traces.
func searched() (w store.Write) {
	w.At = start
	for i := range 120 {
		c := usage.Call{
			Role: usage.RoleCall, Start: start.Add(time.Duration(i) * time.Minute), Model: []string{"gpt-4o", "Claude-3", "", "50%_x"}[i%4],
			RequestModel: fmt.Sprint("asked-", i%3), Provider: fmt.Sprint("p", i%2), KeyFingerprint: fmt.Sprint("abcd", i%3), KeyDisplay: fmt.Sprint("sk…", i%5),
			User: fmt.Sprint("User ", i%5), Service: fmt.Sprint("s", i%2), Project: fmt.Sprint("proj", i%2), Session: fmt.Sprint("sess-", i%9),
			Path: "/v1/x", Method: "POST", Operation: []string{"chat", "embeddings"}[i%2], ErrorType: []string{"", "timeout"}[i%2],
			Status: []int{0, 200, 429, 503}[i%4], Failed: i%3 == 0, RequestID: fmt.Sprint("req-", i), Quality: usage.Quality(i % 8),
		}
		c.Tier, c.Account = usage.Tier(i%7), []string{"", "a…@e….com", "sk-…9f3a (01ab)"}[i%3]
		c.Trace, c.Span = usage.TraceID{0xab, byte(i), 0xbe, 0xef}, usage.SpanID{0xcd, byte(i), 0xfa, 0xce}
		switch i % 3 {
		case 0:
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
		case 1:
			c.Signal, c.ID = usage.SignalLog, usage.ID{0xbe, 0xef, byte(i), 0xfa, 0xce}
		default:
			c.Signal, c.ID, c.Trace, c.Span = usage.SignalLog, usage.ID{0xbe, 0xef, byte(i), 0xfa, 0xce}, usage.TraceID{}, usage.SpanID{}
		}
		r := store.Record{Call: c, Counted: i%5 > 0, StoredAt: start}
		if !r.Counted {
			r.Reason = store.Reason(i/5%4 + 1)
		}
		w.Put = append(w.Put, r)
	}
	return w
}

// testSearch checks that a live stream (Filter.Matches) and a later read of the log show the same records.
func testSearch(t *testing.T, open Open) {
	e := fresh(t, open)
	w := searched()
	require.NoError(t, e.Commit(ctx, w))
	words := []string{"gpt", "CLAUDE", "50%_", "%", "_", "beef", "FACE", "ab", "req-1", "sess-3", "user 1", "sk…2", "proj", "chat", "POST", "timeout", "asked-2", "nothing", "x1f", "1", "…@E", "(01"}
	whole := map[string][]string{
		"status": {"ok", "error", "429", "5xx", "2XX", "404"}, "quality": {"no_usage", "inconsistent", "unpriced"},
		"superseded": {"yes", "no", "twin", "ancestor"}, "tier": {"batch", "Standard", "other"},
	}
	rapid.Check(t, func(t *rapid.T) {
		f := store.Filter{Superseded: rapid.Bool().Draw(t, "superseded")}
		for range rapid.IntRange(0, 2).Draw(t, "terms") {
			term := store.Term{Not: rapid.Bool().Draw(t, "not"), Field: rapid.SampledFrom(append(store.SearchFields(), "", "", "")).Draw(t, "field")}
			if values := whole[term.Field]; values != nil {
				term.Value = rapid.SampledFrom(values).Draw(t, "value")
				ok, _ := store.TermValue(term.Field, term.Value)
				require.True(t, ok)
			} else {
				term.Value = rapid.SampledFrom(words).Draw(t, "word")
			}
			if term.Field == "" || term.Field == "key" {
				term.Keys = rapid.SliceOfN(rapid.SampledFrom([]string{"abcd0", "abcd2", "", "gone"}), 0, 2).Draw(t, "keys of the name")
			}
			f.Text = append(f.Text, term)
		}
		if rapid.Bool().Draw(t, "filters") {
			f.Statuses = rapid.SliceOfN(rapid.SampledFrom([]string{"ok", "error", "429", "500"}), 0, 2).Draw(t, "statuses")
			f.Models = rapid.SliceOfN(rapid.SampledFrom([]string{"gpt-4o", "", "none"}), 0, 2).Draw(t, "models")
			f.Keys = rapid.SliceOfN(rapid.SampledFrom([]string{"abcd1", ""}), 0, 1).Draw(t, "keys")
			f.From = start.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "from")) * time.Minute)
			f.To = start.Add(time.Duration(rapid.IntRange(60, 120).Draw(t, "to")) * time.Minute)
		}
		var got, want []string
		require.NoError(t, e.Scan(ctx, f, func(r *store.Record) error {
			got = append(got, r.ID.String())
			return nil
		}))
		for i := range w.Put {
			if f.Matches(&w.Put[i]) {
				want = append(want, w.Put[i].ID.String())
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}
