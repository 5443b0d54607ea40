package users_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// guessed is a console with the limits that consoles have, behind a proxy that is trusted.
func guessed(t *testing.T) *consoletest.Secured {
	return consoletest.NewSecured(t, func(p *console.Options) {
		p.SignIn.Limits = throttle.Default
		p.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
}

// deviceOf returns the device cookie of a sign-in.
func deviceOf(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, users.DeviceCookie) {
			return c
		}
	}
	require.Fail(t, "no device", w.Header())
	return nil
}

func TestGuessingIsSlowed(t *testing.T) {
	o := guessed(t)
	o.User("alice", access.Admin)
	o.User("bob", access.Viewer)
	got := map[int]int{}
	for i := range 1000 {
		w := o.From("198.51.100.7", "alice", fmt.Sprint("guess number ", i))
		got[w.Code]++
		if w.Code == 429 {
			require.NotEmpty(t, w.Header().Get("Retry-After"))
		}
	}
	require.Equal(t, map[int]int{401: 5, 429: 995}, got, "one source, at one user")
	consoletest.RequireProblem(t, o.From("198.51.100.7", "alice", consoletest.TestPassword), 429)
	require.Equal(t, 200, o.From("198.51.100.7", "bob", consoletest.TestPassword).Code, "others at the same address are not kept out")

	got = map[int]int{}
	for i := range 1000 {
		got[o.From("198.51.100.250", fmt.Sprint("user", i), "password number one").Code]++
	}
	require.Equal(t, 1000-got[401], got[429])
	require.LessOrEqual(t, got[401], 320, "one source, at all users")

	for name, account := range map[string]string{"one user, from everywhere": "alice", "nobody, from everywhere": "nobody"} {
		o.Now = o.Now.Add(24 * time.Hour)
		got = map[int]int{}
		for i := range 3000 {
			got[o.From(fmt.Sprintf("10.%d.%d.1", i/250, i%250), account, fmt.Sprint("guess number ", i)).Code]++
		}
		require.Equal(t, 3000-got[401], got[429])
		require.InDelta(t, 1000, got[401], 20, name)
	}
	o.Now = o.Now.Add(24 * time.Hour)
	for range 50 {
		require.Equal(t, 200, o.From("198.51.100.7", "alice", consoletest.TestPassword).Code, "who is right is never slowed")
	}
}

// TestNobodyIsLockedOut: 103 wrong sign-ins, from wherever, at whomever, keep nobody out who is right.
func TestNobodyIsLockedOut(t *testing.T) {
	for name, guess := range map[string]func(i int) (source, user string){
		"at the admin, from everywhere":          func(i int) (string, string) { return fmt.Sprint("198.51.100.", i), "root" },
		"at everybody, from one address":         func(i int) (string, string) { return "198.51.100.1", fmt.Sprint("user", i) },
		"at everybody, from everywhere":          func(i int) (string, string) { return fmt.Sprint("198.51.100.", i), fmt.Sprint("user", i) },
		"at everybody, from the admin's address": func(i int) (string, string) { return "198.51.100.200", fmt.Sprint("user", i) },
	} {
		t.Run(name, func(t *testing.T) {
			o := guessed(t)
			root := o.NewPerson("root", access.Admin)
			token := root.Token(access.Admin)
			for i := range 103 {
				source, user := guess(i)
				require.NotEqual(t, 200, o.From(source, user, "a wrong password").Code)
			}
			for range 16 {
				require.Equal(t, 200, o.From("198.51.100.200", "root", consoletest.TestPassword).Code)
			}
			consoletest.Read[stats.Stats](t, token.Do("GET", "/stats", ""), 200)
			consoletest.Read[stats.Stats](t, root.Do("GET", "/stats", ""), 200)
		})
	}
	t.Run("at the admin, from the admin's address", func(t *testing.T) {
		o := guessed(t)
		o.User("root", access.Admin)
		device := deviceOf(t, o.From("198.51.100.200", "root", consoletest.TestPassword))
		for i := range 103 {
			require.NotEqual(t, 200, o.From("198.51.100.200", "root", fmt.Sprint("wrong password ", i)).Code)
		}
		consoletest.RequireProblem(t, o.From("198.51.100.200", "root", consoletest.TestPassword), 429)
		for range 16 {
			require.Equal(t, 200, o.From("198.51.100.200", "root", consoletest.TestPassword, device).Code, "with a browser that root has used")
		}
	})
}

