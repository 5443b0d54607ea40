package console_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNoSecrets: whatever is asked, no answer, no header, no log line holds a key or a fingerprint.
func TestNoSecrets(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	b := consoletest.NewBench(t, func(o *console.Options) { o.Logger = zap.New(core) })
	planted := "sk-planted-0123456789abcdefghijk"
	imported := consoletest.Data[keys.Imported](b, "POST", "/keys/import", `{"keys":[{"name":"i","key":"`+planted+`","owner":"alice"}]}`, 200)
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"c","owner":"alice"}`, 201)
	rotated := consoletest.Data[keys.NewKey](b, "POST", "/keys/"+made.ID+"/rotate", `{"overlap_seconds":60}`, 201)
	secrets := []string{planted, made.Secret, rotated.Secret}
	for i, s := range secrets {
		b.Spend(byte(i), usage.Fingerprint(s), "m", 1)
	}
	var all strings.Builder
	note := func(w *httptest.ResponseRecorder) {
		fmt.Fprintln(&all, w.Code, w.Header(), w.Body)
	}
	for _, target := range []string{
		"/keys", "/keys/" + made.ID, "/keys?q=c", "/audit", "/audit/export", "/export", "/export?format=csv", "/export?format=ndjson", "/export/focus", "/logs", "/stats",
		"/usage-trend?group_by=key", "/breakdown?by=key", "/quality", "/openapi.json", "/keys/" + imported.Keys[0].ID,
	} {
		note(b.Do("GET", api.Base+target, "", nil))
	}
	note(b.Do("GET", "/metrics", "", nil))
	for _, s := range secrets {
		for _, body := range []string{`{"key":"` + s + `"}`, `{"key":"` + s + `","model":5}`, `{"key":"` + s + `"`, `{"key":["` + s + `"]}`} {
			note(b.Do("POST", api.Base+"/keys/verify", body, nil))
		}
		for _, h := range []map[string]string{{"Authorization": "Bearer " + s}, {"X-Api-Key": s}, {"Authorization": "Bearer " + s, "X-Api-Key": "x"}} {
			note(b.Do("GET", keycheck.ForwardAuth, "", h))
			note(b.Do("GET", keycheck.ForwardAuth+"/v1/chat", "", h))
			note(b.Do("POST", api.Base+"/keys/verify", "", h))
		}
		note(b.Do("POST", api.Base+"/keys/import", `{"keys":[{"name":"x","key":"`+s+`","display":"d"},{"name":5}]}`, nil))
		note(b.Do("PATCH", api.Base+"/keys/"+made.ID, `{"key":"`+s+`"}`, nil))
	}
	for _, e := range logged.All() {
		fmt.Fprintln(&all, e.Message, e.ContextMap())
	}
	text := all.String()
	for _, s := range secrets {
		require.NotContains(t, text, s)
		if i := strings.Index(text, usage.Fingerprint(s)); i >= 0 {
			t.Fatalf("a fingerprint is shown: %s", text[max(i-200, 0):i+80])
		}
	}
}
