package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

// TestExamplesBoundConnections: every example that receives OTLP over gRPC limits its connections, their age included: a
// stalled stream holds the bytes that it has sent for as long as its connection lives.
func TestExamplesBoundConnections(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.yaml")
	require.NoError(t, err)
	files = append(files, "../../examples/kubernetes/tokenboard/config.yaml")
	checked := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		retrieved, err := confmap.NewRetrievedFromYAML(raw)
		require.NoError(t, err, file)
		conf, err := retrieved.AsConf()
		if err != nil {
			continue // not a configuration of a collector
		}
		receivers, _ := conf.Get("receivers").(map[string]any)
		for name := range receivers {
			grpc := "receivers::" + name + "::protocols::grpc"
			if !strings.HasPrefix(name, "otlp") || !conf.IsSet(grpc) {
				continue
			}
			for _, limit := range []string{
				"max_recv_msg_size_mib", "max_concurrent_streams", "keepalive::server_parameters::max_connection_idle",
				"keepalive::server_parameters::max_connection_age", "keepalive::server_parameters::max_connection_age_grace",
			} {
				require.True(t, conf.IsSet(grpc+"::"+limit), "%s: set %s of %s", file, limit, name)
			}
			checked++
		}
	}
	require.GreaterOrEqual(t, checked, 4)
}
