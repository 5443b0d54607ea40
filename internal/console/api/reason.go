package api

import (
	"errors"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Reason names what is wrong with a request: lower case words that stay when the words of a message
// change. The page has a sentence in Chinese for each.
type Reason string

// WithReason returns a failure the name of its reason; limit is the number that its message names.
func WithReason(reason Reason, err error, limit ...int64) error {
	var p *Problem
	if !errors.As(err, &p) {
		return err
	}
	p.Reason = reason
	if len(limit) > 0 {
		p.Limit = &limit[0]
	}
	if len(p.Details) == 1 {
		p.Details[0].Reason, p.Details[0].Limit = p.Reason, p.Limit
	}
	return err
}

// statusReasons are the reasons of failures that have no narrower one.
var statusReasons = map[int]Reason{
	http.StatusBadRequest: "request_unfit", http.StatusUnauthorized: "not_signed_in", http.StatusForbidden: "forbidden",
	http.StatusNotFound: "not_found", http.StatusMethodNotAllowed: "method_not_allowed", http.StatusNotAcceptable: "request_unfit",
	http.StatusRequestTimeout: "took_too_long", http.StatusConflict: "conflict", http.StatusRequestEntityTooLarge: "too_large",
	http.StatusRequestURITooLong: "too_large", http.StatusUnsupportedMediaType: "media_type_unfit",
	http.StatusTooManyRequests: "too_many_requests", http.StatusInternalServerError: "internal",
	http.StatusBadGateway: "upstream_failed", http.StatusServiceUnavailable: "unavailable",
}

// ReasonOf returns the default reason of a status.
func ReasonOf(status int) Reason {
	if r, ok := statusReasons[status]; ok {
		return r
	}
	if status >= http.StatusInternalServerError {
		return "internal"
	}
	return "request_unfit"
}

// validations are the reasons of what huma finds wrong, by the forms of its messages.
var validations = []struct {
	form   *regexp.Regexp
	reason Reason
}{
	{regexp.MustCompile(`^expected length >= (\d+)$`), "text_too_short"},
	{regexp.MustCompile(`^expected length <= (\d+)$`), "text_too_long"},
	{regexp.MustCompile(`^expected number >=? (-?\d+)$`), "number_too_small"},
	{regexp.MustCompile(`^expected number <=? (-?\d+)$`), "number_too_large"},
	{regexp.MustCompile(`^expected array length <= (\d+)$`), "list_too_long"},
	{regexp.MustCompile(`^expected value to be one of `), "value_not_listed"},
	{regexp.MustCompile(`^expected required property .* to be present$`), "property_missing"},
	{regexp.MustCompile(`^(unexpected property|unknown query parameter)`), "property_unknown"},
	{regexp.MustCompile(`^the field ".*" is unknown`), "property_unknown"},
}

// validationReason returns the reason of a detail, and the number that its message names.
func validationReason(message string) (Reason, *int64) {
	for _, v := range validations {
		m := v.form.FindStringSubmatch(message)
		if m == nil {
			continue
		}
		if len(m) > 1 && m[1] != "" {
			if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
				return v.reason, &n
			}
		}
		return v.reason, nil
	}
	return "value_unfit", nil
}

// reasons are all reasons, in their order; the API's description lists them.
func reasons() []Reason {
	out := []Reason{"value_unfit"}
	for _, r := range statusReasons {
		out = append(out, r)
	}
	for _, v := range validations {
		out = append(out, v.reason)
	}
	out = append(out, NamedReasons...)
	slices.Sort(out)
	return slices.Compact(out)
}

// Schema describes a reason as one of those that there are.
func (Reason) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[string]())
	for _, reason := range reasons() {
		s.Enum = append(s.Enum, string(reason))
	}
	return s
}

// NamedReasons are those that because is called with; a test compares.
var NamedReasons = []Reason{
	"admin_exists", "alert_unknown", "book_unfit", "book_unknown", "budget_first_day", "budget_hard_account", "budget_name_taken",
	"budget_of_configuration", "budget_subject", "budget_unit", "budget_unknown", "budgets_full", "busy", "call_unknown",
	"change_empty", "changed_meanwhile", "channel_name_taken", "channel_secrets_again", "channel_unfit",
	"channel_unknown", "channels_full", "compare_without_range", "currency_unfit", "cursor_unknown", "cut_off",
	"delivery_not_dead", "delivery_unknown", "display_is_key", "display_unwanted", "estimate_unfit", "expiry_past",
	"file_cut_off", "file_missing", "file_too_long", "file_unreadable", "file_without_calls", "fingerprint_forbidden",
	"fingerprint_unfit", "fingerprint_unknown", "group_by_unknown", "internal", "interval_too_short", "job_unknown",
	"key_expired", "key_name_taken", "key_or_fingerprint", "key_owner_forbidden", "key_owner_nameless", "key_revoked",
	"key_rotated_too_often", "key_secret_none", "key_stored", "key_text_unfit", "key_twice", "key_unknown",
	"key_wider_forbidden", "keys_differ", "keys_full", "last_admin", "limit_unfit", "list_too_long", "name_empty",
	"not_leader", "old_password_wrong", "overlap_range", "own_key_restricted", "own_keys_full", "own_secrets_full",
	"password_session_only", "password_unfit", "password_wrong", "pattern_empty", "patterns_full", "price_unfit",
	"price_unknown", "prices_full", "proxy_none", "proxy_unknown", "proxy_unreachable", "quality_unknown", "range_empty",
	"reprice_running", "role_above_own", "role_unknown", "rule_name_taken", "rule_unfit", "rule_unknown", "rules_full",
	"scope_forbidden", "search_quote_open", "search_term_empty", "search_too_long", "search_value_unknown",
	"session_none", "setup_token_unfit", "sheet_unfit", "shutting_down", "sign_in_none", "sort_without_second",
	"status_unknown", "store_unavailable", "stream_superseded", "streams_full", "team_has_budgets", "team_name_taken",
	"team_unknown", "teams_full", "text_invisible", "text_too_long", "tier_unknown", "time_unreadable", "token_unknown",
	"tokens_full", "tokens_need_users", "too_many_attempts", "too_many_groups", "took_too_long", "unavailable",
	"user_name_taken", "user_name_unfit", "user_of_provider", "user_unknown", "users_full", "view_name_taken",
	"view_of_another", "view_query_unfit", "view_unknown", "views_full", "zone_unknown",
}
