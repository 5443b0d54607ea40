package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

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

// withAccess writes the quickstart's configuration with people who sign in.
func withAccess(t *testing.T, access string) string {
	t.Helper()
	raw, err := os.ReadFile("../examples/quickstart/config.yaml")
	require.NoError(t, err)
	const console = "  tokenconsole:\n"
	require.Contains(t, string(raw), console)
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(raw), console, console+"    access:\n"+access, 1)), 0o600))
	return path
}

var setupLink = regexp.MustCompile(`http://\S+/console/login#setup=(\S+)`)

// TestFirstAdminByLink starts a console that nobody can sign in to, and makes the first admin by the link
// that it prints.
func TestFirstAdminByLink(t *testing.T) {
	dir := t.TempDir()
	config := withAccess(t, "      mode: local\n")
	p := run(t, dir, "--config", config)
	found := setupLink.FindStringSubmatch(p.stderr.String())
	require.NotNil(t, found, p.stderr)
	setUp := func(token string) int {
		b := &browser{p, &http.Client{}}
		return b.call(http.MethodPost, "/api/console/session/setup", `{"token":"`+token+`","username":"root","password":"`+adminPassword+`"}`, nil)
	}
	require.Equal(t, http.StatusForbidden, setUp("guess"))
	require.Equal(t, http.StatusOK, setUp(found[1]))
	require.Equal(t, http.StatusForbidden, setUp(found[1]), "once")
	require.Equal(t, http.StatusOK, p.signIn("root", adminPassword).call(http.MethodGet, "/api/console/users", "", nil))
	p.stop(syscall.SIGTERM)

	p = run(t, dir, "--config", config)
	require.NotContains(t, p.stderr.String(), "#setup=", "there is an admin")
	p.signIn("root", adminPassword)
	p.stop(syscall.SIGTERM)
}

// TestUserCommand works on the users of a data folder while the server runs on it.
func TestUserCommand(t *testing.T) {
	dir := t.TempDir()
	user := func(stdin string, args ...string) (string, error) {
		cmd := exec.Command(binary, append(append([]string{"user"}, args...), "--data-dir", dir)...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	_, err := user("", "list")
	require.Error(t, err, "no database yet")
	out, err := user(adminPassword+"\n", "add", "Root", "--role", "admin", "--password-stdin")
	require.NoError(t, err, out)

	p := run(t, dir, "--config", withAccess(t, "      mode: local\n"))
	require.NotContains(t, p.stderr.String(), "#setup=")
	root := p.signIn("root", adminPassword)
	out, err = user(adminPassword, "add", "alice", "--password-stdin")
	require.NoError(t, err, out)
	alice := p.signIn("alice", adminPassword)
	require.Equal(t, http.StatusOK, alice.call(http.MethodGet, "/api/console/stats", "", nil))
	out, err = user("", "disable", "alice")
	require.NoError(t, err, out)
	require.Equal(t, http.StatusUnauthorized, alice.call(http.MethodGet, "/api/console/stats", "", nil), "at once")
	out, err = user("", "enable", "alice")
	require.NoError(t, err, out)
	require.Equal(t, http.StatusUnauthorized, alice.call(http.MethodGet, "/api/console/stats", "", nil), "the old session stays ended")
	out, err = user("another long password", "passwd", "alice", "--password-stdin")
	require.NoError(t, err, out)
	p.signIn("alice", "another long password")

	for args, says := range map[string]string{
		"add alice --password-stdin":             "exists already",
		"add bob --role verifier":                "no role of a user",
		"add b/ob --password-stdin":              "may hold letters",
		"passwd nobody --password-stdin":         "no user nobody",
		"disable root":                           "last admin",
		"add carol":                              "no terminal",
		"passwd alice --role x --password-stdin": "no role of a user",
	} {
		out, err = user(adminPassword, strings.Fields(args)...)
		require.Error(t, err, args)
		require.Contains(t, out, says, args)
	}
	out, err = user("", "list")
	require.NoError(t, err)
	require.Regexp(t, `(?s)alice +viewer +local +enabled.*root +admin +local +enabled`, out)
	require.NotContains(t, out, "argon2")

	var audit struct {
		Data struct {
			Items []struct {
				Action string
				Actor  struct{ Via string }
			}
		}
	}
	require.Equal(t, http.StatusOK, root.call(http.MethodGet, "/api/console/audit?target=alice&action=user", "", &audit))
	var logged []string
	for _, i := range audit.Data.Items {
		logged = append(logged, i.Action+" by "+i.Actor.Via)
	}
	require.Equal(t, []string{"user.password by command line", "user.update by command line", "user.update by command line", "user.create by command line"}, logged)
	p.stop(syscall.SIGTERM)
}
