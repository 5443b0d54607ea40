package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// user returns a user as it is stored.
func (s *opened) user(id string) store.User {
	u, found, err := s.FindUser(ctx, store.UserRef{ID: id})
	require.NoError(s.t, err)
	require.True(s.t, found)
	return u
}

// withUsers adds an admin and a viewer.
func (s *opened) withUsers() (admin, bob store.User) {
	admin = store.User{ID: "1", Name: "root", DisplayName: "R", Role: "admin", Password: "h", CreatedAt: start}
	bob = store.User{ID: "2", Name: "bob", Role: "viewer", Subject: "issuer 7", CreatedAt: start, SeenAt: start.Add(time.Hour)}
	require.NoError(s.t, s.AddUser(ctx, admin, audited))
	require.NoError(s.t, s.AddUser(ctx, bob, audited))
	return admin, bob
}

// testUsers: users are found by each of their names, and the last admin stays unless the caller decides otherwise.
func testUsers(t *testing.T, open Open) {
	s := fresh(t, open)
	admin, bob := s.withUsers()
	for range 2 {
		users, err := s.Users(ctx)
		require.NoError(t, err)
		require.Len(t, users, 2)
		require.Positive(t, users[0].Version)
		admin.Version, bob.Version = users[1].Version, users[0].Version
		require.Equal(t, []store.User{bob, admin}, users, "by name")
		s.restart()
	}
	require.ErrorIs(t, s.AddUser(ctx, store.User{ID: "3", Name: "root"}, audited), store.ErrUserExists)
	require.ErrorIs(t, s.AddUser(ctx, store.User{ID: "3", Name: "x", Subject: "issuer 7"}, audited), store.ErrUserExists)
	for _, ref := range []store.UserRef{{ID: "2"}, {Name: "bob"}, {Subject: "issuer 7"}} {
		got, found, err := s.FindUser(ctx, ref)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, bob, got)
	}
	for _, ref := range []store.UserRef{{}, {ID: "9"}, {Name: "' OR 1"}} {
		_, found, err := s.FindUser(ctx, ref)
		require.NoError(t, err)
		require.False(t, found)
	}
	require.ErrorIs(t, s.DeleteUser(ctx, "1", audited), store.ErrLastAdmin)
	require.ErrorIs(t, s.DeleteUser(ctx, "9", audited), store.ErrUserUnknown)
	demoted := admin
	demoted.Role = "viewer"
	require.ErrorIs(t, s.UpdateUser(ctx, demoted, store.UserUpdate{}, audited), store.ErrLastAdmin)
	require.Equal(t, admin, s.user("1"))
	require.NoError(t, s.UpdateUser(ctx, demoted, store.UserUpdate{EvenLastAdmin: true}, audited))
	require.NoError(t, s.DeleteUser(ctx, "1", audited), "it is none any more")
}

// testUserVersions: a change is made to the version that was read; being seen is no change.
func testUserVersions(t *testing.T, open Open) {
	s := fresh(t, open)
	s.withUsers()
	require.ErrorIs(t, s.UpdateUser(ctx, store.User{ID: "9"}, store.UserUpdate{}, audited), store.ErrUserUnknown)
	read := s.user("2")
	require.NoError(t, s.PutSession(ctx, store.Session{Hash: "h", User: "2", Data: []byte{1}, CreatedAt: start, SeenAt: start, ExpiresAt: start.Add(time.Hour)}, 5, audited))
	require.NoError(t, s.TouchSession(ctx, "h", start.Add(time.Minute)))
	first := read
	first.DisplayName = "first"
	require.NoError(t, s.UpdateUser(ctx, first, store.UserUpdate{}, audited))
	second := read
	second.Password = "second"
	n := len(s.entries(store.AuditFilter{}))
	require.ErrorIs(t, s.UpdateUser(ctx, second, store.UserUpdate{EndSessions: true}, audited), store.ErrChanged)
	require.Len(t, s.entries(store.AuditFilter{}), n)
	_, _, found, err := s.Session(ctx, "h")
	require.NoError(t, err)
	require.True(t, found, "nothing of it was made")
	second = s.user("2")
	require.Equal(t, "first", second.DisplayName)
	require.Equal(t, start.Add(time.Minute), second.SeenAt)
	second.Name = "root"
	require.ErrorIs(t, s.UpdateUser(ctx, second, store.UserUpdate{}, audited), store.ErrUserExists)
	second.Name = "robert"
	require.NoError(t, s.UpdateUser(ctx, second, store.UserUpdate{EndSessions: true}, audited))
	require.Equal(t, "robert", s.user("2").Name)
	_, _, found, err = s.Session(ctx, "h")
	require.NoError(t, err)
	require.False(t, found)
}

