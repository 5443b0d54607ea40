package storetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// testViews: views come back with every field to those who may see them, and what is in the way of a change is named.
func testViews(t *testing.T, open Open) {
	s := fresh(t, open)
	mine := store.SavedView{ID: "view_1", Owner: "u1", Name: "Ünï 名 🙂", Page: "explore", Query: `q="'; DROP TABLE views; --`, CreatedAt: start, Version: 1}
	shared := store.SavedView{ID: "view_2", Owner: "u2", Name: "a", Shared: true, Page: "errors", CreatedAt: start, Version: 1}
	requireViews := func(owner string, want ...store.SavedView) {
		got, err := s.Views(ctx, owner)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NoError(t, errors.Join(s.AddView(ctx, 2, mine, audited), s.AddView(ctx, 2, shared, audited)))
	again := store.SavedView{ID: "view_3", Owner: "u1", Name: "üNÏ 名 🙂"}
	require.ErrorIs(t, s.AddView(ctx, 2, again, audited), store.ErrViewExists, "whatever the case")
	require.ErrorIs(t, s.AddView(ctx, 1, again, audited), store.ErrTooManyViews)
	changed := mine
	changed.Name, changed.Shared, changed.Page, changed.Query = "new", true, "logs", "status=error"
	require.NoError(t, s.UpdateView(ctx, changed, audited))
	require.ErrorIs(t, s.UpdateView(ctx, changed, audited), store.ErrChanged)
	changed.Version = 2
	requireViews("", shared, changed)
	require.NoError(t, s.DeleteView(ctx, changed.ID, 2, audited))
}
