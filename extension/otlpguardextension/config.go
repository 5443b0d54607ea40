package otlpguardextension

import (
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the extension.
type Config struct {
	// MaxDepth is how many messages of protobuf, or brackets of JSON, may be open at one time.
	MaxDepth int `mapstructure:"max_depth"`
	// MaxRequestMemoryMiB is the memory that one request may take while it is received and decoded, estimated.
	MaxRequestMemoryMiB int64 `mapstructure:"max_request_memory_mib"`
	// MaxMemoryMiB is the same for all requests that are decoded and processed at one time.
	MaxMemoryMiB int64 `mapstructure:"max_memory_mib"`
	// MaxReceivingMiB is how many bytes of bodies may have come over HTTP without being decoded yet.
	MaxReceivingMiB int64 `mapstructure:"max_receiving_mib"`
	// MaxReceivingCalls is how many messages may be received over gRPC at one time.
	MaxReceivingCalls int64 `mapstructure:"max_receiving_calls"`
	// Wait is how long a request waits for memory before it is refused for the time being.
	Wait time.Duration `mapstructure:"wait"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	defaultDepth         = 64
	defaultRequestMemory = 48
	defaultMemory        = 128
	defaultReceiving     = 64
	defaultCalls         = 16
	defaultWait          = 5 * time.Second
)

func createDefaultConfig() component.Config {
	return &Config{
		MaxDepth: defaultDepth, MaxRequestMemoryMiB: defaultRequestMemory, MaxMemoryMiB: defaultMemory, MaxReceivingMiB: defaultReceiving,
		MaxReceivingCalls: defaultCalls, Wait: defaultWait,
	}
}

// Validate checks the configuration.
func (c *Config) Validate() error {
	const mostDepth, mostMiB = 1000, 1 << 20 // what the stack of the decoder holds; a terabyte
	var errs []error
	if c.MaxDepth < 16 || c.MaxDepth > mostDepth {
		errs = append(errs, errors.New("max_depth must be from 16, which OTLP itself needs, to 1000"))
	}
	if c.MaxRequestMemoryMiB < 1 || c.MaxRequestMemoryMiB > mostMiB {
		errs = append(errs, errors.New("max_request_memory_mib must be from 1 to 1048576"))
	}
	if c.MaxMemoryMiB < c.MaxRequestMemoryMiB || c.MaxMemoryMiB > mostMiB {
		errs = append(errs, errors.New("max_memory_mib must be at least max_request_memory_mib, and at most 1048576"))
	}
	if c.MaxReceivingMiB < 1 || c.MaxReceivingMiB > mostMiB {
		errs = append(errs, errors.New("max_receiving_mib must be from 1 to 1048576"))
	}
	if c.MaxReceivingCalls < 1 {
		errs = append(errs, errors.New("max_receiving_calls must be positive"))
	}
	if c.Wait <= 0 {
		errs = append(errs, errors.New("wait must be positive"))
	}
	return errors.Join(errs...)
}
