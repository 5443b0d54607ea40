package tokenboardexporter

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// Config is the configuration of the exporter.
type Config struct {
	exporterhelper.TimeoutConfig `mapstructure:",squash"`

	// Storage is the id of the tokenstore extension to write to.
	Storage component.ID `mapstructure:"storage"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const defaultTimeout = 30 * time.Second

func createDefaultConfig() component.Config {
	return &Config{TimeoutConfig: exporterhelper.TimeoutConfig{Timeout: defaultTimeout}}
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	if c.Storage == (component.ID{}) {
		return errors.New("storage must be set to the id of a tokenstore extension")
	}
	return nil
}
