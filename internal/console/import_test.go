package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/hangup"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// bookBench is a bench whose calls have prices.
func bookBench(t *testing.T, o ledger.Options) *bench {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	book, err := pricing.Default()
	require.NoError(t, err)
	clock := func() time.Time { return testNow }
	o.Now, o.Prices = clock, book
	l, err := ledger.Open(ctx, engine, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return &bench{t: t, ledger: l, handler: New(Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock}).Handler()}
}

// history commits calls of every kind: priced and not, with caches, failed, from spans and logs, superseded.
func (b *bench) history() {
	var batch usage.Batch
	for i := range 60 {
		one := callOf(i, func(c *usage.Call) {
			c.Provider, c.Model = []string{"anthropic", "openai", "nobody"}[i%3], []string{"claude-sonnet-4-5", "gpt-4o", "=unheard-of"}[i%3]
			c.Start = testNow.Add(-time.Duration(i)*time.Hour - 123456789)
			c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint(fmt.Sprint("key", i%4)), fmt.Sprint("sk-…", i%4)
			c.Environment, c.Session, c.ResponseID, c.RequestModel = "prod", fmt.Sprint("s", i%7), fmt.Sprint("r", i), "asked"
			c.Duration, c.TTFT, c.Stream, c.Status = time.Duration(i)*time.Millisecond, time.Duration(i)*time.Microsecond, usage.Tristate(i%3), 200
			c.Tokens = usage.Tokens{InputUncached: int64(i), CacheRead: 7, CacheWrite: 9, CacheWrite1h: 4, OutputText: 3, Reasoning: 2,
				Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasCacheWrite | usage.HasCacheWrite1h | usage.HasReasoning}
			switch i % 5 {
			case 0:
				c.Signal, c.ID, c.Failed, c.Status, c.ErrorType = usage.SignalLog, usage.ID{9, byte(i)}, true, 429, "rate_limit"
			case 1:
				c.Tokens = usage.Tokens{}
			case 2:
				c.HasReportedCost, c.ReportedCost, c.Quality = true, usage.NanoUSD(1000*i), usage.Estimated
			case 3:
				c.Modalities = usage.Modalities{AudioInput: 3, AudioOutput: 1}
			}
		})
		batch.Calls = append(batch.Calls, one.Calls...)
	}
	b.commit(batch)
	b.commit(callOf(200, func(c *usage.Call) {
		c.Role, c.Span = usage.RoleAggregate, usage.SpanID{1}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}))
	b.commit(callOf(200, func(c *usage.Call) { c.Parent = usage.SpanID{1} }))
}

// sums are what two ledgers with the same calls agree on.
func (b *bench) sums() (Stats, []LogItem, Trend) {
	s := data[Stats](b, "GET", "/stats", "", 200)
	s.AsOf = nil
	items := data[LogPage](b, "GET", "/logs?limit=1000", "", 200).Items
	for i := range items {
		items[i].Quality = nil // a cost that no price gives is reported from then on
		if items[i].Key != nil {
			items[i].Key.Display = ""
		}
	}
	t := data[Trend](b, "GET", "/usage-trend?days=30", "", 200)
	t.AsOf = nil
	return s, items, t
}

func (b *bench) imported(format, file string) Import {
	b.t.Helper()
	return data[Import](b, "POST", "/logs/import?format="+format, file, 200)
}

func TestImportOfOwnExport(t *testing.T) {
	from := bookBench(t, ledger.Options{})
	from.history()
	wantStats, wantItems, wantTrend := from.sums()
	require.EqualValues(t, 61, wantStats.Calls)
	for _, format := range []string{"ndjson", "tokenboard"} {
		asked := map[string]string{"ndjson": "ndjson", "tokenboard": "json"}[format]
		for _, superseded := range []string{"", "&superseded=true"} {
			file := from.do("GET", base+"/export?format="+asked+superseded, "", nil).Body.String()
			to := bookBench(t, ledger.Options{})
			got := to.imported(format, file)
			require.Equal(t, 61, got.Accepted)
			require.Zero(t, got.RefusedCount+got.Duplicates, got.Refused)
			require.Equal(t, superseded != "", len(got.LeftOut) == 1)
			require.Equal(t, wantStats.Input, got.InputTokens)
			stats, items, trend := to.sums()
			require.Equal(t, wantStats, stats)
			require.Equal(t, wantTrend, trend)
			require.Len(t, items, len(wantItems))
			renamed := map[string]string{}
			for i := range items {
				want := wantItems[i]
				want.Cost, items[i].Cost = nil, nil // of the sum; where there is no price, it is a reported one
				want.PriceVersion, items[i].PriceVersion = "", ""
				if k := want.Key; k != nil && k.Name == "" { // a stranger's fingerprint does not travel
					require.True(t, strings.HasPrefix(items[i].Key.ID, strangerPrefix))
					require.Equal(t, items[i].Key.ID, cmp.Or(renamed[k.ID], items[i].Key.ID), "one key stays one")
					renamed[k.ID] = items[i].Key.ID
					moved := *k
					moved.ID = items[i].Key.ID
					want.Key = &moved
				}
				require.Equal(t, want, items[i])
			}
			require.Len(t, data[Breakdown](to, "GET", "/breakdown?by=key", "", 200).Rows, 5)

			again := to.imported(format, file)
			require.Equal(t, 61, again.Duplicates)
			require.Zero(t, again.Accepted)
			same, _, _ := to.sums()
			require.Equal(t, stats, same)
			home := from.imported(format, file)
			require.Equal(t, 61, home.Duplicates)
			stats, items, _ = from.sums()
			require.Equal(t, wantStats, stats)
			require.Equal(t, wantItems, items, "its own export changes nothing")
		}
	}
}

