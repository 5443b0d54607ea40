package server

import (
	"context"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

func (c *Handlers) otlpRoutes(r *api.Router) {
	op := api.Operation(http.MethodGet, "/otlp", "otlp", "Where this server receives OTLP")
	op.Description = "The OTLP receivers whose telemetry is stored here, as the configuration of the collector states them."
	api.Register(r, access.ReadUsage, op, c.otlp)
}

// OTLPEndpoint is one address that takes telemetry.
type OTLPEndpoint struct {
	Receiver string `json:"receiver" doc:"name of the receiver in the configuration"`
	Protocol string `json:"protocol" enum:"grpc,http"`
	Host     string `json:"host" doc:"the address that the receiver listens on; empty, 0.0.0.0 or :: is every address of the server"`
	Port     int    `json:"port"`
	TLS      bool   `json:"tls"`
	Auth     bool   `json:"auth" doc:"the receiver asks for credentials"`
}

// OTLP is where telemetry can be sent.
type OTLP struct {
	Known     bool           `json:"known" doc:"false where the collector does not report its configuration"`
	Endpoints []OTLPEndpoint `json:"endpoints" doc:"empty where no OTLP receiver leads here"`
}

// SetOTLP sets where OTLP is received. The collector reports it after the console has started.
func (c *Handlers) SetOTLP(endpoints []OTLPEndpoint) { c.otlpAt.Store(&endpoints) }

func (c *Handlers) otlp(context.Context, *struct{}) (*api.Envelope[OTLP], error) {
	at := c.otlpAt.Load()
	if at == nil {
		return api.Answer(OTLP{Endpoints: []OTLPEndpoint{}}), nil
	}
	return api.Answer(OTLP{Known: true, Endpoints: *at}), nil
}
