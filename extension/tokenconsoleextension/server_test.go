package tokenconsoleextension

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// tokens runs a token store until the test ends.
func tokens(t *testing.T) host {
	t.Helper()
	ctx := context.Background()
	f := tokenstoreextension.NewFactory()
	cfg := f.CreateDefaultConfig().(*tokenstoreextension.Config)
	cfg.Directory = t.TempDir()
	e, err := f.Create(ctx, extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(ctx)) })
	return host{component.MustNewID("tokenstore"): e}
}

func consoleAt(t *testing.T, endpoint string) extension.Extension {
	t.Helper()
	f := NewFactory()
	cfg := f.CreateDefaultConfig().(*Config)
	cfg.Storage, cfg.HTTP.NetAddr.Endpoint = component.MustNewID("tokenstore"), endpoint
	require.NoError(t, cfg.Validate())
	e, err := f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(t, err)
	return e
}

func TestLifecycle(t *testing.T) {
	ctx := context.Background()
	h := tokens(t)
	e := consoleAt(t, "127.0.0.1:0")
	require.Equal(t, []component.ID{component.MustNewID("tokenstore")}, e.(*server).Dependencies())
	require.NoError(t, e.Start(ctx, h))
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + e.(*server).listener.Addr().String() + "/api/console/health")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.JSONEq(t, `{"code":0,"data":{"status":"ok","role":"single","commit":0}}`, string(body))
	require.NoError(t, e.Shutdown(ctx))
	require.NoError(t, e.Shutdown(ctx), "a second time does no harm")
}

// TestReady: the console is ready only while the receivers of the collector listen.
func TestReady(t *testing.T) {
	ctx := context.Background()
	e := consoleAt(t, "127.0.0.1:0")
	require.NoError(t, e.Start(ctx, tokens(t)))
	defer func() { require.NoError(t, e.Shutdown(ctx)) }()
	s := e.(*server)
	requireStatus := func(want int, path string) {
		t.Helper()
		w := httptest.NewRecorder()
		s.console.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+path, nil))
		require.Equal(t, want, w.Code, w.Body)
	}
	for _, path := range []string{"/ready", "/api/console/ready"} {
		requireStatus(http.StatusServiceUnavailable, path)
		require.NoError(t, s.Ready())
		requireStatus(http.StatusOK, path)
		require.NoError(t, s.NotReady())
		requireStatus(http.StatusServiceUnavailable, path)
	}
	requireStatus(http.StatusOK, "/health")
}

func TestShutdownWithoutStart(t *testing.T) {
	require.NoError(t, consoleAt(t, "127.0.0.1:0").Shutdown(context.Background()))
}

// TestTakenPort: where listening fails, the console that was made is closed: it follows the ledger no more.
func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	e := consoleAt(t, l.Addr().String())
	err = e.Start(context.Background(), tokens(t))
	require.ErrorContains(t, err, "set another endpoint")
	requireClosed(t, e)
	require.NoError(t, e.Shutdown(context.Background()))
}

// requireClosed checks that the console of an extension that did not start opens no live stream, and that
// nothing listens.
func requireClosed(t *testing.T, e extension.Extension) {
	t.Helper()
	s := e.(*server)
	require.Nil(t, s.listener)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w := httptest.NewRecorder()
	s.console.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/api/console/logs/stream", nil))
	require.NoError(t, ctx.Err(), "a stream was opened")
	require.Equal(t, http.StatusServiceUnavailable, w.Code, w.Body)
}

// TestNoFirstAdmin: what fails after the console listens leaves no listener behind.
func TestNoFirstAdmin(t *testing.T) {
	ctx := context.Background()
	h := tokens(t)
	l := h[component.MustNewID("tokenstore")].(*tokenstoreextension.Store).Ledger()
	e := consoleAt(t, "127.0.0.1:0")
	e.(*server).config.Access.Mode = modeLocal
	e.(*server).config.Access.Admin.Username, e.(*server).config.Access.Admin.Password = "root", "correct horse battery staple"
	require.NoError(t, l.Close()) // the admin cannot be stored
	require.ErrorContains(t, e.Start(ctx, h), "first admin")
	require.Nil(t, e.(*server).listener)
	require.NoError(t, e.Shutdown(ctx))
}

func TestNoStore(t *testing.T) {
	err := consoleAt(t, "127.0.0.1:0").Start(context.Background(), host{})
	require.ErrorContains(t, err, `no extension "tokenstore" is running`)
}

// TestShutdownWithStream: a live stream passes the collector's server at once, and ends with it.
func TestShutdownWithStream(t *testing.T) {
	ctx := context.Background()
	e := consoleAt(t, "127.0.0.1:0")
	require.NoError(t, e.Start(ctx, tokens(t)))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + e.(*server).listener.Addr().String() + "/api/console/logs/stream")
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, len("retry"))
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	require.Equal(t, "retry", string(first))
	require.NoError(t, e.Shutdown(ctx))
	_, err = io.ReadAll(res.Body)
	require.NoError(t, err, "it was ended, not cut off")
}
