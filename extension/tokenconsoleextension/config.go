package tokenconsoleextension

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
	_ "time/tzdata" // time zones work where the system has none, as in an empty container

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/tokenboard/tokenboard/internal/console/calls"
)

// Config is the configuration of the extension.
type Config struct {
	// HTTP is the server. It is not embedded, because its Unmarshal method would become ours.
	HTTP confighttp.ServerConfig `mapstructure:",squash"`

	// Storage is the id of the tokenstore extension to show.
	Storage component.ID `mapstructure:"storage"`
	// Timezone is the IANA name of the zone in which days begin, unless a request names one.
	Timezone string `mapstructure:"timezone"`
	// Access says who may use the console.
	Access Access `mapstructure:"access"`
	// Keys limits the API keys.
	Keys Keys `mapstructure:"keys"`
	// Quota is for all calls.
	Quota Quota `mapstructure:"quota"`
	// Budgets are shown with those that people make in the console, and cannot be changed there.
	Budgets []Budget `mapstructure:"budgets"`
	// Verify is how keys are checked.
	Verify Verify `mapstructure:"verify"`
	// Audit limits what is kept of the audit log.
	Audit Audit `mapstructure:"audit"`
	// Links lead from the console to other systems.
	Links Links `mapstructure:"links"`
	// Notifications says how notifications are sent.
	Notifications Notifications `mapstructure:"notifications"`
	// KeySync are proxies whose client keys follow the keys made here.
	KeySync []KeySync `mapstructure:"key_sync"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Links lead from the console to other systems.
type Links struct {
	// TraceURL is the address of a call's trace: an http or https address with {trace_id} in it, and,
	// where they are needed, {span_id}, {service}, {from_ms} and {to_ms}.
	TraceURL string `mapstructure:"trace_url"`
	// GrafanaURL is where the dashboards are, an http or https address that the console links to.
	GrafanaURL string `mapstructure:"grafana_url"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Keys limits the API keys.
type Keys struct {
	// Max is the largest number of keys that are not revoked.
	Max int `mapstructure:"max"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	defaultEndpoint = "localhost:8317"
	defaultMaxKeys  = 100_000
)

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.ReadHeaderTimeout = 10 * time.Second
	server.MaxRequestBodySize = 1 << 30 // of an import, which is read piece by piece; other routes have limits of their own
	return &Config{HTTP: server, Timezone: "UTC", Access: defaultAccess(), Keys: Keys{Max: defaultMaxKeys},
		Quota: Quota{Period: "month"}, Verify: defaultVerify(), Notifications: Notifications{Timeout: defaultNotifyTimeout},
		Audit: Audit{MaxAge: 365 * 24 * time.Hour, MaxEntries: 1_000_000}}
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.Storage == (component.ID{}) {
		errs = append(errs, errors.New("storage must name the tokenstore extension to show, for example: storage: tokenstore"))
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil {
		errs = append(errs, fmt.Errorf("timezone: %q is not a zone of the IANA data base, such as Asia/Shanghai", c.Timezone))
	}
	if err := c.validateAccess(); err != nil {
		errs = append(errs, err)
	}
	if c.Audit.MaxAge <= 0 || c.Audit.MaxEntries <= 0 {
		errs = append(errs, errors.New("audit: max_age and max_entries must be above 0; the log of changes is always kept, within bounds"))
	}
	if err := calls.CheckTraceURL(c.Links.TraceURL); err != nil {
		errs = append(errs, fmt.Errorf("links: trace_url %w", err))
	}
	if err := c.Notifications.validate(); err != nil {
		errs = append(errs, err)
	}
	if err := c.validateKeySync(); err != nil {
		errs = append(errs, err)
	}
	if u, err := url.Parse(c.Links.GrafanaURL); c.Links.GrafanaURL != "" && (err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https")) {
		errs = append(errs, errors.New("links: grafana_url must be an http or https address, without user and password"))
	}
	if _, err := c.readBudgets(); err != nil {
		errs = append(errs, err)
	}
	if err := c.Verify.validate(); err != nil {
		errs = append(errs, err)
	}
	if c.Keys.Max < 1 {
		errs = append(errs, errors.New("keys: max must be at least 1"))
	}
	return errors.Join(errs...)
}

// loopback reports whether an endpoint can be reached from this machine only.
func loopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
