package console

import (
	"context"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Console) settingsRoutes() {
	register(c, access.ReadSettings, route(http.MethodGet, "/settings", "settings", "How this server is configured, without secrets"), c.settings)
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

// SettingsQuota is what all calls are meant to spend in a period.
type SettingsQuota struct {
	Tokens *int64 `json:"tokens"`
	USD    *Money `json:"usd"`
	Period string `json:"period" enum:"day,week,month,total"`
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

func (c *Console) settings(context.Context, *struct{}) (*envelope[Settings], error) {
	kept := c.o.Ledger.Retention()
	out := Settings{
		Version: c.o.Version, Timezone: c.o.Location.String(), AccessMode: c.accessMode(), MaxKeys: c.o.MaxKeys,
		Retention: SettingsRetention{MaxAgeSeconds: limit(int64(kept.MaxAge.Seconds())), MaxRecords: limit(kept.MaxRecords), MaxBytes: limit(kept.MaxBytes)},
		Audit:     SettingsAudit{MaxAgeSeconds: int64(c.o.AuditMaxAge.Seconds()), MaxEntries: c.o.AuditMax},
		Endpoints: SettingsEndpoints{API: base, Docs: base + "/docs", OpenAPI: base + "/openapi.json", Metrics: "/metrics"},
	}
	for _, link := range []struct {
		url  string
		into **string
	}{{c.o.TraceURL, &out.TraceURL}, {c.o.GrafanaURL, &out.GrafanaURL}} {
		if link.url != "" {
			*link.into = &link.url
		}
	}
	if prices := c.o.Ledger.Prices(); prices != nil {
		out.Prices.Version = prices.Version()
	}
	if q := c.o.Quota; q.limits() != (store.Limits{}) {
		out.Quota = &SettingsQuota{Tokens: some[int64](q.Tokens), USD: some[Money](int64(q.Cost)), Period: q.Period.String()}
	}
	if c.signIn != nil {
		out.Sessions = &SettingsSessions{IdleSeconds: int64(c.signIn.Idle.Seconds()), LifetimeSeconds: int64(c.signIn.Lifetime.Seconds())}
	}
	return answer(out), nil
}

// limit is null where there is none.
func limit(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}
