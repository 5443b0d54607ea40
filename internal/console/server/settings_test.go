package server_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/server"
)

func TestSettings(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	s := consoletest.Read[server.Settings](t, o.NewPerson("alice", access.Viewer).Do("GET", "/settings", ""), 200)
	require.Equal(t, "local", s.AccessMode)
	require.Equal(t, console.DefaultMax, s.MaxKeys)
	require.EqualValues(t, 12*3600, s.Sessions.IdleSeconds)
	require.Nil(t, s.Retention.MaxAgeSeconds)
	require.Nil(t, s.GrafanaURL)
	linked := consoletest.NewBench(t, func(p *console.Options) {
		p.GrafanaURL, p.TraceURL = "https://grafana.example", "https://tempo.example/{trace_id}"
	})
	require.Equal(t, "https://grafana.example", *consoletest.Data[server.Settings](linked, "GET", "/settings", "", 200).GrafanaURL)
	require.Equal(t, "https://tempo.example/{trace_id}", *consoletest.Data[server.Settings](linked, "GET", "/settings", "", 200).TraceURL)
	open := consoletest.Data[server.Settings](consoletest.NewBench(t, nil), "GET", "/settings", "", 200)
	require.Equal(t, "open", open.AccessMode)
	require.Nil(t, open.Sessions)
}
