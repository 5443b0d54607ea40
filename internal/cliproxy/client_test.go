package cliproxy_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const key = "management-key-of-the-tests"

func newClient(t *testing.T, url, key string) *cliproxy.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := cliproxy.New(cliproxy.Options{Endpoint: url, Key: key, HTTP: &http.Client{Transport: transport}})
	require.NoError(t, err)
	return c
}

func TestPull(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key, Release: "7.2.1"})
	c := newClient(t, p.URL(), key)
	p.Emit(`{"n":1}`, `{"n":2}`, `{"n":3}`)
	got, err := c.Pull(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, []string{`{"n":1}`, `{"n":2}`}, []string{string(got[0]), string(got[1])}, "first in, first out")
	got, err = c.Pull(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, got, 1, "what was popped is gone")
	got, err = c.Pull(t.Context(), 2)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, cliproxy.Version{Release: "7.2.1", Commit: "c0ffee"}, c.Version())
	_, err = c.Pull(t.Context(), 0)
	require.ErrorContains(t, err, "HTTP 400")
}

// TestCutAnswers: of an answer that is cut anywhere, the events that came whole are given.
func TestCutAnswers(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key})
	c := newClient(t, p.URL(), key)
	const body = `[{"n":1},{"n":2}]`
	for cut := 1; cut < len(body); cut++ {
		p.Emit(`{"n":1}`, `{"n":2}`)
		p.CutNext(cut)
		got, err := c.Pull(t.Context(), 10)
		require.ErrorIs(t, err, cliproxy.ErrCut)
		require.Len(t, got, strings.Count(body[:cut], "}"), body[:cut])
	}
}

func TestAnswersOfOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		body  string
		fails bool
	}{
		"null": {"null", false}, "an object": {`{"error":"sk-secret"}`, true}, "HTML": {"<html>sk-secret</html>", true}, "nothing": {"", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tc.body)) }))
			defer s.Close()
			got, err := newClient(t, s.URL, key).Pull(t.Context(), 1)
			require.Empty(t, got)
			require.Equal(t, tc.fails, err != nil)
			if err != nil {
				require.NotContains(t, err.Error(), "sk-secret")
			}
		})
	}
}

// TestRefused: after one refusal the client sends nothing more, by no way.
func TestRefused(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: "another"})
	c := newClient(t, p.URL(), key)
	for range 10 {
		_, err := c.Pull(t.Context(), 1)
		require.ErrorIs(t, err, cliproxy.ErrRefused)
		require.ErrorIs(t, c.AddKey(t.Context(), "k"), cliproxy.ErrRefused)
		_, err = c.Subscribe(t.Context(), nil)
		require.ErrorIs(t, err, cliproxy.ErrRefused)
		require.NotContains(t, err.Error(), key)
	}
	require.Equal(t, 1, p.Asked())
	require.False(t, p.Banned())

	q := cliproxytest.Start(t, cliproxytest.Options{Key: "another"})
	c = newClient(t, q.URL(), key)
	for range 10 {
		_, err := c.Subscribe(t.Context(), nil)
		require.ErrorIs(t, err, cliproxy.ErrRefused)
	}
	require.Equal(t, 1, q.Asked())
}

// TestBan: the stand-in bans who sends five wrong keys, the right one included.
func TestBan(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key})
	for range 5 {
		_, err := newClient(t, p.URL(), "wrong").Pull(t.Context(), 1)
		require.ErrorIs(t, err, cliproxy.ErrRefused)
	}
	_, err := newClient(t, p.URL(), key).Pull(t.Context(), 1)
	require.ErrorIs(t, err, cliproxy.ErrRefused)
	require.True(t, p.Banned())
}

func TestKeys(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key, Keys: []string{"sk-a", "sk-b"}})
	c := newClient(t, p.URL(), key)
	ctx := t.Context()
	require.NoError(t, c.AddKey(ctx, "sk-c"))
	require.NoError(t, c.AddKey(ctx, "sk-c"))
	require.NoError(t, c.ReplaceKey(ctx, "sk-a", "sk-d&x=1#y"))
	require.NoError(t, c.DeleteKey(ctx, "sk-b"))
	require.NoError(t, c.DeleteKey(ctx, "sk-b"))
	got, err := c.Keys(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"sk-d&x=1#y", "sk-c"}, got)
	require.NoError(t, c.DeleteKey(ctx, "sk-d&x=1#y"))
	require.Equal(t, []string{"sk-c"}, p.ClientKeys())
}

// TestErrorsHoldNoKey: a key in the query of a URL is in no error, whatever goes wrong.
func TestErrorsHoldNoKey(t *testing.T) {
	const secret = "sk-secret-0123456789"
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key})
	c := newClient(t, p.URL(), key)
	p.FailNext(1)
	errs := []error{c.DeleteKey(t.Context(), secret)}
	ended, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	errs = append(errs, c.DeleteKey(ended, secret))
	p.Down()
	errs = append(errs, c.DeleteKey(t.Context(), secret), c.ReplaceKey(t.Context(), secret, secret))
	redirect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}))
	defer redirect.Close()
	errs = append(errs, newClient(t, redirect.URL, key).DeleteKey(t.Context(), secret))
	for _, err := range errs {
		require.Error(t, err)
		require.NotContains(t, err.Error(), secret)
		require.NotContains(t, err.Error(), key)
	}
	require.ErrorIs(t, errs[2], cliproxy.ErrUnreachable)
}

func TestAttempts(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key})
	c := newClient(t, p.URL(), key)
	p.Emit("{}", "{}", "{}")
	n, known, err := c.Attempts(t.Context())
	require.NoError(t, err)
	require.True(t, known)
	require.EqualValues(t, 3, n, "without its history")
	p.Set(func(o *cliproxytest.Options) { o.NoCounters = true })
	_, known, err = c.Attempts(t.Context())
	require.NoError(t, err)
	require.False(t, known)
}

func TestSubscribe(t *testing.T) {
	p := cliproxytest.Start(t, cliproxytest.Options{Key: key})
	c := newClient(t, p.URL(), key)
	s, err := c.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, 1, p.Subscribers())
	p.Refresh()
	big := `{"pad":"` + strings.Repeat("x", 1<<20) + `"}`
	p.Emit(`{"n":1}`, `{"refresh":true,"n":2}`, big)
	for _, want := range []string{`{"n":1}`, `{"refresh":true,"n":2}`, big} {
		got, err := s.Next()
		require.NoError(t, err)
		require.True(t, bytes.Equal([]byte(want), got))
	}
	require.Zero(t, p.Queued(), "nothing is queued while somebody is subscribed")
	p.Down()
	_, err = s.Next()
	require.Error(t, err)
	_, err = c.Subscribe(t.Context(), nil)
	require.ErrorIs(t, err, cliproxy.ErrUnreachable)

	p = cliproxytest.Start(t, cliproxytest.Options{Key: key, NoRESP: true})
	_, err = newClient(t, p.URL(), key).Subscribe(t.Context(), nil)
	require.ErrorIs(t, err, cliproxy.ErrNoSubscribe)
	plain := httptest.NewServer(http.NotFoundHandler()) // what stands before it speaks HTTP only
	defer plain.Close()
	_, err = newClient(t, plain.URL, key).Subscribe(t.Context(), nil)
	require.ErrorIs(t, err, cliproxy.ErrNoSubscribe)
	require.False(t, errors.Is(err, cliproxy.ErrRefused))
}
