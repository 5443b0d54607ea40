package tokenboardreceiver

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Forms of histograms.
const (
	explicit    = "explicit"
	exponential = "exponential"
)

const (
	defaultInterval = time.Minute
	minInterval     = time.Second
	maxInterval     = 24 * time.Hour
)

// Config is the configuration of the receiver.
type Config struct {
	// Console is the id of the tokenconsole extension whose metrics are emitted.
	Console component.ID `mapstructure:"console"`
	// Interval is the time between two collections.
	Interval time.Duration `mapstructure:"collection_interval"`
	// Histograms is the form of histograms: explicit, with powers of two as bounds, or exponential, with bounds 9% apart.
	Histograms string `mapstructure:"histograms"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func createDefaultConfig() component.Config {
	return &Config{Console: component.MustNewID("tokenconsole"), Interval: defaultInterval, Histograms: explicit}
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	if c.Interval < minInterval || c.Interval > maxInterval {
		errs = append(errs, fmt.Errorf("collection_interval must be between %s and %s", minInterval, maxInterval))
	}
	if c.Histograms != explicit && c.Histograms != exponential {
		errs = append(errs, errors.New("histograms must be explicit or exponential"))
	}
	return errors.Join(errs...)
}
