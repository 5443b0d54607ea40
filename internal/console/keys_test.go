package console

import (
	"context"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestKeyLife(t *testing.T) {
	b := newBench(t, nil)
	made := data[NewKey](b, "POST", "/keys", `{"name":" alice ","description":"laptop","owner":"Alice","expires_at":"2027-01-01T00:00:00Z"}`, 201)
	require.True(t, strings.HasPrefix(made.Secret, "tb-"))
	require.GreaterOrEqual(t, len(made.Secret), len("tb-")+43, "256 bits")
	require.Equal(t, "alice", made.Name)
	require.Equal(t, usage.DisplayKey(made.Secret), made.Display)

	list := b.do("GET", base+"/keys", "", nil).Body.String()
	require.NotContains(t, list, made.Secret)
	stored, _, err := b.directory.Keys(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, b.ledger.KeyedFingerprint(usage.Fingerprint(made.Secret)), stored[0].Fingerprint)

	c := usage.Call{
		ID: usage.ID{1}, Trace: usage.TraceID{1}, Span: usage.SpanID{1}, Role: usage.RoleCall, Start: testNow.Add(-time.Hour), Model: "m",
		KeyFingerprint: usage.Fingerprint(made.Secret), KeyDisplay: "other",
		Tokens: usage.Tokens{InputUncached: 3, OutputText: 4, Fields: usage.HasInput | usage.HasOutput},
	}
	require.NoError(t, b.ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	key := data[[]Key](b, "GET", "/keys", "", 200)[0]
	require.EqualValues(t, 7, key.Usage.Total)
	require.True(t, key.LastUsedAt.Equal(c.Start))
	for _, filter := range []string{"alice", made.ID, usage.Fingerprint(made.Secret)} {
		page := data[LogPage](b, "GET", "/logs?key="+filter, "", 200)
		require.Len(t, page.Items, 1, filter)
		require.Equal(t, &KeyRef{ID: made.ID, Name: "alice", Display: made.Display}, page.Items[0].Key)
	}
	for _, q := range []string{"key:alice", "key:ALI", "lic", "key:" + made.ID, "status:ok", "quality:unpriced", "-key:bob", "superseded:no"} {
		require.Len(t, data[LogPage](b, "GET", "/logs?q="+q, "", 200).Items, 1, q)
	}
	for _, q := range []string{"key:bob", "-key:alice", "status:5xx", "quality:no_usage", "superseded:yes", "-m"} {
		require.Empty(t, data[LogPage](b, "GET", "/logs?q="+q, "", 200).Items, q)
	}
	require.Empty(t, data[LogPage](b, "GET", "/logs?key=bob", "", 200).Items)

	require.Equal(t, Revoked{ID: made.ID, Status: "revoked"}, data[Revoked](b, "DELETE", "/keys/"+made.ID, "", 200))
	requireProblem(t, b.do("DELETE", base+"/keys/"+made.ID, "", nil), 404)
	require.Equal(t, "revoked", data[[]Key](b, "GET", "/keys", "", 200)[0].Status)
	require.Equal(t, "alice", data[LogPage](b, "GET", "/logs", "", 200).Items[0].Key.Name, "history keeps the name")
	data[NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201) // the name is free again
}

func TestMaxKeys(t *testing.T) {
	b := newBench(t, func(o *Options) { o.MaxKeys = 2 })
	data[NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	second := data[NewKey](b, "POST", "/keys", `{"name":"b"}`, 201)
	requireProblem(t, b.do("POST", base+"/keys", `{"name":"c"}`, nil), 409)
	data[Revoked](b, "DELETE", "/keys/"+second.ID, "", 200)
	data[NewKey](b, "POST", "/keys", `{"name":"c"}`, 201)
}

func TestExportIsSafe(t *testing.T) {
	b := newBench(t, nil)
	c := usage.Call{
		ID: usage.ID{1}, Role: usage.RoleCall, Signal: usage.SignalLog, Start: testNow.Add(-time.Hour),
		Model: "=HYPERLINK(\"http://evil\")", User: "+1", Service: "@x", Provider: "-y", Project: "plain, \"quoted\"\nline",
	}
	require.NoError(t, b.ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	w := b.do("GET", base+"/export?format=csv", "", nil)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Disposition"), `filename="tokenboard-calls-until-2026-11-03.csv"`)
	text, marked := strings.CutPrefix(w.Body.String(), "\uFEFF")
	require.True(t, marked)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for i, name := range rows[0] {
		v := rows[1][i]
		require.NotContains(t, "=+-@", string(append([]byte(v), ' ')[:1]), name)
		if name == "project" {
			require.Equal(t, c.Project, v)
		}
	}
	empty := newBench(t, nil).do("GET", base+"/export", "", nil).Body.String()
	require.Contains(t, empty, `"logs":[`)
	require.JSONEq(t, empty, empty)
}

func TestSearchTerms(t *testing.T) {
	for q, want := range map[string][]store.Term{
		"":                     nil,
		"a b":                  {{Value: "a"}, {Value: "b"}},
		`"a b" c`:              {{Value: "a b"}, {Value: "c"}},
		"llama3:8b":            {{Value: "llama3:8b"}},
		"model:llama3:8b":      {{Field: "model", Value: "llama3:8b"}},
		`MODEL:"gpt 4" user:x`: {{Field: "model", Value: "gpt 4"}, {Field: "user", Value: "x"}},
		"http://x/y":           {{Value: "http://x/y"}},
	} {
		got, err := search(q)
		require.NoError(t, err)
		require.Equal(t, want, got, q)
	}
	got, err := search(`-status:5xx -"a b" - -x`)
	require.NoError(t, err)
	require.Equal(t, []store.Term{{Field: "status", Value: "5xx", Not: true}, {Value: "a b", Not: true}, {Value: "-"}, {Value: "x", Not: true}}, got)
	for _, q := range []string{"status:fine", "quality:good", "superseded:perhaps", `"open`, "model:", `""`, strings.Repeat("a ", 11)} {
		_, err := search(q)
		require.Error(t, err, q)
	}
}

func TestLogPagesAndItems(t *testing.T) {
	b := newBench(t, nil)
	var times []time.Time
	for i := range 25 {
		times = append(times, testNow.Add(-time.Duration(i)*time.Minute))
	}
	b.calls(times...)
	var seen []LogItem
	for cursor := ""; ; {
		page := data[LogPage](b, "GET", "/logs?limit=10&cursor="+cursor, "", 200)
		seen = append(seen, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	require.Len(t, seen, 25)
	for i, item := range seen {
		require.True(t, item.Time.Equal(times[i]), "newest first")
		require.Equal(t, item, data[LogItem](b, "GET", "/logs/"+item.ID, "", 200))
		require.Nil(t, item.Cost, "not known is not zero")
		require.Nil(t, item.CacheRead)
		require.EqualValues(t, 3, *item.Total)
	}
	requireProblem(t, b.do("GET", base+"/logs/"+strings.Repeat("0", 64), "", nil), 404)
}

func TestQuality(t *testing.T) {
	b := newBench(t, nil)
	b.calls(testNow.Add(-time.Hour), testNow.Add(-2*time.Hour))
	b.calls(testNow.Add(-time.Hour), testNow.Add(-2*time.Hour)) // again
	bad := usage.Call{ID: usage.ID{9}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: testNow.Add(-time.Minute), Model: "x", Quality: usage.Inconsistent}
	old := usage.Call{ID: usage.ID{8}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: testNow.Add(48 * time.Hour)}
	require.NoError(t, b.ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{bad, old}}))
	q := data[Quality](b, "GET", "/quality", "", 200)
	require.EqualValues(t, 3, q.Calls)
	require.EqualValues(t, 1, q.NoUsage)
	require.Equal(t, []ModelCount{{Model: "x", Calls: 1}}, q.NoUsageModels)
	require.EqualValues(t, 2, q.Unpriced)
	require.Equal(t, []ModelCount{{Model: "m", Provider: "openai", Calls: 2}}, q.Models)
	require.EqualValues(t, 1, q.Inconsistent)
	require.EqualValues(t, 2, q.SinceStart.Duplicates)
	require.EqualValues(t, 1, q.SinceStart.RefusedFuture)
	require.EqualValues(t, 3, q.Records)
	require.Contains(t, q.Values, ValueRoom{Dimension: "model", Count: 2, Max: 20_000})
	require.Len(t, q.Values, 5)
	require.Contains(t, q.Texts, TextRoom{Kind: "user", Count: 1, Max: 8_192})
	require.Len(t, q.Texts, 10)
	require.Zero(t, data[Quality](b, "GET", "/quality?model=x", "", 200).Unpriced)
}