// testSessions: a session is found with its user; of a user's the newest stay, and none that is over.
func testSessions(t *testing.T, open Open) {
	s := fresh(t, open)
	s.withUsers()
	session := func(hash string, at time.Duration) store.Session {
		return store.Session{Hash: hash, User: "2", Data: []byte{1}, CreatedAt: start.Add(at), SeenAt: start.Add(at), ExpiresAt: start.Add(at + time.Hour)}
	}
	has := func(hash string) bool {
		_, _, found, err := s.Session(ctx, hash)
		require.NoError(t, err)
		return found
	}
	require.NoError(t, s.PutSession(ctx, session("a", 0), 2, audited))
	s.restart()
	got, of, found, err := s.Session(ctx, "a")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, session("a", 0), got)
	require.Equal(t, "bob", of.Name)
	require.Equal(t, start, of.SeenAt, "signing in is being seen")
	require.NoError(t, s.TouchSession(ctx, "a", start.Add(time.Minute)))
	got, of, _, err = s.Session(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, []time.Time{start.Add(time.Minute), start.Add(time.Minute)}, []time.Time{got.SeenAt, of.SeenAt})
	require.NoError(t, s.PutSession(ctx, session("b", 1), 2, audited))
	require.NoError(t, s.PutSession(ctx, session("c", 2), 2, audited))
	require.Equal(t, []bool{false, true, true}, []bool{has("a"), has("b"), has("c")}, "the newest two")
	n := len(s.entries(store.AuditFilter{}))
	require.NoError(t, s.EndSession(ctx, "none", audited))
	require.Len(t, s.entries(store.AuditFilter{}), n, "nothing ended, no entry")
	require.NoError(t, s.EndSession(ctx, "b", audited))
	require.Len(t, s.entries(store.AuditFilter{}), n+1)
	require.NoError(t, s.PutSession(ctx, session("d", 2*time.Hour), 2, audited))
	require.Equal(t, []bool{false, false, true}, []bool{has("b"), has("c"), has("d")}, "what is over goes when the next begins")
	require.NoError(t, s.PutSession(ctx, session("e", 2*time.Hour+1), 2, audited))
	ended, err := s.EndSessions(ctx, "2", audited)
	require.NoError(t, err)
	require.Equal(t, 2, ended)
	require.NoError(t, s.PutSession(ctx, session("f", 3*time.Hour), 2, audited))
	require.NoError(t, s.DeleteUser(ctx, "2", audited))
	require.False(t, has("f"), "they go with their user")
}

// testTokens: tokens are found with their owner, listed page by page, and bounded for each owner.
func testTokens(t *testing.T, open Open) {
	s := fresh(t, open)
	s.withUsers()
	token := func(i int) store.Token {
		return store.Token{
			ID: fmt.Sprint("t", i), Name: "n", User: "2", Role: "viewer", Scope: "reprice", Hash: fmt.Sprint("h", i), Display: "d",
			CreatedAt: start.Add(time.Duration(i/2) * time.Second), ExpiresAt: start.Add(time.Hour),
		}
	}
	for i := range 5 {
		require.NoError(t, s.AddToken(ctx, token(i), 5, audited))
	}
	require.ErrorIs(t, s.AddToken(ctx, token(6), 5, audited), store.ErrTooManyTokens)
	require.NoError(t, s.TouchToken(ctx, "t3", start.Add(5)))
	s.restart()
	got, of, found, err := s.TokenOf(ctx, "h3")
	require.NoError(t, err)
	require.True(t, found)
	want := token(3)
	want.UsedAt = start.Add(5)
	require.Equal(t, want, got)
	require.Equal(t, start.Add(5), of.SeenAt)
	var ids []string
	for after := ""; ; {
		page, total, err := s.Tokens(ctx, store.TokenQuery{User: "2", After: after, Limit: 2})
		require.NoError(t, err)
		require.Equal(t, 5, total)
		for _, k := range page {
			ids = append(ids, k.ID)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].ID
	}
	require.Equal(t, []string{"t0", "t1", "t2", "t3", "t4"}, ids, "oldest first")
	_, _, err = s.Tokens(ctx, store.TokenQuery{After: "none"})
	require.ErrorIs(t, err, store.ErrCursor)
	others, total, err := s.Tokens(ctx, store.TokenQuery{User: "1"})
	require.NoError(t, err)
	require.Empty(t, others)
	require.Zero(t, total)
	one, _, err := s.Tokens(ctx, store.TokenQuery{ID: "t4"})
	require.NoError(t, err)
	require.Equal(t, []store.Token{token(4)}, one)
	require.ErrorIs(t, s.DropToken(ctx, "none", audited), store.ErrTokenUnknown)
	require.NoError(t, s.DropToken(ctx, "t4", audited))
	require.NoError(t, s.AddToken(ctx, token(6), 5, audited))
	require.NoError(t, s.DeleteUser(ctx, "2", audited))
	_, _, found, err = s.TokenOf(ctx, "h3")
	require.NoError(t, err)
	require.False(t, found, "they go with their owner")
}
