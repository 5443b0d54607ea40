package clienttest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var now = time.Date(2026, 11, 3, 18, 20, 0, 0, time.UTC)

// board is a real server.
type board struct {
	*ledger.Ledger
	url    string
	server *httptest.Server
	api    *client.Client
}

func newBoard(t *testing.T, around func(http.Handler) http.Handler) *board {
	t.Helper()
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	clock := func() time.Time { return now }
	l, err := ledger.Open(context.Background(), engine, ledger.Options{Now: clock})
	require.NoError(t, err)
	c := console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock})
	h := c.Handler()
	if around != nil {
		h = around(h)
	}
	s := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		c.Close()
		s.Close()
		require.NoError(t, l.Close())
	})
	api, err := client.New(s.URL+"/", client.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	return &board{l, s.URL, s, api}
}

func (b *board) call(t *testing.T, n int) {
	t.Helper()
	c := usage.Call{
		Role: usage.RoleCall, Start: now.Add(-time.Hour + time.Duration(n)*time.Second), Model: fmt.Sprint("m", n%2), User: "u&=?",
		Tokens: usage.Tokens{InputUncached: int64(n), OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
	}
	c.Trace, c.Span = usage.TraceID{7, byte(n >> 8), byte(n)}, usage.SpanID{8, byte(n >> 8), byte(n)}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	require.NoError(t, b.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
}

func TestReading(t *testing.T) {
	ctx := context.Background()
	b := newBoard(t, nil)
	for n := range 25 {
		b.call(t, n)
	}
	s, err := b.api.Stats(ctx, client.Filter{Models: []string{"m1"}, Users: []string{"u&=?"}, From: now.Add(-2 * time.Hour)})
	require.NoError(t, err)
	require.EqualValues(t, 12, s.Calls)
	require.EqualValues(t, "0", s.Cost)
	trend, err := b.api.Trend(ctx, client.TrendQuery{Days: 2, Interval: "day", GroupBy: "model"})
	require.NoError(t, err)
	require.Len(t, trend.Points, 2)
	require.Len(t, trend.Series, 2)
	rows, err := b.api.Breakdown(ctx, client.BreakdownQuery{By: []string{"model", "user"}, Sort: "api_call_count"})
	require.NoError(t, err)
	require.Equal(t, "m0", rows.Rows[0].Value("model"))
	values, err := b.api.Dimension(ctx, "model", "m", 10)
	require.NoError(t, err)
	require.Equal(t, []client.DimensionValue{{Value: "m0", Label: "m0", Calls: 13}, {Value: "m1", Label: "m1", Calls: 12}}, values)

	var calls []client.Call
	for one, err := range b.api.Calls(ctx, client.LogQuery{Limit: 7}) {
		require.NoError(t, err)
		calls = append(calls, one)
	}
	require.Len(t, calls, 25)
	require.EqualValues(t, 24, *calls[0].Input)
	require.Empty(t, calls[0].Cost, "not known is not zero")
	text, err := json.Marshal(calls[0])
	require.NoError(t, err)
	require.Contains(t, string(text), `"cost_usd":null`)
	n := 0
	for one, err := range b.api.ExportCalls(ctx, client.LogQuery{Query: "model:m0"}) {
		require.NoError(t, err)
		require.Equal(t, calls[len(calls)-1-2*n], one)
		if n++; n == 5 {
			break // an iterator can be left
		}
	}
	file, name, err := b.api.Export(ctx, "csv", client.LogQuery{})
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, "tokenboard-calls-until-2026-11-03.csv", name)
	file, _, err = b.api.Export(ctx, "ndjson", client.LogQuery{})
	require.NoError(t, err)
	got, err := b.api.Import(ctx, client.ImportOptions{Format: "ndjson"}, file)
	require.NoError(t, err)
	require.Equal(t, 25, got.Duplicates)
}

func TestKeys(t *testing.T) {
	ctx := context.Background()
	b := newBoard(t, nil)
	made, err := b.api.CreateKey(ctx, client.KeyRequest{Name: "alice"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(made.Secret, "tb-"))
	_, err = b.api.CreateKey(ctx, client.KeyRequest{Name: "alice"})
	require.True(t, client.IsStatus(err, 409), err)
	for _, name := range []string{"alice", made.ID} {
		k, err := b.api.FindKey(ctx, name)
		require.NoError(t, err)
		require.Equal(t, made.ID, k.ID)
	}
	require.NoError(t, b.api.RevokeKey(ctx, made.ID))
	_, err = b.api.FindKey(ctx, "alice")
	require.ErrorIs(t, err, client.ErrKeyUnknown)
}

func TestProblems(t *testing.T) {
	ctx := context.Background()
	b := newBoard(t, nil)
	_, err := b.api.Trend(ctx, client.TrendQuery{Days: 91})
	var p *client.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, 400, p.Status)
	require.Contains(t, p.Error(), "days")
	require.NotEmpty(t, p.Details)
	for _, err := range b.api.Calls(ctx, client.LogQuery{Query: `"`}) {
		require.True(t, client.IsStatus(err, 400))
	}
	for _, err := range b.api.Follow(ctx, client.LogQuery{Query: `"`}, "") {
		require.True(t, client.IsStatus(err, 400), "what is wrong stays wrong")
	}
	for _, server := range []string{"", "localhost:8317", "ftp://x", "http://u:p@x", "http://"} {
		_, err := client.New(server)
		require.Error(t, err, server)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer secret-token", r.Header.Get("Authorization"))
		http.Error(w, "<html>gateway", http.StatusBadGateway)
	}))
	defer page.Close()
	c, err := client.New(page.URL, client.WithToken("secret-token"), client.WithHTTPClient(page.Client()))
	require.NoError(t, err)
	_, err = c.Stats(ctx, client.Filter{})
	require.True(t, client.IsStatus(err, 502))
	require.NotContains(t, err.Error(), "secret-token")
}

// TestFollow: a broken connection is made again, and nothing is missed.
func TestFollow(t *testing.T) {
	var connections atomic.Int64
	var cut atomic.Pointer[context.CancelFunc]
	b := newBoard(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/stream") {
				connections.Add(1)
				ctx, cancel := context.WithCancel(r.Context())
				cut.Store(&cancel)
				defer cancel()
				r = r.WithContext(ctx)
			}
			h.ServeHTTP(w, r)
		})
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	seen := int64(0)
	asOf := 0
	for e, err := range b.api.Follow(ctx, client.LogQuery{Query: "model:m"}, "") {
		require.NoError(t, err)
		switch {
		case e.AsOf != nil && seen == 0:
			if asOf++; asOf == 1 {
				b.call(t, 1)
			}
		case e.Call != nil:
			seen++
			require.EqualValues(t, seen, *e.Call.Input)
			require.NotEmpty(t, e.ID)
		}
		if seen == 1 && e.Call != nil {
			(*cut.Load())() // and while nobody listens:
			b.call(t, 2)
			b.call(t, 3)
		}
		require.Nil(t, e.Skipped)
		if seen == 3 {
			break
		}
	}
	require.GreaterOrEqual(t, connections.Load(), int64(2))
}
