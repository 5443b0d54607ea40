package importer_test

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

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/importer"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/hangup"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestImportOfOwnExport(t *testing.T) {
	from := consoletest.BookBench(t, ledger.Options{})
	from.History()
	wantStats, wantItems, wantTrend := from.Sums()
	require.EqualValues(t, 61, wantStats.Calls)
	for _, format := range []string{"ndjson", "tokenboard"} {
		asked := map[string]string{"ndjson": "ndjson", "tokenboard": "json"}[format]
		for _, superseded := range []string{"", "&superseded=true"} {
			file := from.Do("GET", api.Base+"/export?format="+asked+superseded, "", nil).Body.String()
			to := consoletest.BookBench(t, ledger.Options{})
			got := to.Imported(format, file)
			require.Equal(t, 61, got.Accepted)
			require.Zero(t, got.RefusedCount+got.Duplicates, got.Refused)
			require.Equal(t, superseded != "", len(got.LeftOut) == 1)
			require.Equal(t, wantStats.Input, got.InputTokens)
			sums, items, trend := to.Sums()
			require.Equal(t, wantStats, sums)
			require.Equal(t, wantTrend, trend)
			require.Len(t, items, len(wantItems))
			renamed := map[string]string{}
			for i := range items {
				want := wantItems[i]
				want.Cost, items[i].Cost = nil, nil // of the sum; where there is no price, it is a reported one
				want.PriceVersion, items[i].PriceVersion = "", ""
				if k := want.Key; k != nil && k.Name == "" { // a stranger's fingerprint does not travel
					require.True(t, strings.HasPrefix(items[i].Key.ID, keyindex.ExternalPrefix))
					require.Equal(t, items[i].Key.ID, cmp.Or(renamed[k.ID], items[i].Key.ID), "one key stays one")
					renamed[k.ID] = items[i].Key.ID
					moved := *k
					moved.ID = items[i].Key.ID
					want.Key = &moved
				}
				require.Equal(t, want, items[i])
			}
			require.Len(t, consoletest.Data[stats.Breakdown](to, "GET", "/breakdown?by=key", "", 200).Rows, 5)

			again := to.Imported(format, file)
			require.Equal(t, 61, again.Duplicates)
			require.Zero(t, again.Accepted)
			same, _, _ := to.Sums()
			require.Equal(t, sums, same)
			home := from.Imported(format, file)
			require.Equal(t, 61, home.Duplicates)
			sums, items, _ = from.Sums()
			require.Equal(t, wantStats, sums)
			require.Equal(t, wantItems, items, "its own export changes nothing")
		}
	}
}

// TestImportDryRun: what a dry run says is what the import then does, and it changes nothing.
func TestImportDryRun(t *testing.T) {
	from := consoletest.BookBench(t, ledger.Options{})
	from.History()
	file := from.Do("GET", api.Base+"/export?format=ndjson", "", nil).Body.String()
	file += "x\n" + file // each call twice, and a line that is none
	to := consoletest.BookBench(t, ledger.Options{})
	before, _, _ := to.Sums()
	dry := to.Imported("ndjson&dry_run=true", file)
	require.True(t, dry.DryRun)
	require.Equal(t, []int{123, 61, 61, 1}, []int{dry.Rows, dry.Accepted, dry.Duplicates, dry.RefusedCount})
	after, items, _ := to.Sums()
	require.Equal(t, before, after)
	require.Empty(t, items)
	got := to.Imported("ndjson", file)
	require.False(t, got.DryRun)
	got.DryRun = true
	require.Equal(t, dry, got)
	dry = to.Imported("ndjson&dry_run=true", file)
	require.Equal(t, []int{0, 122}, []int{dry.Accepted, dry.Duplicates})
}

func TestImportFindsKeys(t *testing.T) {
	from, to := consoletest.NewBench(t, nil), consoletest.NewBench(t, nil)
	key := consoletest.Data[keys.NewKey](from, "POST", "/keys", `{"name":"alice"}`, 201)
	from.Commit(consoletest.CallOf(1, func(c *usage.Call) { c.KeyFingerprint = usage.Fingerprint(key.Secret) }))
	here := consoletest.Data[keys.NewKey](to, "POST", "/keys", `{"name":"alice"}`, 201)
	file := from.Do("GET", api.Base+"/export?format=ndjson", "", nil).Body.String()
	require.NotContains(t, file, usage.Fingerprint(key.Secret))
	require.Equal(t, 1, to.Imported("ndjson", file).Accepted)
	require.Equal(t, here.ID, consoletest.Data[calls.LogPage](to, "GET", "/logs", "", 200).Items[0].Key.ID, "the key of the same name")
}

func TestImportOfForeignFiles(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("..", "..", "history", "testdata", name))
		require.NoError(t, err)
		return string(b)
	}
	b := consoletest.BookBench(t, ledger.Options{})
	got := b.Imported("cliproxy", read("cliproxy.json"))
	require.Equal(t, 5, got.Accepted)
	require.Equal(t, 3, got.RefusedCount)
	require.Equal(t, 28, got.Refused[0].Line)
	require.Equal(t, 5, b.Imported("cliproxy", read("cliproxy.json")).Duplicates)
	require.Equal(t, 3, b.Imported("litellm", read("litellm.ndjson")).Accepted)
	require.Equal(t, 3, b.Imported("litellm", read("litellm.ndjson")).Duplicates)
	s := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
	require.EqualValues(t, 8, s.Calls)
	require.EqualValues(t, 120+120+100+806+120+855, s.Input)
	require.EqualValues(t, 34+34+50+20+30+20, s.Output)
	require.Zero(t, s.Unpriced)
	everything := b.Do("GET", api.Base+"/export", "", nil).Body.String() + b.Do("GET", api.Base+"/export?format=csv", "", nil).Body.String() +
		b.Do("GET", api.Base+"/audit", "", nil).Body.String()
	for _, secret := range []string{"sk-alice-0123", "sk-raw-0123", "someone@example.com", usage.Fingerprint("sk-alice-0123456789abcdef")} {
		require.NotContains(t, everything, secret)
	}
	require.Equal(t, 4, strings.Count(everything, `"action":"calls.import"`), "every import is logged")
}

