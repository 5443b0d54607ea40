package match

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// TestConditionsAreAll: a condition that a Matcher has and Conditions does not tell of would be left out where sums are
// used in the place of records: who adds a field says in Conditions what it means.
func TestConditionsAreAll(t *testing.T) {
	var fields []string
	for f := range reflect.TypeFor[Matcher]().Fields() {
		fields = append(fields, f.Name)
	}
	require.ElementsMatch(t, []string{
		"From", "To", "None", "Summary", "counted", "failed", "since", "bySince", "texts", "members", "statuses", "tiers", "quality", "sessions",
		"terms", "values",
	}, fields)

	only := func(f store.Filter) bool { return New(&f, nil).Conditions().Only }
	require.True(t, only(store.Filter{Keys: []string{"k"}, Statuses: []string{"error"}, Environments: []string{"e"}}))
	require.False(t, only(store.Filter{Superseded: true}))
	require.False(t, only(store.Filter{Sessions: []string{"s"}}))
	require.False(t, only(store.Filter{Any: &store.AnyOf{Keys: []string{"k"}}}))
	require.False(t, only(store.Filter{Qualities: []string{"estimated"}}))
	require.Equal(t, []dictionary.Kind{dictionary.KindModel, dictionary.KindUser}, New(&store.Filter{Users: []string{"u"}, Models: []string{"m"}}, nil).Conditions().Kinds)
}
