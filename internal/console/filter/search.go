package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

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
				return nil, api.WithReason("search_quote_open", api.Invalid("query.q", `has a quotation mark that is not closed`, q))
			}
		} else {
			t.Value, rest, _ = strings.Cut(rest, " ")
		}
		if t.Value == "" {
			return nil, api.WithReason("search_term_empty", api.Invalid("query.q", "has an empty term; write field:text without a blank", q))
		}
		if ok, allowed := store.TermValue(t.Field, t.Value); !ok {
			return nil, api.WithReason("search_value_unknown", api.Invalid("query.q", "has a term "+t.Field+": whose value is none of: "+allowed, q))
		}
		if terms = append(terms, t); len(terms) > maxTerms {
			return nil, api.WithReason("search_too_long", api.Invalid("query.q", fmt.Sprintf("has more than %d terms", maxTerms), q), maxTerms)
		}
	}
	return terms, nil
}

// showsSuperseded reports whether a search asks for records that do not count.
func showsSuperseded(terms []store.Term) bool {
	return slices.ContainsFunc(terms, func(t store.Term) bool { return t.Field == store.FieldNameSuperseded })
}
