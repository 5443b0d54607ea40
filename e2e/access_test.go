package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"

	"github.com/stretchr/testify/require"
)

// browser is somebody who is signed in to a binary's console.
type browser struct {
	p      *process
	client *http.Client
}

// signIn signs somebody in.
func (p *process) signIn(name, password string) *browser {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(p.t, err)
	b := &browser{p, &http.Client{Jar: jar}}
	body, err := json.Marshal(map[string]string{"username": name, "password": password})
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, b.call(http.MethodPost, "/api/console/session", string(body), nil), "sign in as %s: %s", name, p.stderr)
	return b
}

// call sends a request as the console's page does, and reads its answer.
func (b *browser) call(method, path, body string, into any) int {
	b.p.t.Helper()
	req, err := http.NewRequest(method, b.p.console+path, strings.NewReader(body))
	require.NoError(b.p.t, err)
	req.Header.Set("Origin", b.p.console)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := b.client.Do(req)
	require.NoError(b.p.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(b.p.t, err)
	if into != nil {
		require.NoError(b.p.t, json.Unmarshal(raw, into), string(raw))
	}
	return res.StatusCode
}
