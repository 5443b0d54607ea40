package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Term is one term of a text search. Its value is a literal, never a pattern, and is compared
// without regard to case.
type Term struct {
	// Field is one of SearchFields, or "" for any of those that hold text.
	Field string
	// Value is a part of the field's text; of status, quality, superseded and tier it is a whole value,
	// see TermValue.
	Value string
	Not   bool // finds what the term does not
	// Keys are fingerprints that the value selects as well: the fingerprints of keys whose name contains it. Records do
	// not have these names. Fingerprints themselves are not searched.
	Keys []string
}

// textFields are the fields whose text a term is searched in, with the texts that a record has there. A
// record can have several of one. Those marked open are searched by terms without a field.
var textFields = []struct {
	name string
	open bool
	of   func(*Record) []string
}{
	{"request_id", true, func(r *Record) []string { return []string{r.RequestID, r.ResponseID} }},
	{"trace_id", true, func(r *Record) []string { return []string{r.Trace.String()} }},
	{"span_id", false, func(r *Record) []string { return []string{r.Span.String()} }},
	{"model", true, func(r *Record) []string { return []string{r.Model, r.RequestModel} }},
	{"path", true, func(r *Record) []string { return []string{r.Path} }},
	{"error", true, func(r *Record) []string { return []string{r.ErrorType} }},
	{"message", true, func(r *Record) []string { return []string{r.ErrorMessage} }},
	{"user", true, func(r *Record) []string { return []string{r.User} }},
	{"service", true, func(r *Record) []string { return []string{r.Service} }},
	{"provider", true, func(r *Record) []string { return []string{r.Provider} }},
	{"key", true, func(r *Record) []string { return []string{r.KeyDisplay} }}, // no part of a fingerprint is to be found out
	{"project", true, func(r *Record) []string { return []string{r.Project} }},
	{"session", true, func(r *Record) []string { return []string{r.Session} }},
	{"account", true, func(r *Record) []string { return []string{r.Account} }},
	{"operation", false, func(r *Record) []string { return []string{r.Operation} }},
	{"method", false, func(r *Record) []string { return []string{r.Method} }},
}

// The fields of whole values.
const (
	FieldNameStatus     = "status"     // ok, error, a code (429) or a class of codes (5xx)
	FieldNameQuality    = "quality"    // a quality flag
	FieldNameSuperseded = "superseded" // yes, no, or a reason
	FieldNameTier       = "tier"       // a service tier, see usage.Tier
)

// SearchFields lists the fields that a term can name.
func SearchFields() []string {
	var out []string
	for _, f := range textFields {
		out = append(out, f.name)
	}
	return append(out, FieldNameStatus, FieldNameQuality, FieldNameSuperseded, FieldNameTier)
}

// Open reports whether a field is searched by terms that name none.
func Open(field string) bool {
	for _, f := range textFields {
		if f.name == field {
			return f.open
		}
	}
	return false
}

// TermValue checks the value of a field of whole values; of others all values are fine.
func TermValue(field, value string) (ok bool, allowed string) {
	value = strings.ToLower(value)
	switch field {
	case FieldNameStatus:
		n, err := strconv.Atoi(strings.TrimSuffix(value, "xx"))
		class := strings.HasSuffix(value, "xx") && n >= 1 && n <= 5 && len(value) == 3
		return value == "ok" || value == "error" || (err == nil && (class || (n >= 100 && n <= 599 && len(value) == 3))),
			"ok, error, an HTTP status code such as 429, or a class such as 5xx"
	case FieldNameQuality:
		return usage.ParseQuality([]string{value}) != 0, strings.Join((usage.Quality(1<<15 - 1)).Names(), ", ")
	case FieldNameSuperseded:
		_, known := ParseReason(value)
		return value == "yes" || value == "no" || known, "yes, no, ancestor, same_call, echo or twin"
	case FieldNameTier:
		t, known := usage.TierNamed(value)
		return known && t != usage.TierUnknown, strings.Join(usage.TierNames(), ", ")
	}
	return true, ""
}

// ParseReason is the reverse of Reason.String for a record that does not count; false for any other text.
func ParseReason(s string) (Reason, bool) {
	for r := ReasonAncestor; r <= ReasonTwin; r++ {
		if r.String() == s {
			return r, true
		}
	}
	return ReasonNone, false
}

// Matches reports whether a record passes the filter, as an engine would: it is for records that are
// not read from one. StoredSince is not checked.
func (f *Filter) Matches(r *Record) bool {
	if f.None {
		return false
	}
	in := func(wanted []string, v string) bool { return len(wanted) == 0 || slices.Contains(wanted, v) }
	if (!f.From.IsZero() && r.Start.Before(f.From)) || (!f.To.IsZero() && !r.Start.Before(f.To)) || (!f.Superseded && !r.Counted) ||
		!in(f.Models, r.Model) || !in(f.Providers, r.Provider) || !in(f.Keys, r.KeyFingerprint) || !in(f.Users, r.User) ||
		!in(f.Services, r.Service) || !in(f.Projects, r.Project) || !in(f.Tiers, r.Tier.String()) || !in(f.Accounts, r.Account) ||
		!in(f.Operations, r.Operation) || !in(f.Environments, r.Environment) || !in(f.ErrorTypes, r.ErrorType) || !in(f.Emitters, r.Scope) ||
		!in(f.Sessions, r.Session) || f.Any != nil && !f.Any.Has(&r.Call) {
		return false
	}
	if len(f.Qualities) > 0 && !slices.ContainsFunc(f.Qualities, func(s string) bool { return hasQuality(r, s) }) {
		return false
	}
	if len(f.Statuses) > 0 && !slices.ContainsFunc(f.Statuses, func(s string) bool { return hasStatus(r, s) }) {
		return false
	}
	for i := range f.Text {
		if f.Text[i].matches(r) == f.Text[i].Not {
			return false
		}
	}
	return true
}

// hasQuality reports whether a record has exactly the quality flags that a text names.
func hasQuality(r *Record, s string) bool {
	q, known := ParseQualityName(s)
	return known && r.Quality == q
}

// hasStatus reports whether a record has a status, as filters and terms name it.
func hasStatus(r *Record, s string) bool { return ParseStatus(s)(r.Status, r.Failed) }

func (t *Term) matches(r *Record) bool {
	needle := strings.ToLower(t.Value)
	switch t.Field {
	case FieldNameStatus:
		return hasStatus(r, needle)
	case FieldNameQuality:
		return r.Quality&usage.ParseQuality([]string{needle}) != 0
	case FieldNameSuperseded:
		reason, _ := ParseReason(needle)
		return (needle == "yes" && !r.Counted) || (needle == "no" && r.Counted) || (reason != ReasonNone && r.Reason == reason)
	case FieldNameTier:
		return needle != "" && r.Tier.String() == needle
	}
	if r.KeyFingerprint != "" && slices.Contains(t.Keys, r.KeyFingerprint) {
		return true
	}
	for _, f := range textFields {
		if f.name != t.Field && (t.Field != "" || !f.open) {
			continue
		}
		for _, text := range f.of(r) {
			if strings.Contains(strings.ToLower(text), needle) {
				return true
			}
		}
	}
	return false
}
