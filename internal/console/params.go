package console

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Filters are the filters that most routes share. Several values of one are alternatives.
type Filters struct {
	From     string   `query:"from" doc:"calls that started at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To       string   `query:"to" doc:"calls that started before this time; RFC 3339 or Unix seconds" maxLength:"64"`
	Model    []string `query:"model,explode" doc:"model that answered" maxItems:"100"`
	Provider []string `query:"provider,explode" doc:"provider, by its name in the GenAI conventions" maxItems:"100"`
	Key      []string `query:"key,explode" doc:"id or name of a key of this console, name (ext_...) of one made elsewhere, or, for who manages keys, a fingerprint" maxItems:"100"`
	User     []string `query:"user,explode" doc:"user, as the telemetry tells it" maxItems:"100"`
	Service  []string `query:"service,explode" doc:"service.name of what made the call" maxItems:"100"`
	Project  []string `query:"project,explode" doc:"project or team" maxItems:"100"`
	Tier     []string `query:"service_tier,explode" doc:"service tier of the answer: standard, batch, flex, priority, scale or other" maxItems:"20"`
	Status   []string `query:"status,explode" doc:"ok, error, or an HTTP status code such as 429" maxItems:"20"`
}

// filter reads the filters.
func (f *Filters) filter(book *keyIndex) (store.Filter, error) {
	out := store.Filter{Models: f.Model, Providers: f.Provider, Users: f.User, Services: f.Service, Projects: f.Project, Statuses: f.Status, Tiers: f.Tier}
	var err error
	if out.From, out.To, err = timeRange(f.From, f.To); err != nil {
		return out, err
	}
	for _, s := range f.Status {
		if n, err := strconv.Atoi(s); s != "ok" && s != "error" && (err != nil || n < 100 || n > 599) {
			return out, because("status_unknown", wrong("query.status", `must be "ok", "error" or an HTTP status code`, s))
		}
	}
	for _, name := range f.Tier {
		if _, known := usage.TierNamed(name); !known {
			return out, because("tier_unknown", wrong("query.service_tier", "must be one of "+strings.Join(usage.TierNames(), ", "), name))
		}
	}
	for _, k := range f.Key {
		if usage.IsKeyedOrPlainFingerprint(strings.ToLower(k)) && !book.byFingerprint && len(book.ring.Named(k)) == 0 {
			return out, because("fingerprint_forbidden", newProblem(http.StatusForbidden, "query.key: your role may not filter by fingerprints of keys; use the key's id, its name, or the ext_ name that answers have"))
		}
		out.Keys = append(out.Keys, book.fingerprints(k)...)
	}
	return out, nil
}

// FilterReader reads the filters of requests.
type FilterReader struct {
	*Env
	Keys *keyBook
}

// Filtered reads a route's filters, with the keys that they and its answer name.
func (r *FilterReader) Filtered(ctx context.Context, route string, f *Filters) (store.Filter, *keyIndex, error) {
	index, err := r.Keys.Index(ctx)
	if err != nil {
		return store.Filter{}, nil, r.Failed(route, err)
	}
	out, err := f.filter(index)
	if err != nil {
		return out, index, err
	}
	return index.OwnOnly(ctx, out), index, nil
}

// Searched adds a text search to what Filtered gives.
func (r *FilterReader) Searched(ctx context.Context, route string, f *Filters, q string, superseded bool) (store.Filter, *keyIndex, error) {
	out, index, err := r.Filtered(ctx, route, f)
	if err != nil {
		return out, nil, err
	}
	if out.Text, err = search(q); err != nil {
		return out, nil, err
	}
	out.Text, out.Superseded = index.inTerms(out.Text), superseded || showsSuperseded(out.Text)
	return out, index, nil
}

// given tells whether any filter is set.
func (f *Filters) given() bool { return !reflect.ValueOf(*f).IsZero() }

const (
	maxTerms = 10
	maxQuery = 256 // bytes
)

// search reads a text search: words that must all be found, "quoted words" with blanks in them,
// field:word, and a minus before what must not be found. A word with a colon that names no field is a
// plain word (llama3:8b).
func search(q string) ([]store.Term, error) {
	var terms []store.Term
	for rest := strings.TrimSpace(q); rest != ""; rest = strings.TrimSpace(rest) {
		var t store.Term
		if after, ok := strings.CutPrefix(rest, "-"); ok && after != "" && after[0] != ' ' {
			t.Not, rest = true, after
		}
		if field, after, ok := strings.Cut(rest, ":"); ok && slices.Contains(store.SearchFields(), strings.ToLower(field)) {
			t.Field, rest = strings.ToLower(field), after
		}
		if quoted, ok := strings.CutPrefix(rest, `"`); ok {
			var closed bool
			if t.Value, rest, closed = strings.Cut(quoted, `"`); !closed {
				return nil, because("search_quote_open", wrong("query.q", `has a quotation mark that is not closed`, q))
			}
		} else {
			t.Value, rest, _ = strings.Cut(rest, " ")
		}
		if t.Value == "" {
			return nil, because("search_term_empty", wrong("query.q", "has an empty term; write field:text without a blank", q))
		}
		if ok, allowed := store.TermValue(t.Field, t.Value); !ok {
			return nil, because("search_value_unknown", wrong("query.q", "has a term "+t.Field+": whose value is none of: "+allowed, q))
		}
		if terms = append(terms, t); len(terms) > maxTerms {
			return nil, because("search_too_long", wrong("query.q", fmt.Sprintf("has more than %d terms", maxTerms), q), maxTerms)
		}
	}
	return terms, nil
}

// showsSuperseded tells whether a search asks for records that do not count.
func showsSuperseded(terms []store.Term) bool {
	return slices.ContainsFunc(terms, func(t store.Term) bool { return t.Field == store.FieldNameSuperseded })
}
