package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// semanticKernel reports input and output alone. https://learn.microsoft.com/semantic-kernel/concepts/enterprise-readiness/observability/
var semanticKernel = Family{
	Name:   "semantic-kernel",
	Scopes: []string{"semantic_kernel", "Microsoft.SemanticKernel"},
	Adds:   &genAI,
}

// agentFramework is Microsoft's Agent Framework. For Anthropic it puts the client's own input figure
// next to the cache. https://learn.microsoft.com/agent-framework/
var agentFramework = Family{
	Name:   "agent-framework",
	Scopes: []string{"agent_framework", "Microsoft.Agents.AI", "Experimental.Microsoft.Agents.AI"},
	Adds:   &genAI,
	Cache:  []PartRule{{Provider: "anthropic", Is: figures.Excluded}},
}

// copilot is GitHub Copilot in VS Code and on the command line. Its attribute for cost counts premium requests, not
// money.
// https://code.visualstudio.com/docs/copilot/guides/monitoring-agents
var copilot = Family{
	Name:       "github-copilot",
	Scopes:     []string{"copilot-chat", "github.copilot", "github-copilot", "@github/copilot", "copilot"},
	Marks:      []string{"resource:service.name=copilot-chat", "resource:service.name=github-copilot"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{TTFT: {"copilot_chat.time_to_first_token"}, Cost: {}},
}
