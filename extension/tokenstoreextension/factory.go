package tokenstoreextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension/internal/metadata"
)

// NewFactory creates the factory of the extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return &Store{config: cfg.(*Config), logger: set.Logger, version: set.BuildInfo.Version, set: set.TelemetrySettings}, nil
}
