package tokenconsoleextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Quota is the intended spending of all calls in a period. The console shows it, but does not enforce it.
type Quota struct {
	// Tokens is the number of tokens; 0 is none.
	Tokens int64 `mapstructure:"tokens"`
	// USD is the amount of US dollars; 0 is none.
	USD float64 `mapstructure:"usd"`
	// Period is day, week, month or total.
	Period string `mapstructure:"period"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Verify is how keys are checked for proxies.
type Verify struct {
	// Anonymous lets programs on this machine ask without signing in.
	Anonymous bool `mapstructure:"anonymous"`
	// Reservation is how long a check reserves the estimate of its call, unless the call's telemetry arrives before.
	Reservation time.Duration `mapstructure:"reservation"`
	// Estimate is the number of tokens that a check reserves where it does not say how many.
	Estimate int64 `mapstructure:"estimate"`
	// FailuresPerMinute is how many keys that are not good one source may try in a minute.
	FailuresPerMinute int `mapstructure:"failures_per_minute"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func defaultVerify() Verify {
	return Verify{Reservation: 10 * time.Minute, Estimate: 1_000, FailuresPerMinute: 20}
}

func (v *Verify) validate() error {
	var errs []error
	if v.Reservation < time.Second || v.Reservation > 24*time.Hour {
		errs = append(errs, errors.New("verify: reservation must be between 1s and 24h"))
	}
	if v.Estimate < 1 || v.Estimate > usage.MaxExact {
		errs = append(errs, errors.New("verify: estimate must be at least 1 token"))
	}
	if v.FailuresPerMinute < 1 {
		errs = append(errs, errors.New("verify: failures_per_minute must be at least 1"))
	}
	return errors.Join(errs...)
}

func (q *Quota) read() (stats.Quota, error) {
	out := stats.Quota{Tokens: q.Tokens}
	if q.Tokens < 0 || q.Tokens > usage.MaxExact {
		return out, errors.New("quota: tokens must be a number of tokens, or 0 for none")
	}
	var err error
	if out.Cost, err = usage.USD(q.USD); err != nil {
		return out, fmt.Errorf("quota: usd: %w", err)
	}
	if out.Period, err = stats.ParsePeriod(q.Period); err != nil {
		return out, fmt.Errorf("quota: period %w", err)
	}
	return out, nil
}
