// Package filter reads what narrows a request (range of time, dimensions, search terms) and makes a store.Filter of it.
package filter

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Named returns the filters that are set by their names, as they were asked for.
func (f *Filters) Named() map[string]any {
	out := map[string]any{}
	for name, values := range map[string][]string{
		"model": f.Model, "provider": f.Provider, "key": f.Key, "user": f.User, "service": f.Service, "project": f.Project, "status": f.Status,
		"service_tier": f.Tier, "account": f.Account, "operation": f.Operation, "environment": f.Environment, "session": f.Session,
		"error_type": f.ErrorType, "emitter": f.Emitter, "quality": f.Quality, "team": f.Team,
	} {
		if len(values) > 0 {
			out[name] = values
		}
	}
	return out
}

// Filters are the filters that most routes share. Several values of one are alternatives.
type Filters struct {
	From        string   `query:"from" doc:"calls that started at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To          string   `query:"to" doc:"calls that started before this time; RFC 3339 or Unix seconds" maxLength:"64"`
	Model       []string `query:"model,explode" doc:"model that answered" maxItems:"100"`
	Provider    []string `query:"provider,explode" doc:"provider, by its name in the GenAI conventions" maxItems:"100"`
	Key         []string `query:"key,explode" doc:"id or name of a key of this console, name (ext_...) of one made elsewhere, or, for who manages keys, a fingerprint" maxItems:"100"`
	User        []string `query:"user,explode" doc:"user, as reported by the telemetry" maxItems:"100"`
	Service     []string `query:"service,explode" doc:"service.name of what made the call" maxItems:"100"`
	Project     []string `query:"project,explode" doc:"project, as reported by the telemetry" maxItems:"100"`
	Tier        []string `query:"service_tier,explode" doc:"service tier of the answer: standard, batch, flex, priority, scale or other" maxItems:"20"`
	Account     []string `query:"account,explode" doc:"upstream account that served the call, as answers show it; empty: calls that name none" maxItems:"100"`
	Operation   []string `query:"operation,explode" doc:"operation, such as chat or embeddings" maxItems:"100"`
	Environment []string `query:"environment,explode" doc:"deployment environment of what made the call; empty: calls that name none" maxItems:"100"`
	Session     []string `query:"session,explode" doc:"session or conversation, whole; the texts of single calls are read for it" maxItems:"100"`
	ErrorType   []string `query:"error_type,explode" doc:"type of the error; empty: calls that did not fail" maxItems:"100"`
	Emitter     []string `query:"emitter,explode" doc:"instrumentation scope of the record" maxItems:"100"`
	Quality     []string `query:"quality,explode" doc:"all quality flags of a call together, with commas between; empty: calls without any. q=quality:... finds single flags" maxItems:"100"`
	Team        []string `query:"team,explode" doc:"id or name of a team of this console: calls with one of its keys, users or projects at least" maxItems:"20"`
	Status      []string `query:"status,explode" doc:"ok, error, or an HTTP status code such as 429" maxItems:"20"`
}

// Resolve reads filters whose first value is empty, which is no value for the router: the calls that name none.
func (f *Filters) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	query := u.Query()
	for name, into := range map[string]*[]string{
		"model": &f.Model, "provider": &f.Provider, "key": &f.Key, "user": &f.User, "service": &f.Service, "project": &f.Project, "account": &f.Account,
		"operation": &f.Operation, "environment": &f.Environment, "session": &f.Session, "error_type": &f.ErrorType, "emitter": &f.Emitter, "quality": &f.Quality,
	} {
		if values := query[name]; len(*into) == 0 && len(values) > 0 {
			if len(values) > mostValues {
				return []error{&huma.ErrorDetail{Location: "query." + name, Message: "expected array length <= " + strconv.Itoa(mostValues)}}
			}
			*into = values
		}
	}
	return nil
}

// mostValues is how many values a filter has at most, as the description of Filters says.
const mostValues = 100

// filter reads the filters.
func (f *Filters) filter(book *keyindex.Index) (store.Filter, error) {
	out := store.Filter{
		Models: f.Model, Providers: f.Provider, Users: f.User, Services: f.Service, Projects: f.Project, Statuses: f.Status, Tiers: f.Tier, Accounts: f.Account,
		Operations: f.Operation, Environments: f.Environment, Sessions: f.Session, ErrorTypes: f.ErrorType, Emitters: f.Emitter, Qualities: f.Quality,
	}
	var err error
	if out.From, out.To, err = api.ParseRange(f.From, f.To); err != nil {
		return out, err
	}
	for _, s := range f.Status {
		if n, err := strconv.Atoi(s); s != "ok" && s != "error" && (err != nil || n < 100 || n > 599) {
			return out, api.WithReason("status_unknown", api.Invalid("query.status", `must be "ok", "error" or an HTTP status code`, s))
		}
	}
	for _, name := range f.Tier {
		if _, known := usage.TierNamed(name); !known {
			return out, api.WithReason("tier_unknown", api.Invalid("query.service_tier", "must be one of "+strings.Join(usage.TierNames(), ", "), name))
		}
	}
	for _, name := range f.Quality {
		if _, known := store.ParseQualityName(name); !known {
			return out, api.WithReason("quality_unknown", api.Invalid("query.quality", "must be quality flags with commas between", name))
		}
	}
	for _, k := range f.Key {
		if usage.IsKeyedOrPlainFingerprint(strings.ToLower(k)) && !book.ByFingerprint && len(book.Ring.Named(k)) == 0 {
			return out, api.WithReason("fingerprint_forbidden", api.NewProblem(http.StatusForbidden, "query.key: your role may not filter by fingerprints of keys; use the key's id, its name, or the ext_ name that answers have"))
		}
		out.Keys = append(out.Keys, book.Fingerprints(k)...)
	}
	return out, nil
}

// Reader reads the filters of requests.
type Reader struct {
	*api.Env
	Keys    *keyindex.Book
	Budgets *budget.Set // has the teams
}

// Teams returns the teams that the principal of a request may see, by name. They must not be changed.
func (r *Reader) Teams(ctx context.Context, index *keyindex.Index) ([]store.Team, error) {
	teams, err := r.Budgets.Teams(ctx)
	if err != nil {
		return nil, r.Failed("teams", err)
	}
	if p := access.From(ctx); p.OwnOnly() {
		teams = slices.DeleteFunc(teams, func(t store.Team) bool { return !index.InTeam(p, &t) })
	}
	return teams, nil
}

// ofTeams narrows a filter to the calls of teams. One that there is not, or that may not be seen, has none.
func (r *Reader) ofTeams(ctx context.Context, index *keyindex.Index, named []string, f *store.Filter) error {
	if len(named) == 0 {
		return nil
	}
	teams, err := r.Teams(ctx, index)
	if err != nil {
		return err
	}
	var all store.AnyOf
	for _, name := range named {
		if t := budget.TeamNamed(teams, name); t != nil {
			calls := index.CallsOf(t)
			all.Keys, all.Users, all.Projects = append(all.Keys, calls.Keys...), append(all.Users, calls.Users...), append(all.Projects, calls.Projects...)
		}
	}
	f.SetAny(all)
	return nil
}

// Filtered reads a route's filters, with the keys that they and its answer name.
func (r *Reader) Filtered(ctx context.Context, route string, f *Filters) (store.Filter, *keyindex.Index, error) {
	index, err := r.Keys.Index(ctx)
	if err != nil {
		return store.Filter{}, nil, r.Failed(route, err)
	}
	out, err := f.filter(index)
	if err != nil {
		return out, index, err
	}
	if err := r.ofTeams(ctx, index, f.Team, &out); err != nil {
		return out, index, err
	}
	return index.OwnOnly(ctx, out), index, nil
}

// Searched adds a text search to what Filtered reads.
func (r *Reader) Searched(ctx context.Context, route string, f *Filters, q string, superseded bool) (store.Filter, *keyindex.Index, error) {
	out, index, err := r.Filtered(ctx, route, f)
	if err != nil {
		return out, nil, err
	}
	if out.Text, err = search(q); err != nil {
		return out, nil, err
	}
	out.Text, out.Superseded = index.InTerms(out.Text), superseded || showsSuperseded(out.Text)
	return out, index, nil
}

// IsSet reports whether any filter is set.
func (f *Filters) IsSet() bool { return !reflect.ValueOf(*f).IsZero() }
