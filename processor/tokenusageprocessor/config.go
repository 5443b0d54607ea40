package tokenusageprocessor

import (
	"errors"
	"strings"

	"go.opentelemetry.io/collector/component"
)

// Config is the configuration of the processor.
type Config struct {
	// DropContent removes prompt and answer texts, tool arguments and results.
	DropContent bool `mapstructure:"drop_content"`
	// DropAttributes are further attributes to remove, by name, or by the beginning of their
	// names where the last character is "*".
	DropAttributes []string `mapstructure:"drop_attributes"`
	// EmitLegacyCacheCreation writes the figure of cache writes under its older name,
	// gen_ai.usage.cache_creation.input_tokens, too.
	EmitLegacyCacheCreation bool `mapstructure:"emit_legacy_cache_creation"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func createDefaultConfig() component.Config { return &Config{DropContent: true} }

// Validate checks the configuration.
func (c *Config) Validate() error {
	for _, name := range c.DropAttributes {
		if strings.TrimSuffix(name, "*") == "" {
			return errors.New(`drop_attributes: name the attributes; "*" alone would remove everything`)
		}
	}
	return nil
}
