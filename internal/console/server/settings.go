package server

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of the server itself: how it is, and how it is configured.
type Handlers struct {
	*api.Env
	Ledger     *ledger.Ledger
	AccessMode string // how people sign in
	MaxKeys    int
	Quota      stats.Quota
	Audit      SettingsAudit
	Sessions   *SettingsSessions // nil where nobody signs in
	TraceURL   string            // empty: no links
	GrafanaURL string            // empty: no links
	Receiving  func() bool       // see Options
	// otlpAt is where OTLP is received; nil until the collector reports it.
	otlpAt atomic.Pointer[[]OTLPEndpoint]
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadSettings, api.Operation(http.MethodGet, "/settings", "settings", "How this server is configured, without secrets"), c.settings)
	c.otlpRoutes(r)
	c.dashboardRoutes(r)
	c.healthRoutes(r)
	c.clusterRoutes(r)
	dashboardFiles(r)
	r.Handle(http.MethodGet, "/health", access.Anyone, http.HandlerFunc(c.plainHealth))
	r.Handle(http.MethodGet, "/ready", access.Anyone, http.HandlerFunc(c.plainReady))
}

// Settings is how a server is configured. It can be read only: the configuration file says it.
type Settings struct {
	Version    string            `json:"version"`
	Timezone   string            `json:"timezone" doc:"in which days begin, unless a request says otherwise"`
	AccessMode string            `json:"access_mode" enum:"open,local,oidc,auth"`
	MaxKeys    int               `json:"max_keys"`
	Quota      *SettingsQuota    `json:"quota" doc:"null where none is set"`
	Retention  SettingsRetention `json:"retention"`
	Audit      SettingsAudit     `json:"audit"`
	Sessions   *SettingsSessions `json:"sessions" doc:"null where nobody signs in"`
	TraceURL   *string           `json:"trace_url" doc:"template of the address of a call's trace; null where there is none"`
	GrafanaURL *string           `json:"grafana_url" doc:"where the dashboards are; null where there are none"`
	Prices     SettingsPrices    `json:"prices"`
	Endpoints  SettingsEndpoints `json:"endpoints"`
}

// SettingsQuota is the intended spending of all calls in a period.
type SettingsQuota struct {
	Tokens *int64     `json:"tokens"`
	USD    *api.Money `json:"usd"`
	Period string     `json:"period" enum:"day,week,month,total"`
}

// SettingsRetention is how long calls are kept. Null: there is no such limit.
type SettingsRetention struct {
	MaxAgeSeconds *int64 `json:"max_age_seconds"`
	MaxRecords    *int64 `json:"max_records"`
	MaxBytes      *int64 `json:"max_bytes"`
}

// SettingsAudit is how long the audit log is kept.
type SettingsAudit struct {
	MaxAgeSeconds int64 `json:"max_age_seconds"`
	MaxEntries    int64 `json:"max_entries"`
}

// SettingsSessions is how long one stays signed in.
type SettingsSessions struct {
	IdleSeconds     int64 `json:"idle_seconds"`
	LifetimeSeconds int64 `json:"lifetime_seconds"`
}

// SettingsPrices are the prices that new calls get; /prices lists them.
type SettingsPrices struct {
	Version string `json:"version" doc:"empty where nothing is priced"`
}

// SettingsEndpoints are paths on this server.
type SettingsEndpoints struct {
	API     string `json:"api"`
	Docs    string `json:"docs"`
	OpenAPI string `json:"openapi"`
	Metrics string `json:"metrics"`
}

func (c *Handlers) settings(context.Context, *struct{}) (*api.Envelope[Settings], error) {
	kept := c.Ledger.Retention()
	out := Settings{
		Version: c.Version, Timezone: c.Location.String(), AccessMode: c.AccessMode, MaxKeys: c.MaxKeys,
		Retention: SettingsRetention{MaxAgeSeconds: limit(int64(kept.MaxAge.Seconds())), MaxRecords: limit(kept.MaxRecords), MaxBytes: limit(kept.MaxBytes)},
		Audit:     c.Audit,
		Endpoints: SettingsEndpoints{API: api.Base, Docs: api.Base + "/docs", OpenAPI: api.Base + "/openapi.json", Metrics: "/metrics"},
	}
	for _, link := range []struct {
		url  string
		into **string
	}{{c.TraceURL, &out.TraceURL}, {c.GrafanaURL, &out.GrafanaURL}} {
		if link.url != "" {
			*link.into = &link.url
		}
	}
	if prices := c.Ledger.Prices(); prices != nil {
		out.Prices.Version = prices.Version()
	}
	if q := c.Quota; q.Limits() != (store.Limits{}) {
		out.Quota = &SettingsQuota{Tokens: api.Optional[int64](q.Tokens), USD: api.Optional[api.Money](int64(q.Cost)), Period: q.Period.String()}
	}
	out.Sessions = c.Sessions
	return api.Answer(out), nil
}

// limit is null where there is none.
func limit(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}
