package compress_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/compress"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

func askedIn(h http.Handler, target, accepts string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+target, nil)
	if accepts != "" {
		r.Header.Set("Accept-Encoding", accepts)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func plain(t *testing.T, w *httptest.ResponseRecorder) []byte {
	t.Helper()
	var r io.Reader = w.Body
	switch w.Header().Get("Content-Encoding") {
	case "br":
		r = brotli.NewReader(w.Body)
	case "gzip":
		z, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		r = z
	}
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

// TestEveryJSONAnswerIsCompressed: shared answers, streamed files and the description; short ones and lines go as they are.
func TestEveryJSONAnswerIsCompressed(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Mixed(300, consoletest.TestNow)
	h := b.Whole()
	for _, target := range []string{
		"/api/console/stats", "/api/console/usage-trend?days=90&group_by=model", "/api/console/logs?limit=200", "/api/console/breakdown?by=model,user",
		"/api/console/breakdown/export?by=model,user&format=json", "/api/console/export?format=json", "/api/console/openapi.json", "/api/console/settings",
	} {
		whole := askedIn(h, target, "")
		require.Equal(t, 200, whole.Code, target)
		require.Empty(t, whole.Header().Get("Content-Encoding"), target)
		require.Equal(t, "Accept-Encoding", whole.Header().Get("Vary"), target)
		want := whole.Body.Bytes()
		require.True(t, json.Valid(want), target)
		for accepts, coding := range map[string]string{"gzip": "gzip", "gzip, deflate, br": "br", "br;q=0, gzip": "gzip", "identity": ""} {
			got := askedIn(h, target, accepts)
			if len(want) < compress.Worthwhile {
				coding = ""
			}
			require.Equal(t, coding, got.Header().Get("Content-Encoding"), target)
			require.Equal(t, "Accept-Encoding", got.Header().Get("Vary"), target)
			if coding != "" {
				require.Less(t, got.Body.Len(), len(want)/2, target)
			}
			require.Equal(t, len(want), len(plain(t, got)), target)
		}
	}
	for _, target := range []string{"/api/console/health", "/api/console/stats?model=" + strings.Repeat("x", 10), "/api/console/none"} {
		w := askedIn(h, target, "gzip")
		if w.Body.Len() < compress.Worthwhile {
			require.Empty(t, w.Header().Get("Content-Encoding"), target)
		}
	}
	for _, target := range []string{"/api/console/export?format=csv", "/api/console/export?format=ndjson"} {
		require.Empty(t, askedIn(h, target, "gzip, br").Header().Get("Content-Encoding"), target)
	}
}

// TestLiveStreamIsNotHeldBack: events reach their reader while the stream is open.
func TestLiveStreamIsNotHeldBack(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	server := httptest.NewServer(b.Whole())
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+api.Base+"/logs/stream", nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip, br")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Empty(t, res.Header.Get("Content-Encoding"))
	b.Calls(consoletest.TestNow.Add(-time.Second))
	read := make([]byte, 0, 4096)
	for !bytes.Contains(read, []byte("event: call")) {
		piece := make([]byte, 1024)
		n, err := res.Body.Read(piece)
		require.NoError(t, err)
		read = append(read, piece[:n]...)
	}
}

// TestBrokenAnswerIsNotWhole: an answer that breaks off must not look like one that ended.
func TestBrokenAnswerIsNotWhole(t *testing.T) {
	h := compress.JSON(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["`+strings.Repeat("x", 100_000))
		panic(http.ErrAbortHandler)
	}))
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+api.Base+"/x", nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	require.Error(t, err)
}