// TestImportDryRun: what a dry run says is what the import then does, and it changes nothing.
func TestImportDryRun(t *testing.T) {
	from := bookBench(t, ledger.Options{})
	from.history()
	file := from.do("GET", base+"/export?format=ndjson", "", nil).Body.String()
	file += "x\n" + file // each call twice, and a line that is none
	to := bookBench(t, ledger.Options{})
	before, _, _ := to.sums()
	dry := to.imported("ndjson&dry_run=true", file)
	require.True(t, dry.DryRun)
	require.Equal(t, []int{123, 61, 61, 1}, []int{dry.Rows, dry.Accepted, dry.Duplicates, dry.RefusedCount})
	after, items, _ := to.sums()
	require.Equal(t, before, after)
	require.Empty(t, items)
	got := to.imported("ndjson", file)
	require.False(t, got.DryRun)
	got.DryRun = true
	require.Equal(t, dry, got)
	dry = to.imported("ndjson&dry_run=true", file)
	require.Equal(t, []int{0, 122}, []int{dry.Accepted, dry.Duplicates})
}

func TestImportFindsKeys(t *testing.T) {
	from, to := newBench(t, nil), newBench(t, nil)
	key := data[NewKey](from, "POST", "/keys", `{"name":"alice"}`, 201)
	from.commit(callOf(1, func(c *usage.Call) { c.KeyFingerprint = usage.Fingerprint(key.Secret) }))
	here := data[NewKey](to, "POST", "/keys", `{"name":"alice"}`, 201)
	file := from.do("GET", base+"/export?format=ndjson", "", nil).Body.String()
	require.NotContains(t, file, usage.Fingerprint(key.Secret))
	require.Equal(t, 1, to.imported("ndjson", file).Accepted)
	require.Equal(t, here.ID, data[LogPage](to, "GET", "/logs", "", 200).Items[0].Key.ID, "the key of the same name")
}

func TestImportOfForeignFiles(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("..", "history", "testdata", name))
		require.NoError(t, err)
		return string(b)
	}
	b := bookBench(t, ledger.Options{})
	got := b.imported("cliproxy", read("cliproxy.json"))
	require.Equal(t, 5, got.Accepted)
	require.Equal(t, 3, got.RefusedCount)
	require.Equal(t, 28, got.Refused[0].Line)
	require.Equal(t, 5, b.imported("cliproxy", read("cliproxy.json")).Duplicates)
	require.Equal(t, 3, b.imported("litellm", read("litellm.ndjson")).Accepted)
	require.Equal(t, 3, b.imported("litellm", read("litellm.ndjson")).Duplicates)
	s := data[Stats](b, "GET", "/stats", "", 200)
	require.EqualValues(t, 8, s.Calls)
	require.EqualValues(t, 120+120+100+806+120+855, s.Input)
	require.EqualValues(t, 34+34+50+20+30+20, s.Output)
	require.Zero(t, s.Unpriced)
	everything := b.do("GET", base+"/export", "", nil).Body.String() + b.do("GET", base+"/export?format=csv", "", nil).Body.String() +
		b.do("GET", base+"/audit", "", nil).Body.String()
	for _, secret := range []string{"sk-alice-0123", "sk-raw-0123", "someone@example.com", usage.Fingerprint("sk-alice-0123456789abcdef")} {
		require.NotContains(t, everything, secret)
	}
	require.Equal(t, 4, strings.Count(everything, `"action":"calls.import"`), "every import is told of")
}

