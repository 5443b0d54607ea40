package tokenconsoleextension

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	consoleserver "github.com/tokenboard/tokenboard/internal/console/server"
)

var _ extensioncapabilities.ConfigSnapshotWatcher = (*server)(nil)

// NotifyConfigSnapshot reads from the collector's configuration where OTLP is received, so that the
// page shows addresses that work. The collector calls it when all extensions have started.
func (s *server) NotifyConfigSnapshot(_ context.Context, snapshot extensioncapabilities.ConfigSnapshot) error {
	s.console.SetOTLP(otlpEndpoints(snapshot.Effective()))
	return nil
}

// otlpDefaults are the endpoints of the OTLP receiver where the configuration names none.
var otlpDefaults = map[string]string{"grpc": "localhost:4317", "http": "localhost:4318"}

// otlpEndpoints returns the addresses of the OTLP receivers whose telemetry reaches a tokenboard
// exporter, in a fixed order. An address whose port the system chooses is left out.
func otlpEndpoints(conf *confmap.Conf) []consoleserver.OTLPEndpoint {
	out := []consoleserver.OTLPEndpoint{}
	if conf == nil {
		return out
	}
	all := conf.ToStringMap()
	receivers, _ := all["receivers"].(map[string]any)
	for _, name := range feeding(all) {
		if !isType(name, "otlp") {
			continue
		}
		receiver, _ := receivers[name].(map[string]any)
		protocols, _ := receiver["protocols"].(map[string]any)
		for _, protocol := range slices.Sorted(maps.Keys(otlpDefaults)) {
			settings, there := protocols[protocol]
			if !there {
				continue
			}
			if e, ok := otlpEndpoint(name, protocol, settings); ok {
				out = append(out, e)
			}
		}
	}
	return out
}

func otlpEndpoint(receiver, protocol string, settings any) (e consoleserver.OTLPEndpoint, ok bool) {
	fields, _ := settings.(map[string]any)
	address := otlpDefaults[protocol]
	if s, ok := fields["endpoint"].(string); ok && s != "" {
		address = s
	}
	if transport, ok := fields["transport"].(string); ok && !strings.HasPrefix(transport, "tcp") {
		return e, false
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return e, false
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return e, false
	}
	return consoleserver.OTLPEndpoint{
		Receiver: receiver, Protocol: protocol, Host: host, Port: int(port),
		TLS: fields["tls"] != nil, Auth: fields["auth"] != nil,
	}, true
}

// feeding returns the receivers of the pipelines that end in a tokenboard exporter, directly or
// through connectors, sorted.
func feeding(conf map[string]any) []string {
	service, _ := conf["service"].(map[string]any)
	pipelines, _ := service["pipelines"].(map[string]any)
	found := map[string]bool{}
	for again := true; again; {
		again = false
		for _, p := range pipelines {
			pipeline, _ := p.(map[string]any)
			reaches := slices.ContainsFunc(names(pipeline["exporters"]), func(exporter string) bool {
				return isType(exporter, "tokenboard") || found[exporter] // a connector is an exporter and a receiver
			})
			if !reaches {
				continue
			}
			for _, receiver := range names(pipeline["receivers"]) {
				if !found[receiver] {
					found[receiver], again = true, true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func names(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// isType reports whether a component's name, such as otlp/internal, has a type.
func isType(name, typ string) bool {
	t, _, _ := strings.Cut(name, "/")
	return t == typ
}
