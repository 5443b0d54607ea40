package console

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	base       = "/api/console"
	maxBody    = 64 << 10 // bytes; a request holds a name and a few settings
	maxURL     = 8 << 10  // bytes
	defaultMax = 100_000  // keys
)

// Options are what a Console works with.
type Options struct {
	Ledger *ledger.Ledger
	// Directory has the keys, users and the audit log. It is not the console's to close.
	Directory store.Directory
	Logger    *zap.Logger
	Version   string
	Location  *time.Location // in which days begin, unless a request says otherwise; UTC where nil
	MaxKeys   int            // keys that are not revoked; 100,000 where 0
	// Open says that nobody has to sign in. The console then answers only requests that name this
	// machine's loopback as their host, so that no web page can reach it under another name.
	Open bool
	// SignIn has people sign in; nil where nobody does.
	SignIn *SignIn
	// Authenticated tells who a request acts for that an authenticator before the console has let
	// in. It is asked where Open is not set and SignIn is nil; without it nobody may do anything.
	Authenticated func(context.Context) access.Principal
	// Origins may write from a browser besides the console's own page. They never act for a session.
	Origins []string
	// Hosts are the names, without port, that the console answers to; empty: all, or loopback where Open.
	Hosts []string
	// Proxies are trusted to tell in X-Forwarded-For whom they forward for.
	Proxies []netip.Prefix
	// Entries of the audit log go when they are older than AuditMaxAge (a year where 0), and the
	// oldest when there are more than AuditMax (a million where 0).
	AuditMaxAge time.Duration
	AuditMax    int64
	// Sources is what fetches calls by itself; nil where nothing does.
	Sources *sources.Board
	// KeySync keeps the keys of proxies as those here; nil where there are none. It is not the console's to close.
	KeySync *keysync.Sync
	// TraceURL is the address of a trace, with {trace_id} in it; see CheckTraceURL. Empty: no links.
	TraceURL string
	// GrafanaURL is where the dashboards are, for people to follow. Empty: no link.
	GrafanaURL string
	// Quota is for all calls; shown, and enforced by nobody.
	Quota Quota
	// Verify is how keys are checked.
	Verify Verify
	Now    func() time.Time // time.Now where nil
}

// Console answers HTTP requests. It starts no goroutine. Close it before the server that uses it.
type Console struct {
	o    Options
	keys *keyBook
	api  huma.API
	// placed is every route with the permission that it needs.
	placed  []placement
	audits  auditRetention
	signIn  *signIn // nil where nobody signs in
	hasher  *password.Hasher
	pace    pace
	started time.Time
	// streams are the live streams that are open.
	streams *streams
	// otlpAt is where OTLP is received; nil until the collector reports it.
	otlpAt atomic.Pointer[[]OTLPEndpoint]
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
	if o.AuditMaxAge == 0 {
		o.AuditMaxAge = defaultAuditMaxAge
	}
	if o.AuditMax == 0 {
		o.AuditMax = defaultAuditMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	envelopes.Do(func() { huma.NewError, huma.ValidateStrictCasing = newProblem, true }) // huma has no other place for them
	ring := keyring.New(keyring.Options{
		Ledger: o.Ledger, Keys: o.Directory, Location: o.Location, Now: o.Now, Quota: o.Quota.limits(),
		Reservation: o.Verify.Reservation, Estimate: o.Verify.Estimate, Failures: o.Verify.Failures,
	})
	c := &Console{o: o, streams: newStreams(), started: o.Now(), pace: newPace()}
	c.keys = &keyBook{ring: ring, seen: c.fingerprintsSeen, identity: o.Ledger.KeyedFingerprint}
	if o.SignIn != nil {
		c.signIn = newSignIn(*o.SignIn, o.Directory, o.Now)
		c.hasher = c.signIn.hasher
	} else {
		c.hasher = password.New(password.Recommended)
	}
	return c
}

// Handler gives the handler of all routes.
func (c *Console) Handler() http.Handler {
	gates := newGates()
	return punctual(c.guard(compressJSON(c.identify(newCoalescer(gates.reads).share(gates.bounded(c.served()))))))
}

// served gives the handler of all routes for requests whose principal is known.
func (c *Console) served() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Tokenboard", c.o.Version)
	config.Info.Description = "Who spent how many tokens, on which model, for how much money. " +
		"Success is {\"code\": 0, \"data\": ...}, failure {\"code\": STATUS, \"message\": ..., \"details\": [...]}."
	config.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // see pages
	config.CreateHooks = nil                                             // no $schema fields in answers
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	config.AllowAdditionalPropertiesByDefault = false
	c.api = humago.New(mux, config)
	c.routes()
	c.describeAPI()
	c.oidcRoutes(mux)
	c.pages(mux)
	c.forwardAuthRoutes(mux)
	c.dashboardFiles(mux)
	c.handle(mux, http.MethodGet, "/metrics", access.ReadMetrics, c.metrics())
	c.handle(mux, http.MethodGet, "/health", access.Anyone, http.HandlerFunc(c.plainHealth))
	c.handle(mux, http.MethodGet, "/ready", access.Anyone, http.HandlerFunc(c.plainReady))
	return c.unknownRoutes(mux)
}

// routes adds the API's routes, by resource.
func (c *Console) routes() {
	c.statsRoutes()
	c.logRoutes()
	c.streamRoutes()
	c.importRoutes()
	c.breakdownRoutes()
	c.keyRoutes()
	c.verifyRoutes()
	c.keySyncRoutes()
	c.qualityRoutes()
	c.sessionRoutes()
	c.userRoutes()
	c.tokenRoutes()
	c.priceRoutes()
	c.auditRoutes()
	c.settingsRoutes()
	c.otlpRoutes()
	c.dashboardRoutes()
	c.healthRoutes()
}
