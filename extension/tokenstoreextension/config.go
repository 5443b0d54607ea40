package tokenstoreextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the extension.
type Config struct {
	// Engine selects the database: sqlite, a file in Directory, or postgres.
	Engine string `mapstructure:"engine"`
	// Directory holds the database of sqlite. It is made where it does not exist.
	Directory string `mapstructure:"directory"`
	// Postgres says which PostgreSQL database it is where Engine is postgres.
	Postgres Postgres `mapstructure:"postgres"`
	// Retention limits what is kept.
	Retention Retention `mapstructure:"retention"`
	// Correlation limits what is remembered to recognise records of one call.
	Correlation Correlation `mapstructure:"correlation"`
	// Sums limits the sums that are kept in memory.
	Sums Sums `mapstructure:"sums"`
	// Series says which series the metrics have.
	Series Series `mapstructure:"series"`
	// Pricing says how calls get their cost.
	Pricing Pricing `mapstructure:"pricing"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Retention says which records are dropped. Several limits may hold at once; zero is no limit.
type Retention struct {
	// MaxAge is the age, by the start of the call, over which records are dropped.
	MaxAge time.Duration `mapstructure:"max_age"`
	// MaxRecords is the number of records over which the oldest are dropped.
	MaxRecords int64 `mapstructure:"max_records"`
	// MaxSizeMiB is the size of the database over which the oldest records are dropped.
	MaxSizeMiB int64 `mapstructure:"max_size_mib"`
	// Interval is the time between two checks of the limits.
	Interval time.Duration `mapstructure:"interval"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Sums limits the sums that are kept in memory and, so that a start reads no records, on disk.
type Sums struct {
	// MaxValues is the largest number of values of one dimension (users, keys, models, ...) that
	// have sums of their own, over all days that are kept; further values are summed as "(other)".
	MaxValues int `mapstructure:"max_values"`
	// SaveInterval is the time between two writes of the sums to disk.
	SaveInterval time.Duration `mapstructure:"save_interval"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Correlation says how far records of one call may lie apart.
type Correlation struct {
	// Window is the longest time between two records of one call.
	Window time.Duration `mapstructure:"window"`
	// MaxSpans is the largest number of spans that are remembered.
	MaxSpans int `mapstructure:"max_spans"`
	// Twins looks for one call that two libraries of a process saw and that share neither a
	// trace nor an id.
	Twins bool `mapstructure:"twins"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	defaultMaxAge   = 400 * 24 * time.Hour // a year and a month: this month beside the same month a year ago
	defaultInterval = time.Minute
	defaultWindow   = 24 * time.Hour
	defaultMaxSpans = 200_000
	defaultValues   = 20_000
	defaultSave     = 5 * time.Minute
)

func createDefaultConfig() component.Config {
	return &Config{
		Engine: engineSQLite, Postgres: defaultPostgres(),
		Retention:   Retention{MaxAge: defaultMaxAge, Interval: defaultInterval},
		Correlation: Correlation{Window: defaultWindow, MaxSpans: defaultMaxSpans, Twins: true},
		Sums:        Sums{MaxValues: defaultValues, SaveInterval: defaultSave},
		Series:      defaultSeries(),
		Pricing:     Pricing{Book: true, Prefer: preferComputed},
	}
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	var errs []error
	errs = append(errs, c.validateEngine())
	if c.Retention.MaxAge < 0 || c.Retention.MaxRecords < 0 || c.Retention.MaxSizeMiB < 0 {
		errs = append(errs, errors.New("retention: limits must not be negative; 0 keeps everything"))
	}
	if c.Retention.MaxAge > 0 && c.Retention.MaxAge < time.Hour {
		errs = append(errs, errors.New("retention: max_age must be at least 1h"))
	}
	if c.Retention.Interval <= 0 {
		errs = append(errs, errors.New("retention: interval must be positive"))
	}
	if c.Correlation.Window <= 0 {
		errs = append(errs, errors.New("correlation: window must be positive"))
	}
	if c.Correlation.MaxSpans <= 0 {
		errs = append(errs, errors.New("correlation: max_spans must be positive"))
	}
	if c.Sums.MaxValues <= 0 || c.Sums.SaveInterval <= 0 {
		errs = append(errs, errors.New("sums: max_values and save_interval must be positive"))
	}
	if _, err := c.Series.options(); err != nil {
		errs = append(errs, err)
	}
	if p := c.Pricing.Prefer; p != preferComputed && p != preferReported {
		errs = append(errs, fmt.Errorf("pricing: prefer must be computed or reported, not %q", p))
	}
	if _, err := c.Pricing.book(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
