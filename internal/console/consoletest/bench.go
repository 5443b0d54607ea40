package consoletest

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Whole is the handler as it is served.
func (b *Bench) Whole() http.Handler {
	return b.Console.Handler()
}

// TestNow is a Tuesday, between the daylight-saving days of New York that the tests look at.
var TestNow = time.Date(2026, 11, 3, 18, 20, 0, 0, time.UTC)

// Bench is a console over a real store.
type Bench struct {
	Console   *console.Console
	T         testing.TB
	Ledger    *ledger.Ledger
	Directory store.Directory
	Handler   http.Handler
	Served    http.Handler // of requests whose principal is known
}

// NewBench returns a console over an empty ledger, open to everybody, with what options change.
func NewBench(t testing.TB, with func(*console.Options)) *Bench {
	t.Helper()
	b, o := OpenBench(t, with)
	b.Console = console.New(o)
	b.Served = b.Console.Router.Handler()
	b.Handler = b.Console.Handler()
	return b
}

// OpenBench makes a bench that has no console yet, and the options for one.
func OpenBench(t testing.TB, with func(*console.Options)) (*Bench, console.Options) {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db"), Keyed: true})
	require.NoError(t, err)
	clock := func() time.Time { return TestNow }
	l, err := ledger.Open(ctx, engine, idle(ledger.Options{Now: clock, KeySecret: engine.KeySecret()}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	sealer, err := seal.New(engine.KeySecret())
	require.NoError(t, err)
	o := console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock, Sealer: sealer}
	if with != nil {
		with(&o)
	}
	return &Bench{T: t, Ledger: o.Ledger, Directory: o.Directory}, o
}

// idle keeps a ledger from writing by itself while a test looks at what the store has, however long that takes.
func idle(o ledger.Options) ledger.Options {
	o.RetentionInterval, o.SaveInterval = cmp.Or(o.RetentionInterval, 24*time.Hour), cmp.Or(o.SaveInterval, 24*time.Hour)
	return o
}

// Calls commits one call for each time, of one input token and two output tokens.
func (b *Bench) Calls(at ...time.Time) {
	b.T.Helper()
	var batch usage.Batch
	for i, t := range at {
		c := usage.Call{
			Role: usage.RoleCall, Start: t, Model: "m", Provider: "openai", Service: "svc",
			Tokens: usage.Tokens{InputUncached: 1, OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
		}
		c.Trace, c.Span = usage.TraceID{1, byte(i >> 8), byte(i)}, usage.SpanID{2, byte(i >> 8), byte(i)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}

// Do sends a request to the console, and returns its answer.
func (b *Bench) Do(method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	b.T.Helper()
	r := httptest.NewRequestWithContext(b.T.Context(), method, "http://localhost:8317"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	return w
}

// As returns a bench whose requests act for a principal.
func (b *Bench) As(p access.Principal) *Bench {
	c := *b
	c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.Served.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
	})
	return &c
}

// From returns a bench whose requests come from an address.
func (b *Bench) From(peer string) *Bench {
	c := *b
	c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = peer
		b.Handler.ServeHTTP(w, r)
	})
	return &c
}