func TestImportRefuses(t *testing.T) {
	b := bookBench(t, ledger.Options{MaxAge: 24 * time.Hour})
	line := func(age time.Duration) string {
		c := callOf(1, func(c *usage.Call) { c.Start = testNow.Add(-age) }).Calls[0]
		item, err := json.Marshal(itemOf(&store.Record{Call: c, Counted: true}, &keyIndex{}))
		require.NoError(t, err)
		return string(item) + "\n"
	}
	got := b.imported("ndjson", line(time.Hour)+"\n"+line(48*time.Hour)+"{}\nx\n"+line(-48*time.Hour)+line(time.Hour))
	require.Equal(t, 1, got.Accepted)
	require.Equal(t, 1, got.Duplicates)
	require.Equal(t, []RefusedRow{{3, ledger.ErrTooOld.Error()}, {4, got.Refused[1].Reason}, {5, got.Refused[2].Reason}, {6, ledger.ErrTooNew.Error()}}, got.Refused)

	before := data[Stats](b, "GET", "/stats", "", 200)
	many := b.imported("ndjson", strings.Repeat("x\n", 250))
	require.Equal(t, 250, many.RefusedCount)
	require.Len(t, many.Refused, 100)
	for _, tc := range []struct {
		target, body, kind string
		status             int
		says               string
	}{
		{"", "{}", "application/json", 400, "format"},
		{"?format=xml", "{}", "application/json", 400, "format"},
		{"?format=ndjson", "", "application/json", 400, "body"},
		{"?format=ndjson&to=soon", "{}", "application/json", 400, "to"},
		{"?format=tokenboard", `{"logs":[`, "application/json", 400, "ends in the middle"},
		{"?format=cliproxy", `<html>`, "application/json", 400, "line 1"},
		{"?format=ndjson", "{}", "text/plain", 415, "JSON"},
	} {
		w := b.do("POST", base+"/logs/import"+tc.target, tc.body, map[string]string{"Content-Type": tc.kind})
		p := requireProblem(t, w, tc.status)
		require.Contains(t, p.Message, tc.says)
	}
	require.Equal(t, before, data[Stats](b, "GET", "/stats", "", 200), "nothing was changed")

	r := httptest.NewRequest(http.MethodPost, "http://localhost"+base+"/logs/import?format=ndjson", strings.NewReader("x"))
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.ContentLength = maxImport + 1
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	requireProblem(t, w, 413)
}

// TestImportBreaksOff: what was read before the file broke off is there, and sending it again mends it.
func TestImportBreaksOff(t *testing.T) {
	from := newBench(t, nil)
	from.mixed(3*importBatch, testNow)
	file := from.do("GET", base+"/export", "", nil).Body.Bytes()
	to := newBench(t, nil)
	half := bytes.LastIndexByte(file[:2*len(file)/3], '\n')
	p := requireProblem(t, to.do("POST", base+"/logs/import?format=tokenboard", string(file[:half]), nil), 400)
	require.Contains(t, p.Message, "500 calls before that were accepted")
	got := to.imported("tokenboard", string(file))
	require.Equal(t, 3*importBatch, got.Accepted+got.Duplicates)
	require.Equal(t, importBatch, got.Duplicates)
	require.Equal(t, data[Stats](from, "GET", "/stats", "", 200).Used, data[Stats](to, "GET", "/stats", "", 200).Used)

	cut := to.imported("tokenboard&to="+testNow.Add(-10*time.Hour).Format(time.RFC3339), string(file))
	require.Equal(t, 11, cut.LeftOut[0].Count)
}

// TestImportOfAnotherKindOfFile ends soon, and says what may be wrong.
func TestImportOfAnotherKindOfFile(t *testing.T) {
	b := bookBench(t, ledger.Options{})
	p := requireProblem(t, b.do("POST", base+"/logs/import?format=ndjson", strings.Repeat("{}\n", 200_000), nil), 400)
	require.Contains(t, p.Message, "10000 rows were read and nearly none is a call")
	p = requireProblem(t, b.do("POST", base+"/logs/import?format=tokenboard", `{"logs":[`+strings.Repeat("\n", 16<<20), nil), 400)
	require.Contains(t, p.Message, "ends in the middle")
}

// TestImportEndsWithItsRequest stops to read when the client is gone, whatever is still to come.
func TestImportEndsWithItsRequest(t *testing.T) {
	b := bookBench(t, ledger.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	pieces := 0
	body := readerFunc(func(p []byte) (int, error) {
		if pieces++; pieces == 5 {
			cancel()
		}
		require.Less(t, pieces, 100, "it goes on after the client is gone")
		return copy(p, strings.Repeat("\n", len(p))), nil
	})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://localhost:8317"+base+"/logs/import?format=tokenboard", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	require.Equal(t, 503, w.Code, w.Body)
}

// TestImportEndsWithItsConnection stops to read when the client has closed the connection while what it sent
// is not read to its end, as with a small body that becomes a large one when it is decompressed: the server
// does not see it then.
func TestImportEndsWithItsConnection(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not say it, see hangup")
	}
	b := bookBench(t, ledger.Options{})
	begun, left, ended := make(chan struct{}), make(chan struct{}), make(chan int, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pieces := 0
		r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
			if pieces++; pieces == 1 {
				close(begun)
				<-left
			}
			time.Sleep(time.Millisecond)
			return copy(p, strings.Repeat("\n", len(p))), nil
		}))
		b.handler.ServeHTTP(w, r)
		ended <- pieces
	}))
	server.Config.ConnContext = hangup.Context
	server.Start()
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(client, "POST %s/logs/import?format=tokenboard HTTP/1.1\r\nHost: localhost:8317\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", base)
	require.NoError(t, err)
	<-begun
	require.NoError(t, client.Close())
	close(left)
	require.Less(t, <-ended, 10_000, "it goes on after the client is gone")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
