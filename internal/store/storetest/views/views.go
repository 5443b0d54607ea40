// Package views has the part of the conformance suite that is about saved views.
package views

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)

// RoundTrip checks that views come back with every field to those who may see them, and that what is in the way of a change
// is named.
func RoundTrip(t *testing.T, s store.Directory) {
	ctx := context.Background()
	audited := store.AuditEntry{Time: start, Action: "view.change"}
	mine := store.SavedView{ID: "view_1", Owner: "u1", Name: "Ünï 名 🙂", Page: "explore", Query: `by=model&q="'; DROP TABLE views; --`, CreatedAt: start}
	shared := store.SavedView{ID: "view_2", Owner: "u2", Name: "a", Shared: true, Page: "errors", CreatedAt: start}
	require.NoError(t, s.AddView(ctx, 2, mine, audited))
	require.NoError(t, s.AddView(ctx, 2, shared, audited))
	mine.Version, shared.Version = 1, 1
	views := func(owner string) []store.SavedView {
		t.Helper()
		out, err := s.Views(ctx, owner)
		require.NoError(t, err)
		return out
	}
	require.Equal(t, []store.SavedView{shared, mine}, views("u1"))
	require.Equal(t, []store.SavedView{shared}, views(""))

	again := mine
	again.ID, again.Name = "view_3", "üNÏ 名 🙂"
	require.ErrorIs(t, s.AddView(ctx, 2, again, audited), store.ErrViewExists, "whatever the case")
	again.Name = "other"
	require.NoError(t, s.AddView(ctx, 2, again, audited))
	again.ID, again.Name = "view_4", "third"
	require.ErrorIs(t, s.AddView(ctx, 2, again, audited), store.ErrTooManyViews)
	again.ID, again.Owner, again.Name = "view_5", "u3", mine.Name
	require.NoError(t, s.AddView(ctx, 2, again, audited), "a name is an owner's own")

	changed := mine
	changed.Name, changed.Shared, changed.Page, changed.Query = "OTHER", true, "logs", "status=error"
	require.ErrorIs(t, s.UpdateView(ctx, changed, audited), store.ErrViewExists)
	changed.Name = "new"
	require.NoError(t, s.UpdateView(ctx, changed, audited))
	require.ErrorIs(t, s.UpdateView(ctx, changed, audited), store.ErrChanged)
	changed.Version = 2
	require.Equal(t, []store.SavedView{shared, changed}, views(""))
	require.ErrorIs(t, s.UpdateView(ctx, store.SavedView{ID: "none", Version: 1}, audited), store.ErrViewUnknown)
	require.ErrorIs(t, s.DeleteView(ctx, changed.ID, 1, audited), store.ErrChanged)
	require.NoError(t, s.DeleteView(ctx, changed.ID, 2, audited))
	require.ErrorIs(t, s.DeleteView(ctx, changed.ID, 2, audited), store.ErrViewUnknown)
	require.ErrorIs(t, s.DeleteView(ctx, "\x00", 2, audited), store.ErrViewUnknown)
	require.Equal(t, []store.SavedView{shared}, views("nobody"))
}
