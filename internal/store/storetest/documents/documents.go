// Package documents has the part of the conformance suite that is about store.Documents.
package documents

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 123_456_789, time.UTC)

// RoundTrip checks that documents come back as they were stored, kinds do not touch each other, and a change that fails leaves
// nothing behind.
func RoundTrip(t *testing.T, s store.Directory, reopen func() store.Directory) {
	ctx := context.Background()
	audited := store.AuditEntry{Time: start, Action: "document.change"}
	list, version, err := s.Documents(ctx, store.DocumentPrice, 0)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Zero(t, version)

	body := []byte(`{"model":"名 🙂 '; DROP TABLE documents; --"}`)
	put := func(kind store.DocumentKind, c store.DocumentChange) (int64, error) {
		return s.ChangeDocuments(ctx, kind, c, audited)
	}
	doc := store.Document{ID: "b", Body: body, CreatedAt: start, UpdatedAt: start}
	first, err := put(store.DocumentPrice, store.DocumentChange{Put: []store.Document{doc, {ID: "a", Body: []byte("{}"), CreatedAt: start, UpdatedAt: start}}, Limit: 2})
	require.NoError(t, err)
	require.Positive(t, first)
	_, err = put(store.DocumentPrice, store.DocumentChange{Put: []store.Document{doc}})
	require.ErrorIs(t, err, store.ErrDocumentExists)
	_, err = put(store.DocumentPrice, store.DocumentChange{
		Remove: []store.Document{{ID: "a", Version: store.AnyVersion}},
		Put:    []store.Document{{ID: "c", CreatedAt: start, Body: []byte("{}")}, {ID: "d", CreatedAt: start, Body: []byte("{}")}}, Limit: 2,
	})
	require.ErrorIs(t, err, store.ErrTooManyDocuments)
	for _, id := range []string{"zz", "", "' OR 1", "x\x00"} {
		_, err = put(store.DocumentPrice, store.DocumentChange{Remove: []store.Document{{ID: id, Version: store.AnyVersion}}})
		require.ErrorIs(t, err, store.ErrDocumentUnknown)
		_, err = put(store.DocumentPrice, store.DocumentChange{Put: []store.Document{{ID: id, Version: 1, CreatedAt: start, Body: []byte("{}")}}})
		require.ErrorIs(t, err, store.ErrDocumentUnknown)
	}
	_, err = put(store.DocumentPrice, store.DocumentChange{Remove: []store.Document{{ID: "a", Version: first + 1}}})
	require.ErrorIs(t, err, store.ErrChanged)
	s = reopen()
	list, version, err = s.Documents(ctx, store.DocumentPrice, 0)
	require.NoError(t, err)
	require.Equal(t, first, version, "what failed is no change")
	doc.Version = first
	require.Equal(t, []store.Document{{ID: "a", Body: []byte("{}"), CreatedAt: start, UpdatedAt: start, Version: first}, doc}, list)
	list, same, err := s.Documents(ctx, store.DocumentPrice, version)
	require.NoError(t, err)
	require.Equal(t, version, same)
	require.Nil(t, list, "nothing changed")

	doc.Body, doc.UpdatedAt, doc.CreatedAt = []byte(`{"n":2}`), start.Add(time.Hour), start.Add(time.Hour)
	next, err := s.ChangeDocuments(ctx, store.DocumentPrice, store.DocumentChange{Put: []store.Document{doc}, Remove: []store.Document{{ID: "a", Version: first}}})
	require.NoError(t, err)
	require.Greater(t, next, version)
	list, _, err = s.Documents(ctx, store.DocumentPrice, version)
	require.NoError(t, err)
	doc.Version, doc.CreatedAt = next, start
	require.Equal(t, []store.Document{doc}, list, "when it was made stays")
	list, version, err = s.Documents(ctx, store.DocumentBook, 0)
	require.NoError(t, err)
	require.Empty(t, list)
	require.Zero(t, version)
	entries := 0
	require.NoError(t, s.Audit(ctx, store.AuditFilter{}, func(*store.AuditEntry) error { entries++; return nil }))
	require.Equal(t, 1, entries, "for the change that one was given for")
}

// Race checks that of several changes to one version one is made.
func Race(t *testing.T, s store.Directory) {
	const writers = 6
	ctx := context.Background()
	first, err := s.ChangeDocuments(ctx, store.DocumentJob, store.DocumentChange{Put: []store.Document{{ID: "j", Body: []byte("{}"), CreatedAt: start, UpdatedAt: start}}})
	require.NoError(t, err)
	var wg sync.WaitGroup
	made := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			_, made[i] = s.ChangeDocuments(ctx, store.DocumentJob, store.DocumentChange{Put: []store.Document{
				{ID: "j", Version: first, Body: []byte(fmt.Sprintf(`{"by":%d,"pad":%q}`, i, strings.Repeat("x", 100))), UpdatedAt: start, CreatedAt: start},
			}})
		})
	}
	wg.Wait()
	won := 0
	for _, err := range made {
		if err == nil {
			won++
			continue
		}
		assert.ErrorIs(t, err, store.ErrChanged)
	}
	require.Equal(t, 1, won)
}
