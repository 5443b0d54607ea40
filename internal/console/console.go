package console

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/apidoc"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/bills"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/channels"
	"github.com/tokenboard/tokenboard/internal/console/coalesce"
	"github.com/tokenboard/tokenboard/internal/console/compress"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/focus"
	"github.com/tokenboard/tokenboard/internal/console/gate"
	"github.com/tokenboard/tokenboard/internal/console/guard"
	"github.com/tokenboard/tokenboard/internal/console/importer"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/mcp"
	"github.com/tokenboard/tokenboard/internal/console/metrics"
	"github.com/tokenboard/tokenboard/internal/console/page"
	"github.com/tokenboard/tokenboard/internal/console/prices"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/console/server"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/console/views"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/promapi"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
)

// DefaultMax is how many keys there can be where the configuration sets no limit.
const DefaultMax = 100_000 // keys

// Options configure a Console.
type Options struct {
	Ledger *ledger.Ledger
	// Directory has the keys, users and the audit log. It is not the console's to close.
	Directory store.Directory
	Logger    *zap.Logger
	Version   string
	Location  *time.Location // in which days begin, unless a request says otherwise; UTC where nil
	MaxKeys   int            // keys that are not revoked; 100,000 where 0
	// Open says that no sign-in is required. The console then answers only requests that name this
	// machine's loopback as their host, so that no web page can reach it under another name.
	Open bool
	// SignIn configures sign-ins; nil where there are none.
	SignIn *users.SignIn
	// Authenticated returns who a request acts for that an authenticator before the console has let
	// in. It is asked where Open is not set and SignIn is nil; without it every request is refused.
	Authenticated func(context.Context) access.Principal
	// Origins may write from a browser besides the console's own page. They never act for a session.
	Origins []string
	// Hosts are the names, without port, that the console answers to; empty: all, or loopback where Open.
	Hosts []string
	// Proxies are trusted to name in X-Forwarded-For whom they forward for.
	Proxies []netip.Prefix
	// Entries of the audit log go when they are older than AuditMaxAge (a year where 0), and the
	// oldest when there are more than AuditMax (a million where 0).
	AuditMaxAge time.Duration
	AuditMax    int64
	// Sources has the state of the components that fetch calls; nil where there are none.
	Sources *sources.Board
	// KeySync keeps the keys of proxies as those here; nil where there are none. It is not the console's to close.
	KeySync *keysync.Sync
	// TraceURL is the address of a trace, with {trace_id} in it; see CheckTraceURL. Empty: no links.
	TraceURL string
	// GrafanaURL is where the dashboards are, for people to follow. Empty: no link.
	GrafanaURL string
	// Quota is for all calls; it is shown, but not enforced.
	Quota stats.Quota
	// Budgets are those of the configuration, which are shown and cannot be changed.
	Budgets []store.BudgetRow
	// Verify is how keys are checked.
	Verify keycheck.Options
	// Receiving reports whether the receivers of the collector listen, without which it is not ready; nil: they do.
	Receiving func() bool
	// Prices keeps the ledger's prices up to date; nil: the console makes one, with the ledger's prices as the published ones.
	Prices *pricebook.Keeper
	// Sealer encrypts the secrets of notification channels; nil: none can be stored.
	Sealer *seal.Sealer
	// Notify makes the queue of notifications look at once for what is due; nil where nothing here sends.
	Notify func()
	Now    func() time.Time // time.Now where nil
}

// Console answers HTTP requests. It starts no goroutine but those of repricing that is asked for. Close it before the server that uses it.
type Console struct {
	*api.Env
	Router *api.Router     // all routes
	Keys   *keyindex.Book  // for readers that have to name keys
	Audit  *audit.Log      // who changed what
	Users  *users.Handlers // who signs in
	// Budgets are what is used of budgets, for those who watch them. It ends with Close.
	Budgets *budget.Set
	Stream  *stream.Handlers // live streams
	Prices  *prices.Handlers // prices, and the job that reprices stored calls

	o       Options
	guard   guard.Guard
	server  *server.Handlers
	promql  *metrics.PromQL
	scrapes *metrics.Handlers
	// answers answers the routes to a principal that is known, with the limits on concurrent work.
	answers http.Handler
}

