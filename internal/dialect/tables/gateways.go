package tables

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// Gateways that send the conventions' names.

// openRouter is OpenRouter's Broadcast. A cost of 0 means a free model.
// https://openrouter.ai/docs/guides/features/broadcast
var openRouter = Family{
	Name:       "openrouter",
	Scopes:     []string{"openrouter"},
	Marks:      []string{"trace.metadata.openrouter.api_key_name", "trace.metadata.openrouter.provider_slug"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{Cost: {"gen_ai.usage.total_cost"}, Project: {"trace.metadata.openrouter.workspace_name"}},
	ZeroCost:   true,
}

// bifrost is Bifrost's plugin, which copies its attributes of the trace onto every span; only llm.call is a call.
// https://docs.getbifrost.ai/features/observability/otel
var bifrost = Family{
	Name:   "bifrost",
	Scopes: []string{"bifrost"},
	Adds:   &genAI,
	Cache:  []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{
		User:    {"bifrost.user.id", "gen_ai.user_id", "x-bf-dim-user"},
		Project: {"bifrost.team.name", "gen_ai.team_name", "x-bf-dim-team", "bifrost.customer.name", "gen_ai.customer_name"},
	},
}

// cloudflare is Cloudflare's AI Gateway. Its metadata are the customer's own names.
// https://developers.cloudflare.com/ai-gateway/observability/otel-integration/
var cloudflare = Family{
	Name:       "cloudflare-ai-gateway",
	Scopes:     []string{"cloudflare", "ai-gateway"},
	Marks:      []string{"gen_ai.model.provider"},
	Adds:       &genAI,
	Attributes: map[Attribute][]string{User: {"user", "userId", "user_id"}, Project: {"team", "project", "teamId", "team_id"}},
}

// kong is Kong's AI Gateway. https://developer.konghq.com/ai-gateway/llm-open-telemetry/
var kong = Family{
	Name:       "kong",
	Scopes:     []string{"kong"},
	Marks:      []string{"kong.gen_ai.llm.cost", "kong.gen_ai.cache.status", "kong.auth.consumer.name"},
	Adds:       &genAI,
	Attributes: map[Attribute][]string{User: {"kong.auth.consumer.name"}, Cost: {"kong.gen_ai.llm.cost"}},
}

// higress writes tags onto Envoy's own span, all of them texts.
// https://higress.cn/en/docs/latest/plugins/ai/api-o11y/ai-statistics/
var higress = Family{
	Name:       "higress",
	Scopes:     []string{"higress"},
	Marks:      []string{"gen_ai.model_name", "x-mse-consumer"},
	Adds:       &genAI,
	Attributes: map[Attribute][]string{User: {"x-mse-consumer"}, TTFT: {"llm_first_token_duration"}},
	Units:      map[string]time.Duration{"llm_first_token_duration": time.Millisecond},
}
