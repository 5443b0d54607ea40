package tokenusageprocessor

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"

	"github.com/tokenboard/tokenboard/internal/dialect"
)

// Config is the configuration of the processor.
type Config struct {
	// DropContent removes prompt and answer texts, tool arguments and results.
	DropContent bool `mapstructure:"drop_content"`
	// RedactSecrets removes attributes and fields with the names of secrets (Authorization, x_api_key, password),
	// and cuts keys that are known by their shape out of every text that stays. Client keys under their usual
	// names are always removed, and none is ever stored.
	RedactSecrets bool `mapstructure:"redact_secrets"`
	// DropAttributes are further attributes to remove, by name, or by the beginning of their
	// names where the last character is "*".
	DropAttributes []string `mapstructure:"drop_attributes"`
	// EmitLegacyCacheCreation writes the figure of cache writes under its older name,
	// gen_ai.usage.cache_creation.input_tokens, too.
	EmitLegacyCacheCreation bool `mapstructure:"emit_legacy_cache_creation"`
	// Dialects define emitters that the processor has no rules for.
	Dialects []Dialect `mapstructure:"dialects"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Dialect maps the attributes of an emitter to fields of a call. If several attributes are listed, the first one with a
// figure is used; "name#path.inside" reads a field of an attribute whose value is JSON.
type Dialect struct {
	// Name is shown in tokenboard.dialect.
	Name string `mapstructure:"name"`
	// Scope limits it to instrumentation scopes whose names start so.
	Scope string `mapstructure:"scope"`
	// Events are the names of log events that are calls; without them only spans are read.
	Events []string `mapstructure:"events"`

	Input      []string `mapstructure:"input"`
	Output     []string `mapstructure:"output"`
	Total      []string `mapstructure:"total"`
	CacheRead  []string `mapstructure:"cache_read"`
	CacheWrite []string `mapstructure:"cache_write"`
	// CacheWrite1h is the part of CacheWrite that is kept for an hour.
	CacheWrite1h []string `mapstructure:"cache_write_1h"`
	Reasoning    []string `mapstructure:"reasoning"`
	// InputIncludesCache says whether the input figure includes cache reads and writes. Not set: the
	// figures show it, or it does.
	InputIncludesCache *bool `mapstructure:"input_includes_cache"`
	// OutputIncludesReasoning likewise.
	OutputIncludesReasoning *bool `mapstructure:"output_includes_reasoning"`

	// Provider is the GenAI name of the provider where records name none.
	Provider     string   `mapstructure:"provider"`
	Model        []string `mapstructure:"model"`
	RequestModel []string `mapstructure:"request_model"`
	ResponseID   []string `mapstructure:"response_id"`
	RequestID    []string `mapstructure:"request_id"`
	User         []string `mapstructure:"user"`
	Project      []string `mapstructure:"project"`
	Session      []string `mapstructure:"session"`
	// ServiceTier is the service tier: batch, flex, priority, ...
	ServiceTier []string `mapstructure:"service_tier"`
	// Account is the upstream account; only its display form is kept.
	Account []string `mapstructure:"account"`
	// CostUSD is a reported cost in US dollars.
	CostUSD []string `mapstructure:"cost_usd"`
	// prevent unkeyed literal initialization
	_ struct{}
}

func (d *Dialect) validate() error {
	switch {
	case d.Name == "":
		return errors.New("dialects: each needs a name")
	case len(d.Input)+len(d.Output) == 0:
		return fmt.Errorf("dialects: %s: name the attributes that hold input or output tokens", d.Name)
	}
	return nil
}

// customDialects returns the dialects of the configuration as the decoder takes them.
func (c *Config) customDialects() (out []dialect.Custom) {
	for _, d := range c.Dialects {
		out = append(out, dialect.Custom{
			Name: d.Name, Scope: d.Scope, Events: d.Events, Input: d.Input, Output: d.Output, Total: d.Total, CacheRead: d.CacheRead,
			CacheWrite: d.CacheWrite, CacheWrite1h: d.CacheWrite1h, Reasoning: d.Reasoning, InputHasCache: d.InputIncludesCache, OutputHasReasoning: d.OutputIncludesReasoning,
			Provider: d.Provider, Model: d.Model, RequestModel: d.RequestModel, ResponseID: d.ResponseID, RequestID: d.RequestID,
			User: d.User, Project: d.Project, Session: d.Session, Cost: d.CostUSD, ServiceTier: d.ServiceTier, Account: d.Account,
		})
	}
	return out
}

func createDefaultConfig() component.Config { return &Config{DropContent: true, RedactSecrets: true} }

// Validate checks the configuration.
func (c *Config) Validate() error {
	for _, name := range c.DropAttributes {
		if strings.TrimSuffix(name, "*") == "" {
			return errors.New(`drop_attributes: name the attributes; "*" alone would remove everything`)
		}
	}
	for i := range c.Dialects {
		if err := c.Dialects[i].validate(); err != nil {
			return err
		}
	}
	return nil
}