// New makes a console.
func New(o Options) *Console {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.MaxKeys == 0 {
		o.MaxKeys = DefaultMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Prices == nil {
		published, _ := o.Ledger.Prices().(*pricing.Book)
		o.Prices = pricebook.New(pricebook.Options{Directory: o.Directory, Ledger: o.Ledger, Published: published, Logger: o.Logger})
	}
	budgets := budget.New(budget.Options{Ledger: o.Ledger, Directory: o.Directory, Location: o.Location, Now: o.Now, Fixed: o.Budgets})
	ring := keyring.New(keyring.Options{
		Budgets: budgets, Ledger: o.Ledger, Keys: o.Directory, Location: o.Location, Now: o.Now, Quota: o.Quota.Limits(),
		Reservation: o.Verify.Reservation, Estimate: o.Verify.Estimate, Failures: o.Verify.Failures,
	})
	c := &Console{
		Env: &api.Env{Logger: o.Logger, Version: o.Version, Location: o.Location, Now: o.Now}, o: o,
		Keys: &keyindex.Book{Ring: ring, Ledger: o.Ledger, Sync: o.KeySync}, Budgets: budgets,
	}
	c.register()
	return c
}

// register adds all routes, by resource.
func (c *Console) register() {
	o := &c.o
	r := api.NewRouter(http.NewServeMux(), apidoc.Info(o.Version), o.Now)
	filters := &filter.Reader{Env: c.Env, Keys: c.Keys, Budgets: c.Budgets}
	c.Audit = audit.New(c.Env, o.Directory, o.AuditMaxAge, o.AuditMax)
	c.Router = r
	c.Users = users.New(c.Env, o.Directory, c.Audit, o.Open, o.SignIn)
	c.guard = guard.Guard{Open: o.Open, Origins: o.Origins, Hosts: o.Hosts, Forwards: keycheck.ForwardsHeaders, Secure: o.SignIn != nil && o.SignIn.Secure}

	bill := billing.New(o.Directory)
	stats := &stats.Handlers{Reader: filters, Ledger: o.Ledger, Billing: bill}
	stats.Routes(r)
	limits := &budgets.Handlers{Env: c.Env, Keys: c.Keys, Directory: o.Directory, Audit: c.Audit, Budgets: c.Budgets}
	c.Users.Budgets = limits
	if o.Ledger.Role().Shared {
		c.Users.Share(o.Ledger)
	}
	keys := &keys.Handlers{Budgets: limits, Env: c.Env, Keys: c.Keys, Ledger: o.Ledger, Directory: o.Directory, Audit: c.Audit, KeySync: o.KeySync, MaxKeys: o.MaxKeys}
	calls := &calls.Handlers{Reader: filters, Ledger: o.Ledger, Stats: stats, KeyList: keys, TraceURL: o.TraceURL}
	calls.Routes(r)
	(&focus.Handlers{Reader: filters, Ledger: o.Ledger}).Routes(r)
	c.Stream = stream.New(filters, o.Ledger, o.Directory)
	c.Stream.Routes(r)
	(&importer.Handlers{Env: c.Env, Keys: c.Keys, Ledger: o.Ledger, Audit: c.Audit}).Routes(r)
	keys.Routes(r)
	limits.Routes(r)
	check := &keycheck.Handlers{Env: c.Env, Keys: c.Keys, Anonymous: o.Verify.Anonymous}
	check.Routes(r)
	(&quality.Handlers{Reader: filters, Ledger: o.Ledger, Sources: o.Sources}).Routes(r)
	c.Users.Routes(r)
	c.Prices = &prices.Handlers{Env: c.Env, Ledger: o.Ledger, Directory: o.Directory, Keeper: o.Prices, Billing: bill, Audit: c.Audit}
	c.Prices.Routes(r)
	(&bills.Handlers{Env: c.Env, Stats: stats, Billing: bill, Directory: o.Directory, Audit: c.Audit}).Routes(r)
	c.Audit.Routes(r)
	(&channels.Handlers{Env: c.Env, Store: o.Directory, Audit: c.Audit, Sealer: o.Sealer, Wake: o.Notify}).Routes(r)
	(&views.Handlers{Env: c.Env, Store: o.Directory, Audit: c.Audit}).Routes(r)
	(&alerts.Handlers{Env: c.Env, Store: o.Directory, Ledger: o.Ledger, Keys: c.Keys, Budgets: c.Budgets, Audit: c.Audit, Wake: o.Notify}).Routes(r)
	c.server = &server.Handlers{
		Env: c.Env, Ledger: o.Ledger, AccessMode: c.Users.AccessMode(), MaxKeys: o.MaxKeys, Quota: o.Quota, TraceURL: o.TraceURL, GrafanaURL: o.GrafanaURL,
		Receiving: o.Receiving,
		Audit:     server.SettingsAudit{MaxAgeSeconds: int64(c.Audit.MaxAge.Seconds()), MaxEntries: c.Audit.Max},
	}
	if how := c.Users.How(); how != nil {
		c.server.Sessions = &server.SettingsSessions{IdleSeconds: int64(how.Idle.Seconds()), LifetimeSeconds: int64(how.Lifetime.Seconds())}
	}
	c.server.Routes(r)
	c.scrapes = &metrics.Handlers{Env: c.Env, Keys: c.Keys, Budgets: limits, Ledger: o.Ledger, Started: o.Now()}
	c.scrapes.Routes(r)
	c.promql = metrics.NewPromQL(c.scrapes)
	c.promql.Routes(r)
	gates := gate.New()
	c.answers = coalesce.New(gates.Reads).Share(gates.Bounded(r.Handler()))
	c.describe(r)
}

// describe adds what is made of all other routes: tools for agents, the page, and the description of the API.
func (c *Console) describe(r *api.Router) {
	tools, err := mcp.New(c.Env, c.answers)
	if err != nil {
		panic(err) // of a fixed address, which a test parses
	}
	tools.Routes(r)
	page.Routes(r)
	apidoc.Describe(r)
	apidoc.Routes(c.Env, r)
}

// Handler returns the handler of all routes.
func (c *Console) Handler() http.Handler {
	return guard.BodyDeadline(promapi.Envelope(c.guard.Wrap(compress.JSON(c.identify(c.answers)))))
}

// Close ends the live streams, which would hold up the end of a server. The console answers other requests as before.
func (c *Console) Close() {
	c.Stream.Close()
	c.Keys.Ring.Close()
	c.Budgets.Close()
	c.promql.API.Close()
	c.Prices.Close()
}

// Metrics returns the handlers of scrapes, for those that are sent metrics instead.
func (c *Console) Metrics() *metrics.Handlers { return c.scrapes }

// SetOTLP sets where OTLP is received. The collector reports it after the console has started.
func (c *Console) SetOTLP(endpoints []server.OTLPEndpoint) { c.server.SetOTLP(endpoints) }

// Bootstrap makes the first admin from the configuration, see usersHandlers.Bootstrap.
func (c *Console) Bootstrap(ctx context.Context, username, secret string) error {
	return c.Users.Bootstrap(ctx, username, secret)
}

// SetupToken returns a one-time token for the first admin, see usersHandlers.SetupToken.
func (c *Console) SetupToken(ctx context.Context) (string, error) { return c.Users.SetupToken(ctx) }
