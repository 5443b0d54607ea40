package tokenconsoleextension

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/tokenboard/tokenboard/internal/access"
)

// attributes are those of an authenticator.
type attributes map[string]any

func (a attributes) GetAttribute(name string) any { return a[name] }

func (a attributes) GetAttributeNames() (names []string) {
	for name := range a {
		names = append(names, name)
	}
	return names
}

func TestRolesOfTheAuthenticated(t *testing.T) {
	mapped := Access{AuthRoleAttribute: "membership", AuthRoles: map[string][]string{"admin": {"platform"}, "viewer": {"staff"}, "member": {"all"}}}
	for _, tc := range []struct {
		name string
		a    Access
		auth client.AuthData
		want access.Principal
	}{
		{"a shared token", Access{}, nil, access.Principal{Name: "authenticated", Role: access.Viewer, Via: "auth"}},
		{"a role for all", Access{AuthRole: "operator"}, attributes{"username": "bob"}, access.Principal{Name: "bob", Role: access.Operator, Via: "auth"}},
		{"none for all", Access{AuthRole: "none"}, attributes{"username": "bob"}, access.Principal{Name: "bob", Via: "auth"}},
		{"the subject first", Access{}, attributes{"username": "bob", "subject": "7"}, access.Principal{Name: "7", Role: access.Viewer, Via: "auth"}},
		{"a name of its own", Access{AuthNameAttribute: "email"}, attributes{"subject": "7", "email": "a@b"}, access.Principal{Name: "a@b", Role: access.Viewer, Via: "auth"}},
		{"a list", mapped, attributes{"subject": "7", "membership": []string{"staff", "platform"}}, access.Principal{Name: "7", Role: access.Admin, Via: "auth"}},
		{"any list", mapped, attributes{"subject": "7", "membership": []any{"staff", 5}}, access.Principal{Name: "7", Role: access.Viewer, Via: "auth"}},
		{"a text", mapped, attributes{"subject": "7", "membership": "staff"}, access.Principal{Name: "7", Role: access.Viewer, Via: "auth"}},
		{"unmapped is refused", mapped, attributes{"subject": "7", "membership": "guests"}, access.Principal{Name: "7", Via: "auth"}},
		{"no attribute", mapped, attributes{"subject": "7"}, access.Principal{Name: "7", Via: "auth"}},
		{"a member has a name", mapped, attributes{"membership": "all"}, access.Principal{Via: "auth"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			of, err := tc.a.authenticated()
			require.NoError(t, err)
			require.Equal(t, tc.want, of(client.NewContext(context.Background(), client.Info{Auth: tc.auth})))
		})
	}
}

// gate is an authenticator: whoever names himself is let in.
type gate struct{ component.Component }

var _ extensionauth.Server = gate{}

func (gate) Authenticate(ctx context.Context, sources map[string][]string) (context.Context, error) {
	for name, values := range sources {
		if strings.EqualFold(name, "X-Name") {
			return client.NewContext(ctx, client.Info{Auth: attributes{"subject": values[0]}}), nil
		}
	}
	return ctx, io.EOF
}

// TestAuthenticator asks a console behind an authenticator.
func TestAuthenticator(t *testing.T) {
	ctx := context.Background()
	h := tokens(t)
	id := component.MustNewID("gate")
	h[id] = gate{}
	f := NewFactory()
	cfg := f.CreateDefaultConfig().(*Config)
	cfg.Storage, cfg.HTTP.NetAddr.Endpoint = component.MustNewID("tokenstore"), "127.0.0.1:0"
	cfg.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: id}})
	cfg.Access.AuthRoleAttribute, cfg.Access.AuthRoles = "subject", map[string][]string{"viewer": {"vera"}, "admin": {"adam"}}
	require.NoError(t, cfg.Validate())
	e, err := f.Create(ctx, extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, h))
	defer func() { require.NoError(t, e.Shutdown(ctx)) }()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	for name, want := range map[string][2]int{"": {401, 401}, "vera": {200, 403}, "adam": {200, 200}, "eve": {401, 401}} {
		for i, path := range []string{"/stats", "/users"} {
			req, err := http.NewRequest(http.MethodGet, e.(*server).address()+"/api/console"+path, nil)
			require.NoError(t, err)
			if name != "" {
				req.Header.Set("X-Name", name)
			}
			res, err := client.Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, want[i], res.StatusCode, "%s asks for %s", name, path)
		}
	}
}

// TestFirstAdminIsPrinted starts a console without users.
func TestFirstAdminIsPrinted(t *testing.T) {
	ctx := context.Background()
	f := NewFactory()
	cfg := f.CreateDefaultConfig().(*Config)
	cfg.Storage, cfg.HTTP.NetAddr.Endpoint, cfg.Access.Mode = component.MustNewID("tokenstore"), "127.0.0.1:0", modeLocal
	require.NoError(t, cfg.Validate())
	e, err := f.Create(ctx, extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, tokens(t)))
	defer func() { require.NoError(t, e.Shutdown(ctx)) }()
	var out bytes.Buffer
	require.NoError(t, e.(*server).firstAdmin(ctx, &out))
	require.Contains(t, out.String(), e.(*server).address()+"/console/login#setup=")
	cfg.Access.Admin = FirstAdmin{Username: "root", Password: "a password of the tests"}
	require.NoError(t, e.(*server).firstAdmin(ctx, &out))
	out.Reset()
	require.NoError(t, e.(*server).firstAdmin(ctx, &out))
	require.Empty(t, out.String(), "there is an admin")
}

func TestShutdownOfNopHost(t *testing.T) {
	require.Error(t, consoleAt(t, "127.0.0.1:0").Start(context.Background(), componenttest.NewNopHost()))
}