// changed returns s with another letter at index i: whatever stands there, it is not what it was.
func changed(s string, i int) string {
	letter := "A"
	if s[i] == letter[0] {
		letter = "B"
	}
	return s[:i] + letter + s[i+1:]
}

func TestDevices(t *testing.T) {
	o := guessed(t)
	o.User("alice", access.Viewer)
	o.User("bob", access.Viewer)
	w := o.From("198.51.100.1", "alice", consoletest.TestPassword)
	device := deviceOf(t, w)
	require.Equal(t, []any{"tokenboard_device", true, http.SameSiteStrictMode, "/"}, []any{device.Name, device.HttpOnly, device.SameSite, device.Path})
	require.Greater(t, device.MaxAge, 300*24*3600)
	require.NotContains(t, w.Body.String(), device.Value)
	consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", map[string]string{"Cookie": device.Name + "=" + device.Value}), 401)
	require.Equal(t, device.Value, deviceOf(t, o.From("198.51.100.1", "alice", consoletest.TestPassword, device)).Value, "a known device stays the same")

	slowed := func(name string, cookies ...*http.Cookie) (allowed int) {
		for i := range 40 {
			if o.From("198.51.100.66", name, fmt.Sprint("guess number ", i), cookies...).Code == 401 {
				allowed++
			}
		}
		return allowed
	}
	require.Equal(t, 10, slowed("alice", device), "who stole the device's cookie guesses no faster")
	require.Equal(t, 5, slowed("bob", device), "it is a device of alice's only")
	o.Now = o.Now.Add(24 * time.Hour)
	for _, forged := range []string{"", "x", "AAAA", changed(device.Value, 0), changed(device.Value, 30), changed(device.Value, len(device.Value)-3), strings.Repeat("A", 64), strings.Repeat("A", 4000)} {
		o.Now = o.Now.Add(2 * time.Hour)
		require.Equal(t, 5, slowed("alice", &http.Cookie{Name: device.Name, Value: forged}), forged)
	}
	o.Now = o.Now.Add(24 * time.Hour)
	alice := o.SignIn("alice")
	consoletest.Read[users.Session](t, alice.Do("POST", "/session/password", `{"old_password":"`+consoletest.TestPassword+`","new_password":"another long password"}`), 200)
	require.Equal(t, 5, slowed("alice", device), "a new password ends it")
}

// TestManySignInsAtOnce: 72 right sign-ins of one user at one time, while others sign in and use what they have.
func TestManySignInsAtOnce(t *testing.T) {
	o := consoletest.NewSecured(t, func(p *console.Options) {
		p.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		p.SignIn.Passwords = password.Params{Memory: 4 << 10, Passes: 2, Threads: 1}
	})
	o.User("mallory", access.Viewer)
	o.User("root", access.Admin)
	for i := range 8 {
		o.User(fmt.Sprint("user", i), access.Viewer)
	}
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for range 72 {
		crowd.Add(1)
		go func() {
			defer crowd.Done()
			for {
				select {
				case <-stop:
					return
				default:
					o.From("198.51.100.1", "mallory", consoletest.TestPassword)
				}
			}
		}()
	}
	for i := range 8 {
		require.Equal(t, 200, o.From(fmt.Sprint("198.51.100.10", i), fmt.Sprint("user", i), consoletest.TestPassword).Code)
		require.Equal(t, 200, o.From("198.51.100.1", "root", consoletest.TestPassword).Code, "at the same address")
	}
	close(stop)
	crowd.Wait()
}
