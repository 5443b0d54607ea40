package tokenconsoleextension

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	consoleserver "github.com/tokenboard/tokenboard/internal/console/server"
)

func TestOTLPEndpoints(t *testing.T) {
	const pipeline = `
service: {pipelines: {traces: {receivers: [otlp], exporters: [tokenboard]}}}
`
	local := func(protocol string, port int) consoleserver.OTLPEndpoint {
		return consoleserver.OTLPEndpoint{Receiver: "otlp", Protocol: protocol, Host: "localhost", Port: port}
	}
	for _, tt := range []struct {
		name, config string
		want         []consoleserver.OTLPEndpoint
	}{
		{"nothing", "", []consoleserver.OTLPEndpoint{}},
		{"the receiver's own addresses", "receivers: {otlp: {protocols: {grpc: , http: }}}" + pipeline, []consoleserver.OTLPEndpoint{local("grpc", 4317), local("http", 4318)}},
		{"only one protocol", "receivers: {otlp: {protocols: {http: {}}}}" + pipeline, []consoleserver.OTLPEndpoint{local("http", 4318)}},
		{
			"addresses, TLS and credentials", `receivers: {otlp: {protocols: {grpc: {endpoint: "[::]:5317", tls: {cert_file: a}}, http: {endpoint: ":5318", auth: {authenticator: bearertokenauth}}}}}` + pipeline,
			[]consoleserver.OTLPEndpoint{{Receiver: "otlp", Protocol: "grpc", Host: "::", Port: 5317, TLS: true}, {Receiver: "otlp", Protocol: "http", Port: 5318, Auth: true}},
		},
		{"a socket, and a port that the system chooses", `receivers: {otlp: {protocols: {grpc: {endpoint: /run/otlp.sock, transport: unix}, http: {endpoint: "127.0.0.1:0"}}}}` + pipeline, []consoleserver.OTLPEndpoint{}},
		{
			"only receivers that lead here, also through connectors", `
receivers: {otlp/in: {protocols: {grpc: {endpoint: "1.2.3.4:1"}}}, otlp/elsewhere: {protocols: {grpc: {endpoint: "1.2.3.4:2"}}}, otlp/unused: {protocols: {grpc: }}, cliproxy: {}}
service:
  pipelines:
    traces/in: {receivers: [otlp/in], exporters: [forward]}
    traces: {receivers: [forward, cliproxy], exporters: [tokenboard/main]}
    traces/elsewhere: {receivers: [otlp/elsewhere], exporters: [debug]}
`, []consoleserver.OTLPEndpoint{{Receiver: "otlp/in", Protocol: "grpc", Host: "1.2.3.4", Port: 1}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var raw map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(tt.config), &raw))
			require.Equal(t, tt.want, otlpEndpoints(confmap.NewFromStringMap(raw)))
		})
	}
	require.Empty(t, otlpEndpoints(nil))
}
