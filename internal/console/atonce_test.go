package console_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

// meddled is a directory in which somebody else makes a change just before the next one.
type meddled struct {
	store.Directory
	mu   sync.Mutex
	next func()
}

func (m *meddled) meddle() {
	m.mu.Lock()
	next := m.next
	m.next = nil
	m.mu.Unlock()
	if next != nil {
		next()
	}
}

func (m *meddled) UpdateKey(ctx context.Context, k store.Key, e store.AuditEntry) error {
	m.meddle()
	return m.Directory.UpdateKey(ctx, k, e)
}

func (m *meddled) UpdateUser(ctx context.Context, u store.User, o store.UserUpdate, e store.AuditEntry) error {
	m.meddle()
	return m.Directory.UpdateUser(ctx, u, o, e)
}

func meddledTown(t *testing.T) (*consoletest.Secured, *meddled) {
	m := &meddled{}
	o := consoletest.NewSecured(t, func(p *console.Options) {
		m.Directory = p.Directory
		p.Directory = m
	})
	return o, m
}

// TestChangesAtOnce: of changes of different parts of one key and one user at the same time none is lost.
func TestChangesAtOnce(t *testing.T) {
	o, m := meddledTown(t)
	o.User("root", access.Admin)
	bob := o.User("bob", access.Viewer)
	root := o.SignIn("root")
	made := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"a"}`), 201)
	m.next = func() {
		consoletest.Read[keys.Key](t, root.Do("PATCH", "/keys/"+made.ID, `{"description":"first"}`), 200)
	}
	k := consoletest.Read[keys.Key](t, root.Do("PATCH", "/keys/"+made.ID, `{"name":"second"}`), 200)
	require.Equal(t, []string{"second", "first"}, []string{k.Name, k.Description})
	m.next = func() { consoletest.Read[keys.Revoked](t, root.Do("DELETE", "/keys/"+made.ID, ""), 200) }
	require.Equal(t, http.StatusConflict, root.Do("PATCH", "/keys/"+made.ID, `{"name":"third"}`).Code, "it is revoked by then")
	m.next = func() { consoletest.Read[users.User](t, root.Do("PATCH", "/users/"+bob.ID, `{"role":"member"}`), 200) }
	u := consoletest.Read[users.User](t, root.Do("PATCH", "/users/"+bob.ID, `{"display_name":"Bob"}`), 200)
	require.Equal(t, []string{"member", "Bob"}, []string{u.Role, u.DisplayName})

	keys := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"b"}`), 201)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			assert.Equal(t, 201, root.Do("POST", "/keys/"+keys.ID+"/rotate", fmt.Sprintf(`{"overlap_seconds":%d}`, i+60)).Code)
		})
	}
	all.Wait()
	stored, err := m.KeysOf(t.Context(), []string{keys.ID})
	require.NoError(t, err)
	require.Len(t, stored[0].Older, 8, "each secret that was given out is stored")
}

// TestPasswordsChangedAtOnce: whoever showed a password that an admin changes at that moment neither overwrites the
// new one nor gets in.
func TestPasswordsChangedAtOnce(t *testing.T) {
	o, m := meddledTown(t)
	bob := o.User("bob", access.Viewer)
	reset := func(to string) func() {
		return func() {
			u, _, err := m.FindUser(t.Context(), store.UserRef{ID: bob.ID})
			require.NoError(t, err)
			u.Password, err = password.New(consoletest.QuickPasswords).Hash(t.Context(), password.Caller{}, to)
			require.NoError(t, err)
			require.NoError(t, m.Directory.UpdateUser(t.Context(), u, store.UserUpdate{EndSessions: true}, store.AuditEntry{Action: "test.reset"}))
		}
	}
	stored := func(name string) func() {
		return func() {
			u, _, err := m.FindUser(t.Context(), store.UserRef{ID: bob.ID})
			require.NoError(t, err)
			u.DisplayName = name
			require.NoError(t, m.Directory.UpdateUser(t.Context(), u, store.UserUpdate{}, store.AuditEntry{Action: "test.rename"}))
		}
	}
	browser := o.SignIn("bob")
	const second, third = "another battery staple, correct", "a third battery staple, correct"
	change := func(old, to string) int {
		return browser.Do("POST", "/session/password", `{"old_password":"`+old+`","new_password":"`+to+`"}`).Code
	}
	m.next = stored("Bob")
	require.Equal(t, 200, change(consoletest.TestPassword, second))
	u, _, err := m.FindUser(t.Context(), store.UserRef{ID: bob.ID})
	require.NoError(t, err)
	require.Equal(t, "Bob", u.DisplayName, "both are made")
	signIn := func(secret string) *consoletest.Person {
		w := o.Do("POST", api.Base+"/session", consoletest.Credentials("bob", secret), nil)
		require.Equal(t, 200, w.Code, w.Body)
		return &consoletest.Person{Secured: o, Name: "bob", Header: map[string]string{"Cookie": consoletest.CookieOf(t, w).Name + "=" + consoletest.CookieOf(t, w).Value, "Origin": "http://localhost:8317"}}
	}
	browser = signIn(second)
	m.next = reset(third)
	require.Equal(t, 403, change(second, consoletest.TestPassword), "the old password is wrong by then")
	require.Equal(t, 401, o.Do("POST", api.Base+"/session", consoletest.Credentials("bob", consoletest.TestPassword), nil).Code)
	signIn(third)
}