func TestImportRefuses(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{MaxAge: 24 * time.Hour})
	line := func(age time.Duration) string {
		c := consoletest.CallOf(1, func(c *usage.Call) { c.Start = consoletest.TestNow.Add(-age) }).Calls[0]
		item, err := json.Marshal(calls.ItemOf(&store.Record{Call: c, Counted: true}, &keyindex.Index{}))
		require.NoError(t, err)
		return string(item) + "\n"
	}
	got := b.Imported("ndjson", line(time.Hour)+"\n"+line(48*time.Hour)+"{}\nx\n"+line(-48*time.Hour)+line(time.Hour))
	require.Equal(t, 1, got.Accepted)
	require.Equal(t, 1, got.Duplicates)
	require.Equal(t, []importer.RefusedRow{{3, ledger.ErrTooOld.Error()}, {4, got.Refused[1].Reason}, {5, got.Refused[2].Reason}, {6, ledger.ErrTooNew.Error()}}, got.Refused)

	before := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
	many := b.Imported("ndjson", strings.Repeat("x\n", 250))
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
		w := b.Do("POST", api.Base+"/logs/import"+tc.target, tc.body, map[string]string{"Content-Type": tc.kind})
		p := consoletest.RequireProblem(t, w, tc.status)
		require.Contains(t, p.Message, tc.says)
	}
	require.Equal(t, before, consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200), "nothing was changed")

	r := httptest.NewRequest(http.MethodPost, "http://localhost"+api.Base+"/logs/import?format=ndjson", strings.NewReader("x"))
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.ContentLength = importer.MaxImport + 1
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	consoletest.RequireProblem(t, w, 413)
}

// TestImportBreaksOff: what was read before the file broke off is there, and sending it again mends it.
func TestImportBreaksOff(t *testing.T) {
	from := consoletest.NewBench(t, nil)
	from.Mixed(3*importer.ImportBatch, consoletest.TestNow)
	file := from.Do("GET", api.Base+"/export", "", nil).Body.Bytes()
	to := consoletest.NewBench(t, nil)
	half := bytes.LastIndexByte(file[:2*len(file)/3], '\n')
	p := consoletest.RequireProblem(t, to.Do("POST", api.Base+"/logs/import?format=tokenboard", string(file[:half]), nil), 400)
	require.Contains(t, p.Message, "500 calls before that were accepted")
	got := to.Imported("tokenboard", string(file))
	require.Equal(t, 3*importer.ImportBatch, got.Accepted+got.Duplicates)
	require.Equal(t, importer.ImportBatch, got.Duplicates)
	require.Equal(t, consoletest.Data[stats.Stats](from, "GET", "/stats", "", 200).Used, consoletest.Data[stats.Stats](to, "GET", "/stats", "", 200).Used)

	cut := to.Imported("tokenboard&to="+consoletest.TestNow.Add(-10*time.Hour).Format(time.RFC3339), string(file))
	require.Equal(t, 11, cut.LeftOut[0].Count)
}

// TestImportOfAnotherKindOfFile ends soon, and says what may be wrong.
func TestImportOfAnotherKindOfFile(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/logs/import?format=ndjson", strings.Repeat("{}\n", 200_000), nil), 400)
	require.Contains(t, p.Message, "10000 rows were read and nearly none is a call")
	p = consoletest.RequireProblem(t, b.Do("POST", api.Base+"/logs/import?format=tokenboard", `{"logs":[`+strings.Repeat("\n", 16<<20), nil), 400)
	require.Contains(t, p.Message, "ends in the middle")
}

// TestImportEndsWithItsRequest stops to read when the client is gone, whatever is still to come.
func TestImportEndsWithItsRequest(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	pieces := 0
	body := consoletest.ReaderFunc(func(p []byte) (int, error) {
		if pieces++; pieces == 5 {
			cancel()
		}
		require.Less(t, pieces, 100, "it goes on after the client is gone")
		return copy(p, strings.Repeat("\n", len(p))), nil
	})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://localhost:8317"+api.Base+"/logs/import?format=tokenboard", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	require.Equal(t, 503, w.Code, w.Body)
}

// TestImportEndsWithItsConnection stops to read when the client has closed the connection while what it sent
// is not read to its end, as with a small body that becomes a large one when it is decompressed: the server
// does not see it then.
func TestImportEndsWithItsConnection(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems do not say it, see hangup")
	}
	b := consoletest.BookBench(t, ledger.Options{})
	begun, left, ended := make(chan struct{}), make(chan struct{}), make(chan int, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pieces := 0
		r.Body = io.NopCloser(consoletest.ReaderFunc(func(p []byte) (int, error) {
			if pieces++; pieces == 1 {
				close(begun)
				<-left
			}
			time.Sleep(time.Millisecond)
			return copy(p, strings.Repeat("\n", len(p))), nil
		}))
		b.Handler.ServeHTTP(w, r)
		ended <- pieces
	}))
	server.Config.ConnContext = hangup.Context
	server.Start()
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(client, "POST %s/logs/import?format=tokenboard HTTP/1.1\r\nHost: localhost:8317\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", api.Base)
	require.NoError(t, err)
	<-begun
	require.NoError(t, client.Close())
	close(left)
	require.Less(t, <-ended, 10_000, "it goes on after the client is gone")
}
