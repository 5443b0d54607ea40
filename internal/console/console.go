package console

import (
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/ledger"
)

const (
	base       = "/api/console"
	maxBody    = 64 << 10 // bytes; a request holds a name and a few settings
	maxURL     = 8 << 10  // bytes
	defaultMax = 100_000  // keys
)

// Options are what a Console works with.
type Options struct {
	Ledger   *ledger.Ledger
	Logger   *zap.Logger
	Version  string
	Location *time.Location // in which days begin, unless a request says otherwise; UTC where nil
	MaxKeys  int            // keys that are not revoked; 100,000 where 0
	// Open says that nobody has to sign in. The console then answers only requests that name this
	// machine's loopback as their host, so that no web page can reach it under another name.
	Open bool
	// Origins may write from a browser besides the console's own page.
	Origins []string
	Now     func() time.Time // time.Now where nil
}

// Console answers HTTP requests. It starts no goroutine and has nothing to close.
type Console struct {
	o    Options
	keys *keyBook
	api  huma.API
}

var envelopes sync.Once

// New makes a console.
func New(o Options) *Console {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.MaxKeys == 0 {
		o.MaxKeys = defaultMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	envelopes.Do(func() { huma.NewError = newProblem }) // huma has no other place for it
	return &Console{o: o, keys: &keyBook{ledger: o.Ledger, now: o.Now}}
}

// Handler gives the handler of all routes.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Tokenboard", c.o.Version)
	config.Info.Description = "Who spent how many tokens, on which model, for how much money. " +
		"Success is {\"code\": 0, \"data\": ...}, failure {\"code\": STATUS, \"message\": ..., \"details\": [...]}."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = base+"/openapi", "", ""
	config.CreateHooks = nil // no $schema fields in answers
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	config.AllowAdditionalPropertiesByDefault = false
	c.api = humago.New(mux, config)
	c.routes()
	c.pages(mux)
	mux.Handle("GET /metrics", c.metrics())
	mux.HandleFunc("GET /health", c.plainHealth)
	mux.HandleFunc("GET /ready", c.plainReady)
	return c.guard(c.unknownRoutes(mux))
}

func (c *Console) routes() {
	get := func(path, id, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: base + path, Summary: summary}
	}
	huma.Register(c.api, get("/stats", "stats", "Sums over all calls, and by model"), c.stats)
	huma.Register(c.api, get("/usage-trend", "usage-trend", "Sums by interval of time"), c.trend)
	huma.Register(c.api, get("/logs", "logs", "Single calls, newest first"), c.logs)
	huma.Register(c.api, get("/logs/{id}", "log", "One call"), c.log)
	huma.Register(c.api, get("/keys", "keys", "All keys, without their secrets"), c.listKeys)
	create := huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: base + "/keys", MaxBodyBytes: maxBody,
		Summary: "Make a key; the answer holds it this once", DefaultStatus: http.StatusCreated,
	}
	huma.Register(c.api, create, c.createKey)
	revoke := huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: base + "/keys/{id}", Summary: "Revoke a key at once",
	}
	huma.Register(c.api, revoke, c.revokeKey)
	huma.Register(c.api, get("/export", "export", "Calls, with stats, trend and keys, streamed"), c.export)
	huma.Register(c.api, get("/quality", "quality", "What keeps the figures from being perfect"), c.quality)
	huma.Register(c.api, get("/health", "health", "The process answers"), c.health)
	huma.Register(c.api, get("/ready", "ready", "The store answers"), c.ready)
}
