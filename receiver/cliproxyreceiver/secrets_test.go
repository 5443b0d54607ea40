package cliproxyreceiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// planted are what must not leave the receiver; each stands in every event that the test sends.
var planted = map[string]string{
	"client key":       "sk-clientkey-0123456789abcdef",
	"upstream key":     "up-key-0123456789abcdef",
	"client address":   "198.51.100.77",
	"forwarded for":    "203.0.113.199",
	"user agent":       "secretive-client/9.9",
	"response header":  "header-value-0123456789",
	"failure body":     "the upstream said something private",
	"access token":     "abababababababababababababababababababababababababababababababab",
	"unknown field":    "what-nobody-knows-0123456789",
	"management key":   managementKey,
	"key in wrongness": "sk-brokenkey-0123456789abcdef",
}

func leaky(i int, failed bool) string {
	return fmt.Sprintf(`{"timestamp":"2026-11-24T12:00:00.%09dZ","latency_ms":5,"source":%q,"auth_index":"552621c7783b2593","access_token_sha256":%q,`+
		`"client_ip":%q,"x_forwarded_for":%q,"user_agent":%q,"tokens":{"input_tokens":10,"output_tokens":7,"total_tokens":17},"failed":%t,`+
		`"fail":{"status_code":500,"body":%q},"response_headers":{"X-Secret":[%q]},"mystery":{"deep":[%q]},"provider":"openai","model":"gpt-4o-mini",`+
		`"endpoint":"POST /v1/chat/completions?key=%s","auth_type":"apikey","api_key":%q,"request_id":"r%d"}`,
		i, planted["upstream key"], planted["access token"], planted["client address"], planted["forwarded for"], planted["user agent"], failed,
		planted["failure body"], planted["response header"], planted["unknown field"], planted["client key"], planted["client key"], i)
}

// TestNothingLeaks plants secrets in events, good ones and broken ones, and looks for them in spans, log
// lines, the storage's files, metrics and statuses.
func TestNothingLeaks(t *testing.T) {
	for _, mode := range []string{modePull, modeSubscribe} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{Release: "7.2.1"})
			w.config.Proxies[0].Mode = mode
			w.next.set(func(ptrace.Traces) error { return errors.New("down") })
			w.proxy.Emit(leaky(0, false), leaky(1, true), `{"api_key":"`+planted["key in wrongness"]+`","timestamp":"`+planted["client key"]+`"}`,
				`["`+planted["key in wrongness"]+`"]`)
			w.proxy.CutNext(3000)
			w.start()
			w.eventually("a backlog", func() bool { return w.metric("receiver_cliproxy_backlog_events") > 0 })
			w.proxy.FailNext(2)
			w.eventually("the next pulls", func() bool { return w.proxy.Pulls() > 3 })
			w.stop()
			found := map[string]string{}
			files, err := filepath.Glob(filepath.Join(w.dir, "*"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, f := range files {
				b, err := os.ReadFile(f)
				require.NoError(t, err)
				found["storage file "+f] = string(b)
			}
			require.Contains(t, fmt.Sprint(found), usage.Fingerprint(planted["client key"]), "the test reads what was stored")

			w.next.set(nil)
			w.start()
			w.eventually("events", func() bool { return w.next.len() >= 1 })
			w.proxy.Set(func(o *cliproxytest.Options) { o.Key = "changed" })
			w.eventually("the refusal", func() bool { return w.lastStatus().Err() != nil })
			w.stop()
			for i, td := range w.next.traces {
				b, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
				require.NoError(t, err)
				found[fmt.Sprintf("spans %d", i)] = string(b)
			}
			require.Contains(t, fmt.Sprint(found), `tokenboard.key.display`)
			for i, l := range w.logs.All() {
				found[fmt.Sprintf("log %d", i)] = l.Message + fmt.Sprint(l.ContextMap())
			}
			for i, s := range w.statuses {
				found[fmt.Sprintf("status %d", i)] = fmt.Sprint(s.Err())
			}
			var metrics metricdata.ResourceMetrics
			require.NoError(t, w.tel.Reader.Collect(context.Background(), &metrics))
			found["metrics"] = fmt.Sprintf("%+v", metrics)
			for place, text := range found {
				for what, secret := range planted {
					require.NotContains(t, text, secret, "%s in %s", what, place)
				}
				require.NotContains(t, strings.ToLower(text), "@example.com")
			}
		})
	}
}
