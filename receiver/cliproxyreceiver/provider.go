package cliproxyreceiver

import "strings"

// providers maps the proxy's names of upstreams to the names in the GenAI conventions.
var providers = map[string]string{
	"claude": "anthropic", "anthropic": "anthropic",
	"codex": "openai", "openai": "openai",
	"gemini": "gcp.gemini", "gemini-cli": "gcp.gemini", "aistudio": "gcp.gemini", "gemini-interactions": "gcp.gemini", "interactions": "gcp.gemini",
	"vertex": "gcp.vertex_ai", "antigravity": "gcp.vertex_ai",
	"xai": "x_ai", "grok": "x_ai", "kimi": "moonshot_ai", "moonshot": "moonshot_ai", "mistral": "mistral_ai",
	"bedrock": "aws.bedrock", "azure": "azure.ai.openai",
}

// compatible begins the names of upstreams that the proxy's user has named.
var compatible = []string{"openai-compatible-", "openai-compatibility-", "openai-compatibility:"}

// compatibleExecutor serves the upstreams that the proxy's user has named.
const compatibleExecutor = "OpenAICompatExecutor"

// executors say which provider's API an upstream speaks, where its name does not say whose it is.
var executors = map[string]string{
	"claudeexecutor": "anthropic", "codexexecutor": "openai", "geminiexecutor": "gcp.gemini", "geminicliexecutor": "gcp.gemini",
	"aistudioexecutor": "gcp.gemini", "geminivertexexecutor": "gcp.vertex_ai", "vertexexecutor": "gcp.vertex_ai",
	"antigravityexecutor": "gcp.vertex_ai", "xaiexecutor": "x_ai", "kimiexecutor": "moonshot_ai",
}

// provider returns the GenAI name of an event's upstream, and whether it is only a name from the proxy's configuration.
func provider(e *event) (upstream string, configured bool) {
	name, own := strings.ToLower(e.Provider.known()), false
	for _, prefix := range compatible {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			name, own = rest, true
			break
		}
	}
	if known, ok := providers[name]; ok {
		return known, false
	}
	if name != "" && name != "openai-compatibility" {
		return name, own || strings.EqualFold(e.Executor.known(), compatibleExecutor)
	}
	return executors[strings.ToLower(e.Executor.known())], false
}

// figuresKind says how an upstream's raw figures relate to each other.
type figuresKind uint8

const (
	undecided  figuresKind = iota // the total decides
	likeOpenAI                    // cache inside input, reasoning inside output
	likeClaude                    // cache beside input
	likeGemini                    // cache inside input, reasoning beside output
)

// figuresOf returns whose API the attempt used. An upstream that speaks OpenAI's counts as it does,
// whatever it is called.
func figuresOf(e *event) figuresKind {
	name, executor := strings.ToLower(e.Provider.known()), strings.ToLower(e.Executor.known())
	if strings.EqualFold(executor, compatibleExecutor) || strings.HasPrefix(name, "openai-compatib") {
		return likeOpenAI
	}
	both := name + " " + executor
	for _, row := range []struct {
		is      figuresKind
		markers []string
	}{
		{likeClaude, []string{"claude", "anthropic"}},
		{likeGemini, []string{"gemini", "aistudio", "antigravity", "vertex", "interaction"}},
		{likeOpenAI, []string{"openai", "codex", "xai", "grok", "kimi", "qwen", "deepseek", "openrouter"}},
	} {
		for _, m := range row.markers {
			if strings.Contains(both, m) {
				return row.is
			}
		}
	}
	return undecided
}
