package emitters

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// tee hands OTLP over HTTP on to the binary. What is behind "/v1/" of a path is the signal, whatever stands before it: a
// receiver is configured so by traces_url_path. Where it has a folder, it also writes traces and logs as a capture of testdata.
type tee struct {
	t      *testing.T
	otlp   string
	folder string

	mu sync.Mutex
}

func (e *tee) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	_, signal, ok := strings.Cut(r.URL.Path, "/v1/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	if e.folder != "" {
		e.record(signal, r.Header, body)
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, e.otlp+"/v1/"+signal, bytes.NewReader(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		req.Header.Set(name, r.Header.Get(name))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		e.t.Errorf("%s: %s", r.URL.Path, res.Status)
	}
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.WriteHeader(res.StatusCode)
	_, _ = io.Copy(w, res.Body)
}

// record appends a request to the capture, without what a machine and a process are.
func (e *tee) record(signal string, h http.Header, body []byte) {
	if h.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		require.NoError(e.t, err)
		body, err = io.ReadAll(z)
		require.NoError(e.t, err)
	}
	inJSON := strings.HasPrefix(h.Get("Content-Type"), "application/json")
	var line []byte
	var err error
	switch signal {
	case "traces":
		req := ptraceotlp.NewExportRequest()
		read := req.UnmarshalProto
		if inJSON {
			read = req.UnmarshalJSON
		}
		require.NoError(e.t, read(body))
		for _, rs := range req.Traces().ResourceSpans().All() {
			anonymous(rs.Resource().Attributes())
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					for _, ev := range s.Events().All() {
						ev.Attributes().Remove("exception.stacktrace")
					}
					s.Attributes().Remove("exception.stacktrace")
					message, _, _ := strings.Cut(s.Status().Message(), "Traceback")
					s.Status().SetMessage(message)
				}
			}
		}
		line, err = req.MarshalJSON()
	case "logs":
		req := plogotlp.NewExportRequest()
		read := req.UnmarshalProto
		if inJSON {
			read = req.UnmarshalJSON
		}
		require.NoError(e.t, read(body))
		for _, rl := range req.Logs().ResourceLogs().All() {
			anonymous(rl.Resource().Attributes())
		}
		line, err = req.MarshalJSON()
	default:
		return
	}
	require.NoError(e.t, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(e.folder, signal+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(e.t, err)
	_, err = f.Write(append(line, '\n'))
	require.NoError(e.t, err)
	require.NoError(e.t, f.Close())
}

func anonymous(resource pcommon.Map) {
	resource.RemoveIf(func(k string, _ pcommon.Value) bool {
		return k != "service.name" && !strings.HasPrefix(k, "telemetry.sdk")
	})
}
