package apidoc

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Info is the head of the description of the API.
func Info(version string) huma.Info {
	return huma.Info{
		Title: "Tokenboard", Version: version,
		Description: "Who spent how many tokens, on which model, for how much money. " +
			"Success is {\"code\": 0, \"data\": ...}, failure {\"code\": STATUS, \"message\": ..., \"details\": [...]}.",
		License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
	}
}

// tags group the routes in the API's description, by what comes first in their path.
var tags = []struct{ name, doc string }{
	{"Usage", "Sums over calls, by time and by what they have in common"},
	{"Calls", "Single calls: read, followed as they come, exported, imported"},
	{"Keys", "API keys: made, limited, revoked, and checked whether they are valid"},
	{"Quality and prices", "What keeps the figures from being perfect, what tokens cost, and what is charged for them"},
	{"Access", "Who may do what, and who did"},
	{"Server", "How the server is, and how it is configured"},
}

var tagOf = map[string]string{
	"stats": "Usage", "usage-trend": "Usage", "breakdown": "Usage", "dimensions": "Usage", "logs": "Calls", "export": "Calls",
	"keys": "Keys", "key-sync": "Keys", "quality": "Quality and prices", "prices": "Quality and prices", "reprice": "Quality and prices", "bills": "Quality and prices",
	"session": "Access", "users": "Access", "tokens": "Access", "audit": "Access",
}

// commonDocs describe parameters and fields that mean the same in all routes.
var commonDocs = map[string]string{
	"limit": "how many at most", "order": "how it is sorted", "cursor": "next_cursor of the page before", "as_of": "the last write that is in these figures; null before the first",
	"model": "the model that answered", "provider": "the provider, by its name in the OpenTelemetry GenAI conventions", "user": "the user, as reported by the telemetry",
	"service": "service.name of what made the call", "project": "the project or team", "status": "state, or HTTP status code", "name": "its name",
	"id": "its id", "interval": "length of an interval of time", "group_by": "what the series are of", "timezone": "IANA name of a time zone",
	"description": "what it is for", "created_at": "when it was made", "expires_at": "from when on it does not work; null: never", "owner": "the user it belongs to",
	"error_count": "calls that failed", "trace_id": "OpenTelemetry's id of the trace, in hex", "span_id": "OpenTelemetry's id of the span, in hex",
	"method": "HTTP method", "path": "HTTP route or path", "error_type": "error.type of the GenAI conventions; empty for success", "failed": "whether the call failed",
	"operation": "gen_ai.operation.name: chat, embeddings, ...", "request_model": "the model that was asked for", "stream": "whether the answer was streamed",
	"service_tier": "service tier that the call was served in", "account": "upstream account that served the call, in its display form", "session": "conversation or session", "request_id": "the provider's or the emitter's id of the request", "response_id": "the provider's id of the answer",
	"cache_read_tokens": "part of input_tokens", "cache_write_tokens": "part of input_tokens", "reasoning_tokens": "part of output_tokens",
	"total_tokens": "input_tokens + output_tokens", "duration_ms": "how long the call took", "ttft_ms": "time to the first token", "key": "the key of the call; null where none was seen",
	"api_call_count": "calls, failed ones included", "items": "this page", "points": "one for each interval, empty ones too", "p50": "median", "p95": "95th percentile", "p99": "99th percentile",
	"flag": "a value of quality or superseded_reason", "explanation": "what it means", "by": "the dimensions", "from": "begin of the range", "to": "end of the range",
	"data": "the answer", "role": "what it may do", "weekday": "1 is Monday, 7 is Sunday", "hour": "hour of the day", "reason": "why", "count": "how many", "format": "form of the file",
	"rows": "the rows", "usd": "US dollars", "values": "the values", "value": "the value", "label": "what people read", "links": "where else to look", "call": "the call itself",
	"version": "its version", "action": "what was done", "target": "what it was done to", "actor": "who did it", "time": "when", "type": "its kind", "before": "what it was", "after": "what it is", "refused_count": "rows that could not be taken",
}

// Describe completes the API's description, when all routes are there: what every route has in common.
func Describe(r *api.Router) {
	doc := r.API.OpenAPI()
	for _, t := range tags {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: t.name, Description: t.doc})
	}
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "an API token (tbt-...), see POST /tokens; or what the collector's authenticator takes"},
		"tokenHeader": {Type: "apiKey", In: "header", Name: api.TokenHeader,
			Description: "an API token, for requests whose Authorization is a client's key"},
		"session": {Type: "apiKey", In: "cookie", Name: "tokenboard", Description: "a browser's session, see POST /session"},
	}
	problemSchema := doc.Components.Schemas.Schema(reflect.TypeOf(api.Problem{}), true, "Problem")
	for _, p := range r.Routes {
		item := doc.Paths[p.Path]
		if item == nil {
			continue
		}
		if op := operationOf(item, p.Method); op != nil {
			describeOperation(op, p, problemSchema)
		}
	}
	for _, ofHuma := range []reflect.Type{reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[huma.ErrorDetail]()} {
		delete(doc.Components.Schemas.Map(), ofHuma.Name()) // answers have problems in their place
	}
	for _, s := range doc.Components.Schemas.Map() {
		for name, field := range s.Properties {
			if field.Description == "" && field.Ref == "" {
				field.Description = commonDocs[name]
			}
		}
	}
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodPut: item.Put, http.MethodDelete: item.Delete, http.MethodHead: item.Head,
	}[method]
}

func describeOperation(op *huma.Operation, p api.Route, problemSchema *huma.Schema) {
	first, _, _ := strings.Cut(strings.TrimPrefix(p.Path, api.Base+"/"), "/")
	tag := tagOf[first]
	if tag == "" {
		tag = "Server"
	}
	op.Tags = []string{tag}
	who := "Without signing in."
	op.Security = []map[string][]string{}
	if p.Need != access.Anyone {
		op.Security = []map[string][]string{{"token": {}}, {"tokenHeader": {}}, {"session": {}}}
		var roles []string
		for role := access.Verifier; role <= access.Admin; role++ {
			if role.May(p.Need) {
				roles = append(roles, role.String())
			}
		}
		who = "Roles: " + strings.Join(roles, ", ") + "."
	}
	op.Description = strings.TrimSpace(op.Description + "\n\n" + who)
	for _, param := range op.Parameters {
		if param.Description == "" {
			param.Description = commonDocs[param.Name]
		}
		if param.Schema != nil && param.Schema.Description == "" {
			param.Schema.Description = param.Description
		}
	}
	for status, r := range op.Responses {
		if status == "default" || !strings.HasPrefix(status, "2") {
			r.Description = "Failure: the proper HTTP status, and in the body what is wrong and what to do"
			r.Content = map[string]*huma.MediaType{"application/json": {Schema: problemSchema, Example: map[string]any{
				"code": http.StatusBadRequest, "message": `query.status: must be "ok", "error" or an HTTP status code`,
				"details": []any{map[string]any{"message": `must be "ok", "error" or an HTTP status code`, "location": "query.status", "value": "fine"}},
			}}}
		}
	}
	if p.Need != access.Anyone && op.Responses["401"] == nil && op.Responses["default"] == nil {
		op.Responses["default"] = &huma.Response{Description: "Failure", Content: map[string]*huma.MediaType{"application/json": {Schema: problemSchema}}}
	}
	slices.SortStableFunc(op.Parameters, func(a, b *huma.Param) int { return strings.Compare(a.In, b.In) })
}
