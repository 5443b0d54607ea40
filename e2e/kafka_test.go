package e2e

import (
	"path/filepath"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/kafkaexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kafkareceiver"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/otelcol/otelcoltest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/tokenboard/tokenboard/exporter/tokenboardexporter"
	"github.com/tokenboard/tokenboard/extension/otlpguardextension"
	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor"
)

// TestKafkaExample validates the configurations with Kafka, which need components that the binary does not have.
func TestKafkaExample(t *testing.T) {
	t.Setenv("TOKENBOARD_DATA_DIR", t.TempDir())
	f := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var err error
	f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](kafkareceiver.NewFactory(), otlpreceiver.NewFactory())
	require.NoError(t, err)
	f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](memorylimiterprocessor.NewFactory(), tokenusageprocessor.NewFactory())
	require.NoError(t, err)
	f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](kafkaexporter.NewFactory(), tokenboardexporter.NewFactory())
	require.NoError(t, err)
	f.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](
		tokenstoreextension.NewFactory(), tokenconsoleextension.NewFactory(), otlpguardextension.NewFactory(),
	)
	require.NoError(t, err)
	for _, name := range []string{"edge.yaml", "ledger.yaml"} {
		_, err := otelcoltest.LoadConfigAndValidate(filepath.Join("..", "examples", "kafka", name), f)
		require.NoError(t, err, name)
	}
}
